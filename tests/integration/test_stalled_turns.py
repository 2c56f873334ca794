"""A turn that makes no progress is told of, and ended where its session has a limit for that."""

import secrets
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import SidecarClient
from tests.support.received import Received
from tests.support.sidecar import RunningSidecar, start_params, turn_params
from tests.support.streams import assert_balanced, assistant_text, types

PLUGINS = Path(__file__).parents[1] / "fakes" / "plugins"
STALL_MS = 400


@pytest.fixture
async def sidecar(tmp_path: Path) -> AsyncIterator[RunningSidecar]:
    shutil.copytree(PLUGINS, tmp_path / "data" / "plugins")
    async with RunningSidecar(tmp_path / "data", settings={"stallMs": STALL_MS}) as running:
        yield running


@pytest.fixture
async def client(sidecar: RunningSidecar) -> AsyncIterator[SidecarClient]:
    async with sidecar.client() as connected:
        yield connected


async def start_turn(
    client: SidecarClient, thread: str, text: str, provider: str = "wedger", **more: Any
) -> None:
    await client.request("session.start", start_params(thread, provider, **more))
    await client.request("session.sendTurn", turn_params(thread, text))


def told(client: SidecarClient, thread: str) -> list[dict[str, Any]]:
    """The stalls of a session that its user was told of."""
    return [
        r.event["payload"]["detail"]
        for r in client.of_thread(thread)
        if r.event["type"] == "runtime.warning"
        and (r.event["payload"].get("detail") or {}).get("kind") == "stalled"
    ]


@pytest.mark.must("P4.24")
async def test_a_silent_turn_is_told_of_once_and_lives_on(client: SidecarClient) -> None:
    """One that says only things about itself is silent; progress of tools, an open request are not.

    The silent one is the clock of the others, which began before it.
    """
    await start_turn(client, "busy", "ticks 100000")
    await start_turn(client, "asking", "@@tool true@@", "demo")
    request = await client.wait_event("request.opened", thread_id="asking")
    await start_turn(client, "silent", "notices 100000")
    await client.wait_for(lambda: told(client, "silent"), timeout_s=20)
    warned_at = len(client.of_thread("silent"))
    much_later = warned_at + 2 * STALL_MS // 20
    await client.wait_for(lambda: len(client.of_thread("silent")) > much_later, timeout_s=20)
    [detail] = told(client, "silent")
    assert detail["silentMs"] >= STALL_MS
    assert "limitMs" not in detail
    assert told(client, "busy") == told(client, "asking") == []
    answer = {"decision": "accept", "requestId": request.event["requestId"], "threadId": "asking"}
    await client.request(
        "session.respondToRequest", {"idempotencyKey": secrets.token_hex(4), **answer}
    )
    await client.wait_event("turn.completed", thread_id="asking")
    assert told(client, "asking") == []
    assert {r.event["generation"] for r in client.events} == {1}


@pytest.mark.must("P4.24")
async def test_with_a_limit_of_its_own_the_session_is_ended_and_resumes(
    client: SidecarClient,
) -> None:
    await client.request("session.start", start_params("hung", limits={"stallMs": 800}))
    await client.request("session.sendTurn", turn_params("hung", "hello"))
    first = await client.wait_event("turn.completed", thread_id="hung")
    await client.request("session.sendTurn", turn_params("hung", "@@hang"))
    exited = await client.wait_event("session.exited", thread_id="hung", timeout_s=20)
    detail = last_state(client, exited).event["payload"]["detail"]
    assert (detail["kind"], detail["limitMs"]) == ("stalled", 800)
    assert detail["silentMs"] >= 800
    assert [d["limitMs"] for d in told(client, "hung")] == [800], "told at half of it"
    cut = await client.wait_event("turn.completed", thread_id="hung", after=first.seq)
    assert cut.event["payload"]["state"] == "failed"
    ready = await client.wait_event(
        "session.state.changed",
        thread_id="hung",
        after=exited.seq,
        where=lambda e: e["payload"]["state"] == "ready",
        timeout_s=20,
    )
    await client.request("session.sendTurn", turn_params("hung", "@@recall"))
    await client.wait_event("turn.completed", thread_id="hung", after=ready.seq)
    assert "I remember 3 prompts" in assistant_text(client.of_thread("hung"))
    assert_balanced(client.of_thread("hung"), ended=False)


ONE_LONG = "timeout 4 sh -c 'while :; do :; done'"
MANY_SHORT = "timeout 4 sh -c 'while :; do timeout 0.05 yes > /dev/null; done'"


@pytest.mark.parametrize("work", [ONE_LONG, MANY_SHORT])
async def test_a_tool_that_works_in_silence_is_not_ended(client: SidecarClient, work: str) -> None:
    """As a build does. It is over after several limits.

    Half a limit must be long for the kernel's ticks of 10 ms: a machine that is busy otherwise
    leaves the many short ones few of them.
    """
    params = start_params("build", limits={"stallMs": 1500}, runtimeMode="full-access")
    await client.request("session.start", params)
    await client.request("session.sendTurn", turn_params("build", f"@@tool {work}@@"))
    done = await client.wait_event("turn.completed", thread_id="build", timeout_s=20)
    assert done.event["payload"]["state"] == "completed"
    assert len(told(client, "build")) <= 1
    assert {r.event["generation"] for r in client.of_thread("build")} == {1}


async def test_a_turn_that_waits_for_a_client_does_not_stall(
    client: SidecarClient, sidecar: RunningSidecar
) -> None:
    """The silent one is the clock again: by its end the other has been held for long."""
    async with sidecar.client("slow", credit_bytes=64 * 1024) as slow:
        await slow.wait_for(lambda: slow.synchronized, "synchronized")
        slow.auto_ack = False
        limits = {"stallMs": 2 * STALL_MS}
        await start_turn(client, "flood", "@@stream 2000 0 2000", "demo", limits=limits)
        await client.wait_event("content.delta", thread_id="flood")
        await start_turn(client, "silent", "@@hang", "demo", limits={"stallMs": 4 * STALL_MS})
        await client.wait_event("session.exited", thread_id="silent", timeout_s=20)
        assert "turn.completed" not in types(client.of_thread("flood")), "it is held"
        assert told(client, "flood") == []
        slow.auto_ack = True
        await slow.ack()
        done = await client.wait_event("turn.completed", thread_id="flood", timeout_s=20)
    assert done.event["payload"]["state"] == "completed"
    assert {r.event["generation"] for r in client.of_thread("flood")} == {1}


def last_state(client: SidecarClient, exited: Received) -> Received:
    """The last state before an exit."""
    return [
        r
        for r in client.of_thread("hung")
        if r.seq < exited.seq and r.event["type"] == "session.state.changed"
    ][-1]
