"""The demo agent over real stdio: each directive does what it says, cancelled when it is told."""

import os
import signal
import time
from pathlib import Path

import pytest

from sidecar.providers.demo.agent.tricks import CRASH_STATUS
from tests.providers.demo.client import WAIT_S, Client, argv_of, session_of


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + WAIT_S
    while argv_of(pid):
        assert time.monotonic() < deadline, f"{pid} lives"
        time.sleep(0.01)


def test_a_prompt_without_directives_gets_a_streamed_echo() -> None:
    with Client() as client:
        assert client.prompt(client.open(), "How are you?") == "end_turn"
        assert len(client.pieces()) > 2
        assert "You said: How are you?" in client.text()


def test_stream_sends_its_count_of_deltas_in_their_size_and_order() -> None:
    with Client() as client:
        assert client.prompt(client.open(), "@@stream 20 1 40") == "end_turn"
        pieces = client.pieces()
        assert [len(piece) for piece in pieces] == [40] * 20
        assert [int(piece.split()[0]) for piece in pieces] == list(range(20))
        stamps = [int(piece.split()[1]) for piece in pieces]
        assert stamps == sorted(stamps)
        assert stamps[-1] <= time.monotonic_ns()


def test_flood_sends_its_count() -> None:
    with Client() as client:
        client.prompt(client.open(), "@@flood 3000")
        assert [int(piece) for piece in client.pieces()] == list(range(3000))


def test_huge_is_one_line() -> None:
    with Client() as client:
        client.prompt(client.open(), "@@huge 3000000")
        assert client.pieces() == ["h" * 3_000_000]


def test_surrogate_cuts_an_emoji_in_two() -> None:
    with Client() as client:
        client.prompt(client.open(), "@@surrogate")
        assert "\ud83d" in client.pieces()
        assert "\ude00" in client.pieces()


def test_garbage_is_no_json_and_the_turn_goes_on() -> None:
    with Client() as client:
        assert client.prompt(client.open(), "@@garbage") == "end_turn"
        assert len(client.bad) == 4
        assert "That was garbage" in client.text()


def test_a_thought_and_a_plan() -> None:
    with Client() as client:
        client.prompt(client.open(), "@@think @@plan")
        assert client.text("agent_thought_chunk")
        assert len(client.updates("plan")[0]["entries"]) == 2


def test_an_accepted_tool_runs_and_its_output_is_content(tmp_path: Path) -> None:
    with Client("--sentinel", "s3ntinel") as client:
        look = "tr '\\0' ' ' </proc/$$/cmdline; echo; cut -d' ' -f6 /proc/$$/stat"
        command = f"{look}; touch {tmp_path}/made"
        session_id = client.open()
        assert client.prompt(session_id, f"@@tool {command}@@", "demo-once") == "end_turn"
        assert (tmp_path / "made").exists()
        last = client.updates("tool_call_update")[-1]
        assert last["status"] == "completed"
        assert last["rawOutput"] == {"exitCode": 0}
        argv, sid = last["content"][0]["content"]["text"].splitlines()
        assert "s3ntinel" in argv
        assert int(sid) != session_of(client.pid), "the shell has a session of its own"


def test_a_failing_tool_says_its_status() -> None:
    with Client() as client:
        client.prompt(client.open(), "@@tool exit 3@@", "demo-once")
        assert client.updates("tool_call_update")[-1]["rawOutput"] == {"exitCode": 3}
        assert client.updates("tool_call_update")[-1]["status"] == "failed"


@pytest.mark.parametrize("option", ["demo-no", None])
def test_a_tool_that_is_not_allowed_does_not_run(tmp_path: Path, option: str | None) -> None:
    with Client() as client:
        client.prompt(client.open(), f"@@tool touch {tmp_path}/made@@", option)
        assert not (tmp_path / "made").exists()
        assert client.updates("tool_call_update")[-1]["status"] == "failed"


