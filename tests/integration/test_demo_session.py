"""A session of the demo agent, from its start to its stop, over the real bridge."""

import os
import signal
from pathlib import Path

import pytest

from sidecar.contract.errors import (
    ProviderProcessFailed,
    SessionClosed,
    SessionNotFound,
    ValidationFailed,
)
from tests.support.client import SidecarClient
from tests.support.sidecar import RunningSidecar, start_params, turn_params
from tests.support.streams import assert_balanced, assistant_text, types


async def test_a_turn_streams_its_answer_and_ends(client: SidecarClient) -> None:
    session = await client.request("session.start", start_params("t1"))
    assert session["status"] == "ready"
    turn = await client.request("session.sendTurn", turn_params("t1", "Hello there"))
    done = await client.wait_event("turn.completed", thread_id="t1")
    assert done.event["turnId"] == turn["turnId"]
    assert done.event["payload"]["state"] == "completed"
    await client.request("session.stop", {"threadId": "t1"})
    await client.wait_event("session.exited", thread_id="t1")
    events = client.of_thread("t1")
    assert "Hello there" in assistant_text(events, turn["turnId"])
    assert types(events)[:2] == ["session.configured", "session.state.changed"]
    assert events[-1].event["payload"]["exitKind"] == "graceful"
    assert_balanced(events)


async def test_the_stream_directive_gives_every_delta_in_order(client: SidecarClient) -> None:
    await client.request("session.start", start_params("t1"))
    await client.request("session.sendTurn", turn_params("t1", "@@stream 50 1 100"))
    await client.wait_event("turn.completed", thread_id="t1")
    assert len(assistant_text(client.of_thread("t1"))) >= 50 * 100


@pytest.mark.parametrize(("decision", "ran"), [("accept", True), ("decline", False)])
async def test_a_tool_runs_only_when_it_is_accepted(
    client: SidecarClient, tmp_path: Path, decision: str, ran: bool
) -> None:
    made = tmp_path / "made"
    await client.request("session.start", start_params("t1", cwd=str(tmp_path)))
    await client.request("session.sendTurn", turn_params("t1", f"@@tool touch {made}@@"))
    opened = await client.wait_event("request.opened", thread_id="t1")
    assert opened.event["payload"]["requestType"] == "command_execution_approval"
    waiting = await client.request("session.get", {"threadId": "t1"})
    assert waiting["status"] == "running"
    answer = {
        "threadId": "t1",
        "requestId": opened.event["requestId"],
        "decision": decision,
        "idempotencyKey": "answer",
    }
    await client.request("session.respondToRequest", answer)
    await client.wait_event("turn.completed", thread_id="t1")
    resolved = await client.wait_event("request.resolved", thread_id="t1")
    assert resolved.event["payload"]["decision"] == decision
    assert made.exists() is ran
    with pytest.raises(ValidationFailed):
        await client.request("session.respondToRequest", answer | {"idempotencyKey": "again"})


