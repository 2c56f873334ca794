"""What a client may do with a session that is parked, and what ends of all kinds make of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sidecar.contract.errors import SessionClosed, ValidationFailed
from tests.support.client import SidecarClient
from tests.support.sidecar import RunningSidecar, start_params, turn_params
from tests.support.streams import assert_balanced, assistant_text
from tests.support.trees import START_S, Tree, settled

IDLE_MS = 300
SOON = {"idleMs": IDLE_MS}
"""Limits of a session that is to be parked; the others are never."""


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[SidecarClient]:
    async with RunningSidecar(tmp_path) as sidecar, sidecar.client() as connected:
        yield connected


async def park(client: SidecarClient, thread: str, **more: Any) -> None:
    """Start a session that remembers something, and wait until it is parked."""
    await client.request("session.start", start_params(thread, limits=SOON, **more))
    await client.request("session.sendTurn", turn_params(thread, "words to keep"))
    await parked(client, thread, 0)


async def parked(client: SidecarClient, thread: str, after: int) -> int:
    """Wait until a session is parked; returns the seq of its exit."""
    said = await client.wait_event(
        "session.state.changed",
        thread_id=thread,
        after=after,
        where=lambda e: (e["payload"].get("detail") or {}).get("kind") == "parked",
        timeout_s=START_S,
    )
    return (await client.wait_event("session.exited", thread_id=thread, after=said.seq)).seq


async def remembers(client: SidecarClient, thread: str) -> bool:
    """Tell whether a turn, sent to it as it is, finds the conversation where it was."""
    after = client.events[-1].seq
    await client.request("session.sendTurn", turn_params(thread, "@@recall"), timeout_s=START_S)
    await client.wait_event("turn.completed", thread_id=thread, after=after, timeout_s=START_S)
    said = assistant_text([r for r in client.of_thread(thread) if r.seq > after])
    return "I remember 2 prompts" in said


@pytest.mark.must("P5.30")
async def test_ordered_calls_resume_it_and_others_say_that_it_is_parked(
    client: SidecarClient,
) -> None:
    await park(client, "t1")
    shown = (await client.request("snapshot.get", {}))["state"]["sessions"]["t1"]
    assert (shown["status"], shown["parked"]) == ("closed", True)
    with pytest.raises(SessionClosed, match="parked"):
        await client.request("session.interrupt", {"threadId": "t1"})
    config = {"threadId": "t1", "key": "mode", "value": "code"}
    turn = turn_params("t1", "@@recall")
    asked = [
        await client.send_request("session.setConfig", config),
        await client.send_request("session.sendTurn", turn),
    ]
    await client.answer_to(asked[1], timeout_s=START_S)
    await client.wait_event(
        "turn.completed", thread_id="t1", where=lambda e: e["generation"] == 2, timeout_s=START_S
    )
    said = assistant_text([r for r in client.of_thread("t1") if r.event["generation"] == 2])
    assert "I remember 2 prompts" in said
    shown = (await client.request("snapshot.get", {}))["state"]["sessions"]["t1"]
    assert "parked" not in shown


@pytest.mark.must("P5.30")
async def test_a_restart_and_a_start_resume_it(client: SidecarClient) -> None:
    await park(client, "t1")
    again = {"threadId": "t1", "idempotencyKey": "by-hand"}
    assert (await client.request("session.restart", again, timeout_s=START_S))["status"] == "ready"
    await parked(client, "t1", client.events[-1].seq)
    started = await client.request(
        "session.start", start_params("t1", runtimeMode="full-access"), timeout_s=START_S
    )
    assert (started["status"], started["runtimeMode"]) == ("ready", "full-access")
    assert await remembers(client, "t1")


@pytest.mark.must("P4.25")
async def test_one_whose_stop_is_a_kill_is_parked_gracefully_all_the_same(tmp_path: Path) -> None:
    async with RunningSidecar(tmp_path) as sidecar, sidecar.client() as client:
        await park(client, "t1", restart={"shutdownMs": 0})
        records = [json.loads(line) for line in sidecar.stderr_text.splitlines()]
    (stopped,) = [record for record in records if record["event"] == "session.tree-stopped"]
    assert stopped["rung"] != "kill"


@pytest.mark.must("P5.30")
async def test_a_stop_makes_it_a_stopped_one(client: SidecarClient) -> None:
    await park(client, "t1")
    await client.request("session.stop", {"threadId": "t1"})
    exited = client.of_thread("t1")[-1].event
    assert (exited["type"], exited["generation"]) == ("session.exited", 2)
    with pytest.raises(SessionClosed, match="stopped"):
        await client.request("session.sendTurn", turn_params("t1", "too late"))
    head = client.events[-1].seq
    await client.request("session.stop", {"threadId": "t1"})
    await settled(client)
    assert client.events[-1].seq == head, "there was nothing more to stop"
    assert_balanced(client.of_thread("t1"))


async def test_a_stop_keeps_the_conversation_and_not_the_one_it_was_started_with(
    client: SidecarClient,
) -> None:
    await park(client, "t1", resumeCursor={"sessionId": "0" * 32})  # unknown: a new one is begun
    await client.request("session.stop", {"threadId": "t1"})
    again = {"threadId": "t1", "idempotencyKey": "by-hand"}
    await client.request("session.restart", again, timeout_s=START_S)
    assert await remembers(client, "t1")


async def test_it_goes_down_with_its_tree_and_stays_where_its_siblings_fall(
    client: SidecarClient,
) -> None:
    tree = Tree(client, {"p": None, "x": "p", "y": "p"})
    await tree.start(p={"restart": {"strategy": "one_for_all"}}, x={"limits": SOON})
    await parked(client, "x", 0)
    head = tree.kill("y")
    await tree.wait_ready({"y"}, head)
    await settled(client)
    assert tree.touched(head) == {"y"}
    await client.request("session.stop", {"threadId": "p"}, timeout_s=START_S)
    assert tree.exits(head) == ["y", "y", "x", "p"]


async def test_a_stop_while_it_is_being_parked_loses_no_exit(client: SidecarClient) -> None:
    for number in range(5):
        thread = f"t{number}"
        await client.request("session.start", start_params(thread, limits=SOON))
        await asyncio.sleep((IDLE_MS + 20 * number) / 1000)
        await client.request("session.stop", {"threadId": thread})
        assert client.of_thread(thread)[-1].event["type"] == "session.exited"
        assert_balanced(client.of_thread(thread))
        with pytest.raises(SessionClosed, match="stopped"):
            await client.request("session.sendTurn", turn_params(thread, "too late"))


async def test_a_child_may_be_started_while_its_parent_is_being_parked(
    client: SidecarClient,
) -> None:
    slow: dict[str, Any] = {"options": {"ignoreStop": True}, "restart": {"shutdownMs": 2_000}}
    await client.request("session.start", start_params("p", limits=SOON, **slow))

    async def parking() -> bool:
        return bool(
            (await client.request("diagnostics.get", {}))["diagnostics"]["sessions"]["parking"]
        )

    async with asyncio.timeout(START_S):
        while not await parking():
            await asyncio.sleep(0.01)
    await client.request("session.start", start_params("c", parent="p"), timeout_s=START_S)
    await settled(client)
    last = [r.event["type"] for r in client.of_thread("p")][-1]
    assert last == "session.exited", "p is parked first"
    assert (await client.request("session.get", {"threadId": "c"}))["status"] == "ready"


@pytest.mark.must("P5.30")
@pytest.mark.parametrize("end", ["unclean", "orderly"])
async def test_it_stays_parked_over_the_end_of_the_sidecar(tmp_path: Path, end: str) -> None:
    sidecar = RunningSidecar(tmp_path)
    await sidecar.start()
    client = sidecar.client()
    try:
        await client.connect()
        secret = {"API_KEY": "hidden"}
        await asyncio.gather(
            park(client, "t1"), park(client, "secret", env=secret), park(client, "other")
        )
        await client.request("session.start", start_params("runs"))
        if end == "unclean":
            sidecar.kill()
            await sidecar.wait()
        else:
            await sidecar.stop()
        await client.close()
        await sidecar.start()
        client.url = sidecar.ready["url"]
        await client.connect()
        if end == "unclean":
            await client.wait_event(
                "session.state.changed",
                thread_id="runs",
                where=lambda e: e["generation"] == 2 and e["payload"]["state"] == "ready",
                timeout_s=START_S,
            )
        assert {r.event["generation"] for r in client.of_thread("t1")} == {1}
        assert await remembers(client, "t1")
        with pytest.raises(SessionClosed):
            await client.request("session.sendTurn", turn_params("secret", "and you"))
        said = await client.wait_event(
            "session.exited", thread_id="secret", where=lambda e: e["generation"] == 2
        )
        assert "session.start with its secrets" in said.event["payload"]["reason"]
        state = (await client.request("snapshot.get", {}))["state"]["sessions"]
        assert {name for name in ("secret", "other") if state[name].get("parked")} == {"other"}
        restart = {"threadId": "secret", "idempotencyKey": "k"}
        with pytest.raises(ValidationFailed, match="secrets"):
            await client.request("session.restart", restart)
        assert "other" in (await client.request("session.stopAll", timeout_s=START_S))["stopped"]
    finally:
        await client.close()
        await sidecar.stop()
