"""What PROTOCOL promises of a session's events and methods, seen by a client of a real sidecar."""

import asyncio
import os
import secrets
import signal
from typing import Any

import pytest

from sidecar.contract.errors import (
    Cancelled,
    LimitExceeded,
    ProviderProcessFailed,
    SessionClosed,
    SessionNotFound,
    ValidationFailed,
)
from tests.providers.context import until_true
from tests.support import observer
from tests.support.client import ConnectionEndedError, SidecarClient
from tests.support.sidecar import RunningSidecar, start_params, turn_params
from tests.support.streams import assert_balanced, assistant_text, types

READY_S = 10.0
"""A restarted session takes turns as soon as it is ready."""

SESSION_METHODS: dict[str, dict[str, Any]] = {
    "session.interrupt": {},
    "session.respondToRequest": {"requestId": "r", "decision": "accept", "idempotencyKey": "k"},
    "session.respondToUserInput": {"requestId": "r", "answers": {}, "idempotencyKey": "k"},
    "session.sendTurn": {"input": "x", "idempotencyKey": "k"},
    "session.setConfig": {"key": "model", "value": "x"},
}


@pytest.mark.must("P4.18", "P4.21")
async def test_a_generation_begins_with_what_a_fold_cannot_know(client: SidecarClient) -> None:
    await client.request("session.start", start_params("mother"))
    await client.request("session.start", start_params("child", parent="mother", cwd="/tmp"))
    await client.request("session.sendTurn", turn_params("child", "so that it can be resumed"))
    await client.wait_event("turn.completed", thread_id="child")
    await client.request("session.stop", {"threadId": "child"})
    await client.request("session.start", start_params("child", parent="mother", cwd="/tmp"))
    await client.wait_event(
        "session.state.changed",
        thread_id="child",
        where=lambda e: e["generation"] == 2 and e["payload"]["state"] == "ready",
    )
    events = [received.event for received in client.of_thread("child")]
    generations = [event["generation"] for event in events]
    assert generations == sorted(generations)
    for generation, resumed in ((1, False), (2, True)):
        first = events[generations.index(generation)]
        assert first["type"] == "session.configured"
        facts = first["payload"]["config"]["session"]
        assert facts["runtimeMode"] == "approval-required"
        assert (facts["parent"], facts["cwd"]) == ("mother", "/tmp")
        assert facts.get("resume", False) is resumed


async def send_when_taken(client: SidecarClient, params: dict[str, Any]) -> None:
    """Send a turn to a session that was just restarted.

    The event `ready` may overtake the supervisor's own note of it by a moment.
    """
    async with asyncio.timeout(READY_S):
        while True:
            try:
                await client.request("session.sendTurn", params)
            except SessionClosed:
                params |= {"idempotencyKey": secrets.token_hex(8)}
            else:
                return


@pytest.mark.must("P4.19", "P4.20")
async def test_a_crash_is_told_as_a_restart_and_then_as_giving_up(client: SidecarClient) -> None:
    restart = {"maxRestarts": 1, "maxSeconds": 600}
    await client.request("session.start", start_params("t1", restart=restart))
    await client.request("session.sendTurn", turn_params("t1", "@@crash"))
    restarting = await client.wait_event(
        "session.state.changed",
        thread_id="t1",
        where=lambda e: (e["payload"].get("detail") or {}).get("kind") == "restarting",
    )
    assert restarting.event["payload"]["detail"]["count"] == 1
    assert "backoffUntil" in restarting.event["payload"]["detail"]
    await client.wait_event(
        "session.state.changed",
        thread_id="t1",
        where=lambda e: e["generation"] == 2 and e["payload"]["state"] == "ready",
    )
    await send_when_taken(client, turn_params("t1", "@@crash"))
    gave_up = await client.wait_event(
        "session.state.changed",
        thread_id="t1",
        where=lambda e: (e["payload"].get("detail") or {}).get("kind") == "gave-up",
    )
    assert gave_up.event["payload"]["detail"]["count"] == 1
    await client.wait_event("session.exited", thread_id="t1", after=restarting.seq)
    assert_balanced(client.of_thread("t1"))
    with pytest.raises(SessionClosed):
        await client.request("session.sendTurn", turn_params("t1", "too late"))
    await client.request("session.restart", {"threadId": "t1", "idempotencyKey": "by hand"})
    assert (await client.request("session.get", {"threadId": "t1"}))["status"] == "ready"


@pytest.mark.must("P4.20")
async def test_everything_open_has_its_end_before_the_exit(client: SidecarClient) -> None:
    restart = {"policy": "temporary"}
    await client.request("session.start", start_params("t1", restart=restart))
    await client.request("session.sendTurn", turn_params("t1", "@@tool true@@"))
    await client.wait_event("request.opened", thread_id="t1")
    nodes = (await client.request("tree.get", {"threadId": "t1"}))["nodes"]
    await client.request("session.stop", {"threadId": "t1"})
    await client.wait_event("session.exited", thread_id="t1")
    events = client.of_thread("t1")
    assert nodes
    assert types(events)[-1] == "session.exited"
    assert types(events).count("request.resolved") == types(events).count("turn.completed") == 1
    assert_balanced(events)


