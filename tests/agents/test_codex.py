"""The real Codex, against the fake LLM."""

import base64
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.agents.conftest import StartAgent
from tests.agents.harness import LiveAgent, LiveSession, Refused, poll
from tests.agents.profiles.codex import PROFILE, write_config
from tests.agents.scenarios import Scenario, common_scenarios, marks_of
from tests.support import observer

FAKES = Path(__file__).parents[1] / "fakes"
DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

pytestmark = marks_of(PROFILE)


@pytest.fixture(scope="module")
def agent(start_agent: StartAgent) -> LiveAgent:
    return start_agent(replace(PROFILE, launch=_launch))


def _launch(bins: Mapping[str, Path]) -> dict[str, Any]:
    """Tell the sidecar where Codex is, for what is asked without a session."""
    (folder,) = bins.values()
    return {"settings": {"providers": {"codex": {"binaryPath": str(folder / "codex")}}}}


@common_scenarios(PROFILE)
def test_scenario(agent: LiveAgent, scenario: Scenario) -> None:
    scenario(agent)


# What is particular to Codex


def test_the_native_binary_runs_and_not_the_wrapper(agent: LiveAgent) -> None:
    with agent.session("native") as session:
        programs = [seen.argv[0] for seen in observer.seen_with_env(session.place.sentinel)]
        assert any("/vendor/" in program for program in programs)
        assert [program for program in programs if program.endswith("node")] == []


def test_status_and_models_are_told_without_a_session(agent: LiveAgent) -> None:
    (row,) = agent.app.request("provider.status", provider="codex")["providers"]
    assert (row["installed"], row["version"]) == (True, "0.169.0")
    assert "/vendor/" in row["path"]
    models = agent.app.request("provider.models", provider="codex")["models"]
    assert [model["slug"] for model in models if model.get("isDefault")] != []


def test_a_model_out_of_reach_is_said_at_once_and_fails_the_turn(agent: LiveAgent) -> None:
    session = agent.session("unreachable")
    start = PROFILE.start(session.place)
    write_config(session.place, url="http://127.0.0.1:9")
    options = {**start["options"], "reconnectMs": 1500}
    session = LiveSession(
        agent, session.thread_id, session.place, {"options": options, "env": start["env"]}
    )
    session.profile = replace(PROFILE, start=lambda _: {})
    with session:
        turn_id = session.send("@@plain")
        warning = session.until("runtime.warning", turn_id, where=_retries)
        assert warning["payload"]["message"]
        end = session.finish(turn_id)
        assert end["state"] == "failed"
        assert "could not be reached for 1.5 s" in end["errorMessage"]
        write_config(session.place)


def _retries(event: dict[str, Any]) -> bool:
    return (event["payload"].get("detail") or {}).get("willRetry") is True


def test_a_thread_is_read_and_rolled_back(agent: LiveAgent) -> None:
    with agent.session("history") as session:
        assert session.request("session.readThread")["turns"] == []
        first = session.send("@@plain")
        session.finish(first)
        second = session.send("@@plain")
        session.finish(second)
        turns = session.request("session.readThread")["turns"]
        assert [turn["id"] for turn in turns] == [first, second]
        assert [item["type"] for item in turns[0]["items"]] == ["userMessage", "agentMessage"]
        kept = session.request("session.rollbackThread", numTurns=1)["turns"]
        assert [turn["id"] for turn in kept] == [first]
        assert [t["id"] for t in session.request("session.readThread")["turns"]] == [first]
        assert session.run("@@plain")["state"] == "completed"
        with pytest.raises(Refused, match="the thread has 2"):
            session.request("session.rollbackThread", numTurns=9)


def test_a_thread_that_is_gone_is_begun_anew_and_said(agent: LiveAgent) -> None:
    gone = {"threadId": "01a204b6-1ae0-70a2-93d7-32f9126a363c"}
    with agent.session("gone", resumeCursor=gone) as session:
        warning = session.until("runtime.warning")["payload"]
        assert warning["detail"]["kind"] == "not-resumed"
        assert "no rollout found" in warning["message"]
        assert session.run("@@plain")["state"] == "completed"