def test_a_tool_that_is_allowed_for_the_session_asks_once() -> None:
    with Client() as client:
        session_id = client.open()
        client.prompt(session_id, "@@tool true@@ @@tool true@@", "demo-always")
        client.prompt(session_id, "@@tool true@@", "demo-no")
        asked = [m for m in client.seen if m.get("method") == "session/request_permission"]
        assert len(asked) == 1
        assert client.updates("tool_call_update")[-1]["status"] == "completed"


def test_directives_run_in_their_order() -> None:
    with Client() as client:
        client.prompt(client.open(), "@@recall @@stream 1 0 5 @@recall")
        first, _, last = client.pieces()
        assert first == last == "I remember 1 prompts. "


@pytest.mark.parametrize(
    "prompt", ["@@stream 1000 100 10", "@@tool sleep 60 & sleep 61@@", "@@leak 1 @@recall"]
)
def test_a_cancel_ends_what_runs(prompt: str) -> None:
    with Client() as client:
        session_id = client.open()
        request_id = client.start_prompt(session_id, prompt)
        if "tool" in prompt:
            message = client.next()
            while message is None or message.get("method") != "session/request_permission":
                message = client.next()
            outcome = {"outcome": {"outcome": "selected", "optionId": "demo-once"}}
            client.send({"id": message["id"], "result": outcome})
            client.until_update("tool_call_update")
        client.send({"method": "session/cancel", "params": {"sessionId": session_id}})
        answer = client.response(request_id)
        assert answer["result"] == {"stopReason": "cancelled"}
        assert "I remember" not in client.text()
        assert client.prompt(session_id, "@@recall") == "end_turn"


def test_a_cancel_of_nothing_does_nothing() -> None:
    with Client() as client:
        session_id = client.open()
        client.send({"method": "session/cancel", "params": {"sessionId": session_id}})
        assert client.prompt(session_id, "@@recall") == "end_turn"


def test_a_daemon_leaves_session_and_parent_and_outlives_the_agent() -> None:
    with Client() as client:
        client.prompt(client.open(), "@@daemon w4tchme")
        pid = int(client.text().split("pid ")[1].rstrip(". "))
        try:
            assert "w4tchme" in argv_of(pid)
            assert session_of(pid) not in (session_of(client.pid), pid)
            status = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
            assert int(status[1]) != client.pid, "it was re-parented"
            os.kill(pid, signal.SIGHUP)
            client.close_stdin()
            assert client.ended() == 0
            assert argv_of(pid)
        finally:
            os.kill(pid, signal.SIGKILL)
        wait_until_gone(pid)


def test_a_daemon_of_an_agent_that_ignores_stop_ignores_sigterm_too() -> None:
    with Client("--ignore-stop", "--sentinel", "d3af") as client:
        client.prompt(client.open(), "@@daemon")
        pid = int(client.text().split("pid ")[1].rstrip(". "))
        try:
            os.kill(pid, signal.SIGTERM)
            assert "d3af" in argv_of(pid)
            ignored = next(
                line
                for line in Path(f"/proc/{pid}/status").read_text().splitlines()
                if line.startswith("SigIgn")
            )
            assert int(ignored.split()[1], 16) & (1 << (signal.SIGTERM - 1))
        finally:
            os.kill(pid, signal.SIGKILL)
        wait_until_gone(pid)


def test_a_crash_ends_the_agent_in_the_middle_of_the_turn() -> None:
    with Client() as client:
        client.start_prompt(client.open(), "@@stream 2 0 5 @@crash")
        while client.next() is not None:
            pass
        assert client.ended() == CRASH_STATUS
        assert len(client.pieces()) == 2
        assert "crashing" in client.stderr()


def test_a_hang_never_answers_and_ignores_the_cancel() -> None:
    with Client() as client:
        session_id = client.open()
        client.start_prompt(session_id, "@@stream 1 0 5 @@hang")
        client.until_update("agent_message_chunk")
        client.send({"method": "session/cancel", "params": {"sessionId": session_id}})
        client.call("session/set_mode", {"sessionId": session_id, "modeId": "plan"})
        assert not [m for m in client.seen if "stopReason" in m.get("result", {})]
        assert client.runs()