@pytest.mark.must("P5.2")
async def test_at_orders_an_answer_against_events(client: SidecarClient) -> None:
    started = await client.request("session.start", start_params("t1"))
    turn = await client.request("session.sendTurn", turn_params("t1", "hello"))
    done = await client.wait_event("turn.completed", thread_id="t1")
    stopped = await client.request("session.stop", {"threadId": "t1"})
    exited = await client.wait_event("session.exited", thread_id="t1")
    ready = await client.wait_event(
        "session.state.changed", where=lambda e: e["payload"]["state"] == "ready"
    )
    assert ready.seq <= started["at"] <= turn["at"] < stopped["at"]
    assert turn["at"] >= 1
    assert done.seq < stopped["at"]
    assert exited.seq <= stopped["at"]


@pytest.mark.must("P5.11")
async def test_a_start_refuses_what_runs_and_resumes_what_has_stopped(
    client: SidecarClient,
) -> None:
    await client.request("session.start", start_params("t1"))
    with pytest.raises(ValidationFailed) as caught:
        await client.request("session.start", start_params("t1"))
    assert caught.value.data["issue"] == "running"
    await client.request("session.stop", {"threadId": "t1"})
    again = await client.request("session.start", start_params("t1", runtimeMode="full-access"))
    assert (again["status"], again["runtimeMode"]) == ("ready", "full-access")


@pytest.mark.must("P5.12")
async def test_a_stop_cancels_a_start_under_way(client: SidecarClient) -> None:
    params = start_params("slow", options={"startDelayMs": 60_000})
    starting = await client.send_request("session.start", params)
    await client.wait_event("session.configured", thread_id="slow")
    await client.request("session.stop", {"threadId": "slow"})
    with pytest.raises(Cancelled):
        await client.answer_to(starting)
    exited = await client.wait_event("session.exited", thread_id="slow")
    assert exited.event["payload"]["exitKind"] == "graceful"
    nodes = (await client.request("tree.get", {"threadId": "slow"}))["nodes"]
    assert not [node for node in nodes if node["kind"] == "process"]


@pytest.mark.must("P5.13")
async def test_a_thread_that_does_not_exist_has_no_tree_and_no_children(
    client: SidecarClient,
) -> None:
    with pytest.raises(SessionNotFound):
        await client.request("tree.get", {"threadId": "nobody"})
    with pytest.raises(SessionNotFound, match="nobody"):
        await client.request("session.start", start_params("t1", parent="nobody"))
    with pytest.raises(ValidationFailed, match="its own ancestor"):
        await client.request("session.start", start_params("t1", parent="t1"))


@pytest.mark.must("P5.13")
@pytest.mark.parametrize("method", SESSION_METHODS)
async def test_a_method_says_whether_its_session_is_unknown_or_stopped(
    client: SidecarClient, method: str
) -> None:
    params = SESSION_METHODS[method]
    with pytest.raises(SessionNotFound):
        await client.request(method, {**params, "threadId": "nobody"})
    await client.request("session.start", start_params("t1"))
    await client.request("session.stop", {"threadId": "t1"})
    with pytest.raises(SessionClosed):
        await client.request(method, {**params, "threadId": "t1", "idempotencyKey": "k2"})


@pytest.mark.must("P5.14")
async def test_a_turn_has_bounds(client: SidecarClient) -> None:
    await client.request("session.start", start_params("t1"))
    with pytest.raises(LimitExceeded):
        await client.request("session.sendTurn", turn_params("t1", "x" * 120_001))
    image = {"type": "image", "mimeType": "image/png", "data": b"x"}
    for attachments in ([image] * 9, [image | {"data": b"x" * (10 * 1024 * 1024 + 1)}]):
        with pytest.raises(LimitExceeded):
            params = turn_params("t1", "see", attachments=attachments)
            await client.request("session.sendTurn", params, timeout_s=30.0)
    for broken in (image | {"path": "/tmp/x.png"}, {"type": "image", "mimeType": "image/png"}):
        with pytest.raises(ValidationFailed):
            await client.request("session.sendTurn", turn_params("t1", "see", attachments=[broken]))


@pytest.mark.must("P5.16")
async def test_a_second_turn_is_refused_by_what_can_be_neither_steered_nor_queued(
    client: SidecarClient,
) -> None:
    await client.request("session.start", start_params("t1"))
    first = await client.request("session.sendTurn", turn_params("t1", "@@stream 10000 5 10"))
    await client.wait_event("content.delta", thread_id="t1")
    with pytest.raises(ValidationFailed, match=first["turnId"]):
        await client.request("session.sendTurn", turn_params("t1", "and this"))
    await client.request("session.interrupt", {"threadId": "t1"})
    await client.wait_event("turn.completed", thread_id="t1")
    await client.request("session.sendTurn", turn_params("t1", "now"))