def test_plan_mode_effort_and_model_are_set_in_the_session(agent: LiveAgent) -> None:
    with agent.session("settings") as session:
        session.run(
            "@@plain",
            interactionMode="plan",
            modelSelection={"model": "other-model", "options": {"effort": "high"}},
        )
        started = session.of("turn.started")[0]["payload"]
        assert (started["model"], started["effort"]) == ("other-model", "high")
        session.until("session.configured", where=lambda e: _config(e, "interactionMode", "plan"))
        session.run("@@plain", interactionMode="default")
        session.until(
            "session.configured", where=lambda e: _config(e, "interactionMode", "default")
        )
        session.request("session.setConfig", key="model", value="third-model")
        session.until("session.configured", where=lambda e: _config(e, "model", "third-model"))
        session.run("@@plain")
        models = [r["model"] for r in agent.llm.requests() if r.get("action") == "plain"]
        assert models[-3:] == ["other-model", "other-model", "third-model"]


def _config(event: dict[str, Any], key: str, value: str) -> bool:
    return bool(event["payload"]["config"].get(key) == value)


def test_codex_asks_questions_in_plan_mode(agent: LiveAgent) -> None:
    question = {
        "id": "colour",
        "header": "Colour",
        "question": "Which colour?",
        "options": [{"label": "Red", "description": "r"}, {"label": "Blue", "description": "b"}],
    }
    words = json.dumps({"questions": [question]})
    with agent.session("asks") as session:
        turn_id = session.send(f"@@call request_user_input {words}@@", interactionMode="plan")
        asked = session.until("user-input.requested", turn_id)
        assert asked["payload"]["questions"][0]["question"] == "Which colour?"
        session.request(
            "session.respondToUserInput",
            requestId=asked["requestId"],
            answers={"colour": "Blue"},
        )
        assert session.finish(turn_id)["state"] == "completed"
        resolved = session.until("user-input.resolved", turn_id)
        assert resolved["payload"]["answers"] == {"colour": "Blue"}
        assert "Blue" in session.text(turn_id)


def test_a_goal_is_said(agent: LiveAgent) -> None:
    words = json.dumps({"objective": "be done"})
    with agent.session("goal") as session:
        session.run(f"@@call create_goal {words}@@")
        goal = session.until("thread.metadata.updated")["payload"]["metadata"]["goal"]
        assert goal["objective"] == "be done"


PATCH = "apply_patch <<'EOF'\n*** Begin Patch\n*** Add File: new.txt\n+hello\n*** End Patch\nEOF\n"


def test_a_file_change_is_asked_for_and_its_diff_is_said(agent: LiveAgent) -> None:
    words = json.dumps({"cmd": PATCH})
    with agent.session("patch") as session:
        turn_id = session.send(f"@@call exec_command {words}@@")
        request = session.until("request.opened", turn_id)
        assert request["payload"]["requestType"] == "file_change_approval"
        assert not (session.place.work / "new.txt").exists()
        session.respond(request, "accept")
        assert session.finish(turn_id)["state"] == "completed"
        assert (session.place.work / "new.txt").read_text() == "hello\n"
        item = session.until(
            "item.completed", turn_id, where=lambda e: e["payload"]["itemType"] == "file_change"
        )
        assert item["payload"]["detail"].endswith("new.txt")
        assert "+hello" in session.until("turn.diff.updated", turn_id)["payload"]["unifiedDiff"]


def test_edits_are_accepted_where_the_mode_says_so(agent: LiveAgent) -> None:
    words = json.dumps({"cmd": PATCH})
    with agent.session("edits", runtimeMode="auto-accept-edits") as session:
        assert session.run(f"@@call exec_command {words}@@")["state"] == "completed"
        assert (session.place.work / "new.txt").exists()


def test_codexs_own_reviewer_can_be_asked_for(agent: LiveAgent) -> None:
    with agent.session("auto", runtimeMode="auto") as session:
        assert session.run("@@plain")["state"] == "completed"
        assert _config(session.of("session.configured")[1], "approvalsReviewer", "auto_review")


def test_full_access_asks_for_nothing(agent: LiveAgent) -> None:
    words = json.dumps({"cmd": "touch made.txt"})
    with agent.session("full", runtimeMode="full-access") as session:
        assert session.run(f"@@call exec_command {words}@@")["state"] == "completed"
        assert (session.place.work / "made.txt").exists()
        assert session.of("request.opened") == []


def test_an_image_goes_to_the_model(agent: LiveAgent) -> None:
    with agent.session("image") as session:
        path = session.place.work / "dot.png"
        path.write_bytes(DOT)
        before = len(agent.llm.requests())
        session.run(
            "@@plain",
            attachments=[{"type": "image", "mimeType": "image/png", "path": str(path)}],
        )
        asked = [r for r in agent.llm.requests()[before:] if r.get("action") == "plain"]
        assert asked


