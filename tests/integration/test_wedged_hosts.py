"""A host whose loop no longer turns is replaced; its siblings in other hosts do not notice."""

import asyncio
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sidecar.contract.errors import ProviderProcessFailed
from tests.support import observer
from tests.support.client import SidecarClient
from tests.support.received import Received
from tests.support.sidecar import RunningSidecar, start_params, turn_params
from tests.support.streams import assert_balanced, assistant_text

FAKES = Path(__file__).parents[1] / "fakes"
BEAT_MS = 400
VERDICT_S = 3.2 * BEAT_MS / 1000
"""A host's last word to the verdict, at most: an interval to the question, 1.2 and 1 to the end."""

DEADLINE_S = 3 * (VERDICT_S + 2)


class World:
    """A sidecar with the drop-in that wedges, and its client."""

    def __init__(self, sidecar: RunningSidecar, client: SidecarClient) -> None:
        self.sidecar = sidecar
        self.client = client

    async def start(self, thread: str, provider: str = "demo", **more: Any) -> None:
        await self.client.request("session.start", start_params(thread, provider, **more))

    async def turn(self, thread: str, text: str) -> None:
        await self.client.request("session.sendTurn", turn_params(thread, text))

    async def host_of(self, thread: str) -> int:
        """The host's pid: in a host of one the process right below the session."""
        nodes = (await self.client.request("tree.get", {"threadId": thread}))["nodes"]
        pid: int = next(n["pid"] for n in nodes if n.get("parent") == thread and "pid" in n)
        return pid

    async def exited(self, thread: str) -> Received:
        return await self.client.wait_event(
            "session.exited", thread_id=thread, timeout_s=DEADLINE_S
        )

    async def ready_again(self, thread: str) -> Received:
        return await self.client.wait_event(
            "session.state.changed",
            thread_id=thread,
            where=lambda e: e["generation"] == 2 and e["payload"]["state"] == "ready",
            timeout_s=DEADLINE_S,
        )

    def verdict(self, thread: str) -> dict[str, Any]:
        """The detail of the last state before the exit."""
        states = [
            r.event["payload"]
            for r in self.client.of_thread(thread)
            if r.event["type"] == "session.state.changed" and r.event["payload"]["state"] == "error"
        ]
        detail: dict[str, Any] = states[0]["detail"]
        return detail

    def logged(self, event: str) -> list[dict[str, Any]]:
        records = (json.loads(line) for line in self.sidecar.stderr_text.splitlines())
        return [record for record in records if record["event"] == event]


@asynccontextmanager
async def a_world(tmp_path: Path, **settings: Any) -> AsyncIterator[World]:
    shutil.copytree(FAKES / "plugins", tmp_path / "data" / "plugins")
    running = RunningSidecar(tmp_path / "data", settings={"hostBeatMs": BEAT_MS} | settings)
    async with running as sidecar, sidecar.client() as client:
        yield World(sidecar, client)