@pytest.mark.must("P5.15")
async def test_a_shutdown_says_goodbye_behind_the_last_event(
    sidecar: RunningSidecar, client: SidecarClient
) -> None:
    await client.request("session.start", start_params("t1", options={"ignoreStop": True}))
    await client.request("session.sendTurn", turn_params("t1", "@@stream 5000 5 10"))
    await client.wait_event("content.delta", thread_id="t1")
    await client.request("sidecar.shutdown", {"deadlineMs": 2000})
    refused: list[str] = []
    try:
        await client.request("session.start", start_params("t2"))
    except (TimeoutError, ConnectionEndedError):
        refused.append("closed")
    except Exception as error:
        refused.append(getattr(error, "key", repr(error)))
    assert await client.wait_closed() == 1001
    assert refused == ["shutting_down"]
    assert client.controls("goodbye") == [{"reason": "shutdown"}]
    assert client.of_thread("t1")[-1].event["type"] == "session.exited"
    assert await sidecar.wait() == 0


@pytest.mark.must("P4.11", "P4.12")
async def test_a_snapshot_has_the_end_of_what_the_running_turn_has_said(
    sidecar: RunningSidecar, client: SidecarClient
) -> None:
    await client.request("session.start", start_params("t1"))
    turn = await client.request(
        "session.sendTurn", turn_params("t1", "@@stream 40 1 10000 @@tool true@@")
    )
    opened = await client.wait_event("request.opened", thread_id="t1", timeout_s=30.0)
    async with sidecar.client("late") as late:
        snapshot = await late.wait_for(lambda: late.snapshots, "a snapshot")
    state = snapshot[0]["state"]["sessions"]
    assert set(state) == {"t1"}
    session = state["t1"]
    assert (session["status"], session["generation"]) == ("running", 1)
    active = session["activeTurn"]
    assert (active["turnId"], active["truncated"]) == (turn["turnId"], True)
    text = "".join(item.get("text", {}).get("assistant_text", "") for item in active["items"])
    said = assistant_text(client.of_thread("t1"), turn["turnId"])
    assert 200_000 < len(text.encode()) <= 256 * 1024
    assert said.endswith(text)
    pending = session["pendingRequests"][opened.event["requestId"]]
    assert pending["type"] == "request.opened"
    assert pending["payload"] == opened.event["payload"]


@pytest.mark.must("P5.22")
async def test_a_restart_is_for_a_session_that_is_down(client: SidecarClient) -> None:
    await client.request("session.start", start_params("t1", cwd="/tmp"))
    await client.request("session.sendTurn", turn_params("t1", "words to keep"))
    await client.wait_event("turn.completed", thread_id="t1")
    restart = {"threadId": "t1"}
    with pytest.raises(ValidationFailed, match="only one that is down"):
        await client.request("session.restart", restart | {"idempotencyKey": "k-1"})
    await client.request("session.stop", {"threadId": "t1"})
    again = await client.request("session.restart", restart | {"idempotencyKey": "k-2"})
    assert (again["status"], again["cwd"]) == ("ready", "/tmp")
    await client.request("session.sendTurn", turn_params("t1", "@@recall"))
    await client.wait_event("turn.completed", thread_id="t1", where=lambda e: e["generation"] == 2)
    said = assistant_text([r for r in client.of_thread("t1") if r.event["generation"] == 2])
    assert "I remember 2 prompts" in said


@pytest.mark.must("P6.4")
async def test_a_provider_that_ended_leaves_its_last_words_in_the_error(
    client: SidecarClient,
) -> None:
    options = {"command": "sh", "args": ["-c", "echo the last words >&2; exit 3"]}
    with pytest.raises(ProviderProcessFailed) as caught:
        await client.request("session.start", start_params("t1", "acp", options=options))
    data = caught.value.data
    assert data["stderrTail"] == "the last words"
    assert data["exitCode"] == 3
    assert "exitSignal" not in data
    assert "exited with code 3" in data["detail"]


@pytest.mark.must("P6.4")
async def test_a_call_that_its_provider_died_under_tells_how(client: SidecarClient) -> None:
    word = observer.new_sentinel()
    await client.request("session.start", start_params("t1", options={"sentinel": word}))
    (agent,) = observer.seen(word)
    os.kill(agent.pid, signal.SIGSTOP)
    call = {"threadId": "t1", "key": "mode", "value": "code"}
    slow = asyncio.create_task(client.request("session.setConfig", call))
    await until_true(
        lambda: observer.unread_bytes(agent.pid) > 0
    )  # it has come to one that answers nothing
    os.kill(agent.pid, signal.SIGKILL)
    with pytest.raises(ProviderProcessFailed) as caught:
        await slow
    assert caught.value.data["exitSignal"] == signal.SIGKILL