def test_a_leak_grows_memory() -> None:
    with Client() as client:
        session_id = client.open()
        before = _rss_bytes(client.pid)
        client.start_prompt(session_id, "@@leak 100")
        deadline = time.monotonic() + WAIT_S
        while _rss_bytes(client.pid) < before + 20 * 1024 * 1024:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_a_leaking_daemon_leaks_when_its_agent_is_gone() -> None:
    with Client() as client:
        client.prompt(client.open(), "@@leakdaemon 100")
        pid = int(client.text().split("pid ")[1].rstrip(". "))
        try:
            assert session_of(pid) not in (session_of(client.pid), pid)
            client.close_stdin()
            assert client.ended() == 0
            before, deadline = _rss_bytes(pid), time.monotonic() + WAIT_S
            while _rss_bytes(pid) < before + 20 * 1024 * 1024:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        finally:
            os.kill(pid, signal.SIGKILL)
        wait_until_gone(pid)


def _rss_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_the_end_of_stdin_ends_the_agent_even_inside_a_turn() -> None:
    with Client() as client:
        client.start_prompt(client.open(), "@@stream 1000 100 5")
        client.until_update("agent_message_chunk")
        client.close_stdin()
        assert client.ended() == 0


def test_sigterm_ends_the_agent() -> None:
    with Client() as client:
        client.open()
        client.terminate()
        assert client.ended() == -signal.SIGTERM


def test_an_agent_that_ignores_stop_survives_both() -> None:
    with Client("--ignore-stop") as client:
        client.open()
        client.terminate()
        client.call("initialize", {"protocolVersion": 1})
        client.close_stdin()
        with pytest.raises(TimeoutError):
            _ended_within(client, 0.3)


def _ended_within(client: Client, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while client.runs():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.01)


def test_the_start_can_be_slow() -> None:
    with Client("--start-delay-ms", "200") as client:
        started = time.monotonic()
        client.call("initialize", {"protocolVersion": 1})
        assert time.monotonic() - started >= 0.2


def test_a_conversation_is_loaded_by_the_next_agent(tmp_path: Path) -> None:
    with Client("--state-dir", str(tmp_path)) as client:
        session_id = client.open()
        client.prompt(session_id, "first")
        client.start_prompt(session_id, "@@crash")
        client.ended()
    with Client("--state-dir", str(tmp_path)) as client:
        shaken = client.call("initialize", {"protocolVersion": 1})["result"]
        assert shaken["agentCapabilities"]["loadSession"] is True
        client.call("session/load", {"sessionId": session_id, "cwd": "/", "mcpServers": []})
        assert client.pieces("user_message_chunk") == ["first", "@@crash"]
        client.prompt(session_id, "@@recall")
        assert client.text().endswith("I remember 3 prompts. ")


def test_a_session_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with Client("--state-dir", str(tmp_path)) as client:
        client.open()
        answer = client.call("session/load", {"sessionId": "0" * 32, "cwd": "/"})
        assert answer["error"]["code"] == -32002
        answer = client.call("session/prompt", {"sessionId": "0" * 32, "prompt": []})
        assert answer["error"]["code"] == -32002


def test_without_a_state_dir_nothing_can_be_loaded() -> None:
    with Client() as client:
        shaken = client.call("initialize", {"protocolVersion": 1})["result"]
        assert shaken["agentCapabilities"]["loadSession"] is False


def test_what_the_agent_does_not_know_is_answered_or_ignored() -> None:
    with Client("--unknown-flag", "x") as client:
        session_id = client.open()
        client.send_raw(b"this is no json\n\n")
        assert client.call("no/such", {})["error"]["code"] == -32601
        for method, params in (
            ("session/set_model", {"modelId": "x"}),
            ("session/set_mode", {"modeId": "x"}),
        ):
            answer = client.call(method, {"sessionId": session_id, **params})
            assert answer["error"]["code"] == -32602
        params = {"sessionId": session_id, "modelId": "demo-large"}
        assert client.call("session/set_model", params)["result"] == {}
        assert client.call("authenticate", {"methodId": "x"})["result"] == {}