async def until_true(holds: Callable[[], Any]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not holds():
            await asyncio.sleep(0.02)


async def assert_streamed(world: World, thread: str, count: int) -> None:
    """Its one generation said every delta of a turn that ran all the while."""
    await world.client.wait_event("turn.completed", thread_id=thread, timeout_s=30)
    events = world.client.of_thread(thread)
    assert {r.event["generation"] for r in events} == {1}
    text = assistant_text(events)
    indices = [int(word) for word in text.replace("x", " ").split()[::2]]
    assert indices == list(range(count))
    assert_balanced(events, ended=False)


@pytest.mark.must("P4.22")
@pytest.mark.parametrize("launch", ["zygote", "exec"])
async def test_a_busy_loop_in_provider_code_is_replaced_while_siblings_stream_on(
    tmp_path: Path, launch: str
) -> None:
    word = observer.new_sentinel()
    command = [sys.executable, "-S", str(FAKES / "misbehave.py"), "daemon", word]
    async with a_world(tmp_path, hostLaunch=launch) as world:
        await world.start("calm")
        await world.start("wild", "wedger", options={"command": command})
        await world.turn("calm", "@@stream 250 10 40")
        old = {seen.pid for seen in await observer.wait_until_seen(word, 2, 5)}
        host = await world.host_of("wild")
        await world.turn("wild", "spin")
        exited = await world.exited("wild")
        assert exited.event["payload"]["exitKind"] == "error"
        assert " in spin" in exited.event["payload"]["stderrTail"], "its stack shows where it hung"
        assert old.isdisjoint(seen.pid for seen in observer.seen(word))
        detail = world.verdict("wild")
        assert detail["kind"] == "wedged"
        assert detail["silentMs"] >= 2.2 * BEAT_MS
        await world.ready_again("wild")
        assert await world.host_of("wild") != host
        await world.turn("wild", "stream 3")
        await world.client.wait_event("turn.completed", thread_id="wild", after=exited.seq)
        await assert_streamed(world, "calm", 250)
        assert [r["host"] for r in world.logged("host.wedged")] == [host]
        assert "wedger_provider" in world.logged("host.wedged")[0]["stacks"]
        for event in ("host.suspected", "host.wedged", "session.failed"):
            assert [r["cid"] for r in world.logged(event)] == ["wild/1"]
        await world.client.request("session.stop", {"threadId": "wild"})
        assert_balanced(world.client.of_thread("wild"))
    assert await observer.wait_until_none(word, 9) == []


async def test_in_a_packed_host_those_who_lived_there_resume_and_no_others(tmp_path: Path) -> None:
    async with a_world(tmp_path, placement="packed", packedSessions=2) as world:
        await world.start("hurt")
        await world.start("wild", "wedger")
        await world.start("calm")
        await world.turn("hurt", "hello")
        await world.client.wait_event("turn.completed", thread_id="hurt")
        await world.turn("calm", "@@stream 250 10 40")
        await world.turn("hurt", "@@stream 2000 10 40")
        await world.client.wait_event("content.delta", thread_id="hurt")
        await world.turn("wild", "spin")
        for thread in ("hurt", "wild"):
            await world.exited(thread)
            assert world.verdict(thread)["kind"] == "wedged"
            await world.ready_again(thread)
        assert [r["sessions"] for r in world.logged("host.wedged")] == [["hurt/1", "wild/1"]]
        await world.turn("hurt", "@@recall")
        await world.client.wait_for(
            lambda: "I remember 3 prompts" in assistant_text(world.client.of_thread("hurt")),
            timeout_s=10,
        )
        await assert_streamed(world, "calm", 250)


async def test_a_stopped_host_is_replaced(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        await world.start("calm")
        await world.start("still")
        await world.turn("still", "hello")
        await world.client.wait_event("turn.completed", thread_id="still")
        await world.turn("calm", "@@stream 250 10 40")
        os.kill(await world.host_of("still"), signal.SIGSTOP)
        await world.exited("still")
        assert world.verdict("still")["kind"] == "wedged"
        ready = await world.ready_again("still")
        await world.turn("still", "@@recall")
        await world.client.wait_event("turn.completed", thread_id="still", after=ready.seq)
        assert "I remember 2 prompts" in assistant_text(world.client.of_thread("still"))
        await assert_streamed(world, "calm", 250)


async def test_a_host_that_wedges_while_its_session_starts_fails_the_start(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        began = time.monotonic()
        with pytest.raises(ProviderProcessFailed):
            await world.client.request(
                "session.start",
                start_params("wild", "wedger", options={"opening": "spin"}),
                timeout_s=DEADLINE_S,
            )
        assert time.monotonic() - began < DEADLINE_S, "and not only at the deadline of the start"
        exited = await world.exited("wild")
        assert "not answered" in exited.event["payload"]["reason"]
        assert " in spin" in exited.event["payload"]["stderrTail"]


@pytest.mark.must("P4.23")
async def test_time_in_which_the_supervisor_did_not_run_is_no_verdict(tmp_path: Path) -> None:
    """As when the machine sleeps just as a host is suspected: the supervisor wakes first."""
    beat_s = 1.0
    async with a_world(tmp_path, hostBeatMs=int(beat_s * 1000)) as world:
        await world.start("still")
        host = await world.host_of("still")
        os.kill(host, signal.SIGSTOP)
        await until_true(lambda: world.logged("host.suspected"))
        os.kill(world.sidecar.pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(2 * beat_s)
        finally:
            os.kill(world.sidecar.pid, signal.SIGCONT)
        await until_true(lambda: world.logged("watch.gap"))
        os.kill(host, signal.SIGCONT)
        await world.turn("still", "hello")
        await world.client.wait_event("turn.completed", thread_id="still")
        assert world.logged("host.wedged") == []
        assert await world.host_of("still") == host


@pytest.mark.long
async def test_a_host_that_is_only_slow_lives_on(tmp_path: Path) -> None:
    async with a_world(tmp_path, hostBeatMs=1_000) as world:
        await world.start("slow", "wedger")
        await world.turn("slow", "block 2.7")
        await world.client.wait_event("turn.completed", thread_id="slow", timeout_s=20)
        await world.client.wait_for(lambda: world.logged("host.answers-again"), timeout_s=10)
        assert len(world.logged("host.suspected")) == 1
        assert " in _turn" in world.logged("host.answers-again")[0]["stacks"]
        assert {r.event["generation"] for r in world.client.of_thread("slow")} == {1}