async def test_full_access_asks_nobody_and_leaves_a_record(
    client: SidecarClient, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    await client.request("session.start", start_params("t1", runtimeMode="full-access"))
    await client.request("session.sendTurn", turn_params("t1", f"@@tool touch {made}@@"))
    await client.wait_event("turn.completed", thread_id="t1")
    assert made.exists()
    resolved = await client.wait_event("request.resolved", thread_id="t1")
    assert resolved.event["payload"]["decision"] == "accept"
    assert_balanced(client.of_thread("t1"), ended=False)


async def test_an_interrupt_ends_the_turn_and_the_session_goes_on(client: SidecarClient) -> None:
    await client.request("session.start", start_params("t1"))
    await client.request("session.sendTurn", turn_params("t1", "@@stream 1000 20 10"))
    await client.wait_event("content.delta", thread_id="t1")
    await client.request("session.interrupt", {"threadId": "t1"})
    done = await client.wait_event("turn.completed", thread_id="t1")
    assert done.event["payload"]["state"] in ("interrupted", "cancelled")
    await client.request("session.sendTurn", turn_params("t1", "again"))
    await client.wait_event("turn.completed", thread_id="t1", after=done.seq)


async def test_a_stop_kills_what_a_tool_daemonised(
    client: SidecarClient, sidecar: RunningSidecar
) -> None:
    await client.request("session.start", start_params("t1"))
    await client.request("session.sendTurn", turn_params("t1", "@@daemon"))
    await client.wait_event("turn.completed", thread_id="t1")
    nodes = (await client.request("tree.get", {"threadId": "t1"}))["nodes"]
    pids = [n["pid"] for n in nodes if n["kind"] == "process"]
    assert len(pids) >= 3  # host, agent, daemon
    await client.request("session.stop", {"threadId": "t1"})
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert sidecar.process.returncode is None


async def test_an_open_request_is_resolved_by_a_stop(client: SidecarClient) -> None:
    await client.request("session.start", start_params("t1"))
    await client.request("session.sendTurn", turn_params("t1", "@@tool true@@"))
    await client.wait_event("request.opened", thread_id="t1")
    await client.request("session.stop", {"threadId": "t1"})
    await client.wait_event("session.exited", thread_id="t1")
    events = client.of_thread("t1")
    assert types(events).count("request.resolved") == 1
    assert_balanced(events)


async def test_a_stopped_session_resumes_its_conversation(client: SidecarClient) -> None:
    await client.request("session.start", start_params("t1"))
    await client.request("session.sendTurn", turn_params("t1", "remember me"))
    await client.wait_event("turn.completed", thread_id="t1")
    await client.request("session.stop", {"threadId": "t1"})
    exited = await client.wait_event("session.exited", thread_id="t1")
    with pytest.raises(SessionClosed):
        await client.request("session.sendTurn", turn_params("t1", "too late"))
    await client.request("session.start", start_params("t1"))
    await client.request("session.sendTurn", turn_params("t1", "@@recall"))
    await client.wait_event("turn.completed", thread_id="t1", after=exited.seq)
    answer = assistant_text([r for r in client.of_thread("t1") if r.seq > exited.seq])
    assert "I remember 2 prompts" in answer
    assert {r.event["generation"] for r in client.of_thread("t1")} == {1, 2}


async def test_a_running_thread_cannot_be_started_again(client: SidecarClient) -> None:
    await client.request("session.start", start_params("t1"))
    with pytest.raises(ValidationFailed, match="already"):
        await client.request("session.start", start_params("t1"))


async def test_what_does_not_exist_is_said_so(client: SidecarClient) -> None:
    with pytest.raises(SessionNotFound):
        await client.request("session.sendTurn", turn_params("nobody", "x"))
    with pytest.raises(ValidationFailed, match="no provider 'nope'"):
        await client.request("session.start", start_params("t1", provider="nope"))


async def test_a_missing_program_is_a_clear_error_and_leaves_an_exit(
    client: SidecarClient,
) -> None:
    params = start_params("t1", provider="acp", options={"command": "/no/such/agent"})
    with pytest.raises(Exception, match="/no/such/agent"):
        await client.request("session.start", params)
    await client.wait_event("session.exited", thread_id="t1")
    assert_balanced(client.of_thread("t1"))


async def test_an_agent_that_ends_at_once_is_told_with_its_exit_and_last_words(
    client: SidecarClient,
) -> None:
    options = {"command": "sh", "args": ["-c", "echo no such key >&2; exit 3"]}
    with pytest.raises(ProviderProcessFailed) as caught:
        await client.request("session.start", start_params("t1", provider="acp", options=options))
    assert "exited with code 3" in caught.value.message
    assert "no such key" in caught.value.message
    exited = await client.wait_event("session.exited", thread_id="t1")
    assert exited.event["payload"]["stderrTail"] == "no such key"


async def test_a_host_that_hangs_is_killed_by_a_stop_and_the_session_starts_again(
    client: SidecarClient,
) -> None:
    await client.request("session.start", start_params("t1"))
    nodes = (await client.request("tree.get", {"threadId": "t1"}))["nodes"]
    host = next(n["pid"] for n in nodes if n["kind"] == "process" and n["parent"] == "t1")
    os.kill(host, signal.SIGSTOP)
    await client.request("session.stop", {"threadId": "t1", "deadlineMs": 300})
    assert not Path(f"/proc/{host}").exists()
    exited = await client.wait_event("session.exited", thread_id="t1")
    assert exited.event["payload"]["reason"] == "did not stop in time"
    again = await client.request("session.start", start_params("t1"))
    assert again["status"] == "ready"