MCP = """
[mcp_servers.echo]
command = {command}
args = {args}
"""


def test_an_interrupt_spares_mcp_servers(agent: LiveAgent) -> None:
    session = agent.session("mcp")
    word = session.tool_word()
    server = [sys.executable, str(FAKES / "mcp_server.py"), f"--mark={word}"]
    start = PROFILE.start(session.place)
    config = MCP.format(command=json.dumps(server[0]), args=json.dumps(server[1:]))
    write_config(session.place, more=config)
    session = LiveSession(agent, session.thread_id, session.place, start)
    session.profile = replace(PROFILE, start=lambda _: {})
    with session:
        turn_id = session.send(f"@@tool sleep {word}@@")
        session.respond(session.until("request.opened", turn_id), "accept")
        session.until_shells(word, 1)
        session.interrupt(turn_id)
        assert session.finish(turn_id)["state"] == "interrupted"
        alive = [seen.argv for seen in observer.seen(word)]
        assert [argv for argv in alive if argv[0].endswith("sleep")] == []
        assert [argv for argv in alive if "mcp_server.py" in " ".join(argv)]
        servers = session.request("mcp.status")["servers"]
        assert [(s["name"], s["state"], s["tools"]) for s in servers] == [
            ("echo", "connected", ["say"])
        ]
        servers = session.request("mcp.disconnect", name="echo")["servers"]
        assert [(s["name"], s["state"]) for s in servers] == [("echo", "disabled")]
        poll(lambda: not observer.seen(word), "end of the server")


def test_an_interrupt_spares_the_sub_agents_of_earlier_turns(agent: LiveAgent) -> None:
    with agent.session("sub-spared") as session:
        word = session.tool_word()
        first = session.send(f"@@subtool sleep {word}@@")
        session.respond(session.until("request.opened"), "accept")
        session.until_shells(word, 1)
        assert session.finish(first)["state"] == "completed"
        second = session.send("@@slow 300 0.1@@")
        session.until_streaming(second)
        session.interrupt(second)
        assert session.finish(second)["state"] == "interrupted"
        assert [seen for seen in observer.seen(word) if seen.argv[0].endswith("sleep")]
        assert session.of("task.completed") == []


def test_a_sub_agent_outlives_the_turn(agent: LiveAgent) -> None:
    with agent.session("outlives") as session:
        turn_id = session.send("@@subtool sleep 1 && touch made.txt@@")
        assert session.finish(turn_id, "accept")["state"] == "completed"
        opened = session.until("request.opened")
        if not session.of("request.resolved"):
            session.respond(opened, "accept")
        ended = session.until("task.completed")["payload"]
        assert ended["status"] == "completed"
        assert (session.place.work / "made.txt").exists()
        items = [e for e in session.of("item.completed") if e["payload"].get("agentId")]
        assert {e.get("turnId") for e in items} == {None}


FIVE = range(5)


def test_ten_sub_agents_in_two_sessions(agent: LiveAgent) -> None:
    """What apps really do with Codex: each session has five of them at once, for ever so long."""
    with agent.session("five-a") as one, agent.session("five-b") as two:
        for number in FIVE:
            for session in (one, two):
                assert session.run(_spawn(number, "@@slow 600 0.2@@"))["state"] == "completed"
        for session in (one, two):
            session.until("task.started", at=len(FIVE) - 1)
            nodes = agent.app.request("tree.get", threadId=session.thread_id)["nodes"]
            below = [node for node in nodes if node["kind"] == "subagent"]
            assert {node["parent"] for node in below} == {session.thread_id}
            assert len(below) == len({node["id"] for node in below}) == len(FIVE)
        one.stop()
        ended = [e["payload"]["status"] for e in one.of("task.completed")]
        assert ended == ["stopped"] * len(FIVE)
        assert two.of("task.completed") == []
        heard = len(two.events())
        agent.app.until(lambda: len(two.events()) > heard, "the others go on")


def _spawn(number: int, prompt: str) -> str:
    """Return a directive that has a sub-agent of its own name spawned with a prompt."""
    given = json.dumps({"task_name": f"sub{number}", "message": prompt})
    return f"@@call spawn_agent {given.replace('@', chr(92) + 'u0040')}@@"
