"""A session that leaks is stopped and resumed, whatever of it leaks, and no other notices."""

import asyncio
import contextlib
import os
import resource
import shutil
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from sidecar.contract.errors import SidecarError
from tests.bench import budget
from tests.support import observer
from tests.support.client import SidecarClient
from tests.support.received import Received
from tests.support.sidecar import RunningSidecar, start_params, turn_params
from tests.support.streams import assert_balanced, assistant_text

pytestmark = pytest.mark.beside

PLUGINS = Path(__file__).parents[1] / "fakes" / "plugins"
MIB = 1024 * 1024
HARD = 160 * MIB
"""Host and provider cost 30 to 50 MiB from source."""

STOP_S = 2.0
"""Promised: from the crossing of a hard budget to the end of all that was below it."""

LIMITS = {"memoryHardBytes": HARD}
COUNT, DELTA = 250, 24


class World:
    """A sidecar, its client, a sentinel for agents' argv, and what the siblings stream."""

    def __init__(self, sidecar: RunningSidecar, client: SidecarClient) -> None:
        self.sidecar = sidecar
        self.client = client
        self.word = observer.new_sentinel()

    async def start(self, thread: str, provider: str = "demo", **more: Any) -> None:
        if provider == "demo":
            more["options"] = {"sentinel": self.word} | more.get("options", {})
        params = start_params(thread, provider, **more)
        await self.client.request("session.start", params)

    async def turn(self, thread: str, text: str) -> None:
        await self.client.request("session.sendTurn", turn_params(thread, text))

    async def siblings_stream(self, *threads: str) -> None:
        """Have each stream for some three seconds."""
        for thread in threads:
            await self.turn(thread, f"@@stream {COUNT} 10 {DELTA}")
            await self.client.wait_event("content.delta", thread_id=thread)

    async def siblings_are_whole(self, *threads: str) -> None:
        for thread in threads:
            done = await self.client.wait_event("turn.completed", thread_id=thread, timeout_s=60)
            assert done.event["payload"]["state"] == "completed"
            events = self.client.of_thread(thread)
            assert {r.event["generation"] for r in events} == {1}
            text = assistant_text(events)
            pieces = [text[at : at + DELTA] for at in range(0, len(text), DELTA)]
            assert [int(piece.split()[0]) for piece in pieces] == list(range(COUNT))
            assert_balanced(events, ended=False)

    async def failed_for_memory(self, thread: str, scope: str = "session") -> dict[str, Any]:
        """Wait for the end of its generation and return the figures of it."""
        exited = await self.client.wait_event("session.exited", thread_id=thread, timeout_s=30)
        assert exited.event["payload"]["exitKind"] == "error"
        assert exited.event["payload"]["recoverable"] is True
        assert exited.event["payload"]["reason"].startswith("memory: ")
        (detail,) = self.details(thread, "memory")
        assert detail["scope"] == scope
        return detail

    def details(self, thread: str, kind: str) -> list[dict[str, Any]]:
        found = (r.event["payload"].get("detail") for r in self.client.of_thread(thread))
        return [d for d in found if isinstance(d, dict) and d.get("kind") == kind]

    async def ready_again(self, thread: str) -> Received:
        return await self.client.wait_event(
            "session.state.changed",
            thread_id=thread,
            where=lambda e: e["generation"] == 2 and e["payload"]["state"] == "ready",
            timeout_s=20,
        )


def rss_bytes(pids: list[int]) -> int:
    """What processes have resident together, by an observer of this test's own."""
    total = 0
    for pid in pids:
        try:
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        except (OSError, IndexError):
            continue
    return total * os.sysconf("SC_PAGE_SIZE")


async def crossing_to_end_s(size: Callable[[], int], limit: int, gone: Callable[[], bool]) -> float:
    """Return the time from `size` above `limit` to `gone`."""
    end = time.monotonic() + 60
    while size() <= limit:
        assert time.monotonic() < end, "it never crossed"
        await asyncio.sleep(0.01)
    crossed = time.monotonic()
    while not gone():
        assert time.monotonic() < end, "it never ended"
        await asyncio.sleep(0.01)
    return time.monotonic() - crossed


async def a_world(folder: Path, **settings: Any) -> AsyncIterator[World]:
    shutil.copytree(PLUGINS / "hog", folder / "plugins" / "hog")
    async with RunningSidecar(folder, settings=settings) as sidecar, sidecar.client() as client:
        made = World(sidecar, client)
        yield made
    assert await observer.wait_until_none(made.word, 9) == []


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async for made in a_world(tmp_path / "data", placement="one"):
        yield made


async def pids_of_hosts(world: World) -> list[int]:
    """Return the zygote's children, by an observer of this test's own."""
    (zygote,) = await agents_of(world.sidecar.pid)
    return await agents_of(zygote)


async def agents_of(pid: int) -> list[int]:
    """Return the children of a process."""
    found = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [child for child in found if observer.parent_of(child) == pid]


async def pids_of(world: World, thread: str) -> list[int]:
    nodes = (await world.client.request("tree.get", {"threadId": thread}))["nodes"]
    return [node["pid"] for node in nodes if node["kind"] == "process"]


@pytest.mark.must("P4.30")
@pytest.mark.parametrize("directive", ["@@leak 120", "@@leakdaemon 120"])
async def test_a_leaking_provider_or_grandchild_is_stopped_in_time_and_resumed(
    world: World, directive: str
) -> None:
    await world.start("calm")
    await world.start("leaky", limits=LIMITS)
    await world.siblings_stream("calm")
    host, agent = await pids_of(world, "leaky")
    await world.turn("leaky", directive)
    if "daemon" in directive:
        await world.client.wait_event("turn.completed", thread_id="leaky")
    pids = await pids_of(world, "leaky")
    assert {host, agent} < set(pids) or "daemon" not in directive
    took_s = await crossing_to_end_s(
        lambda: rss_bytes(pids), HARD, lambda: not any(map(observer.is_running, pids))
    )
    assert took_s < 3 * STOP_S
    detail = await world.failed_for_memory("leaky")
    assert detail["limitBytes"] == HARD
    assert detail["rssBytes"] >= detail["pssBytes"] > HARD
    assert detail["processes"][0]["pid"] in set(pids) - {host}
    assert detail["processes"][0]["rssBytes"] > HARD / 2
    await world.ready_again("leaky")
    await world.siblings_are_whole("calm")


@pytest.mark.must("P4.29")
async def test_a_soft_budget_is_told_of_once_and_changes_nothing(world: World) -> None:
    soft = 90 * MIB
    await world.start("leaky", limits={"memorySoftBytes": soft})
    await world.turn("leaky", "@@leak 60")
    told = await world.client.wait_event("runtime.warning", thread_id="leaky", timeout_s=30)
    assert told.event["payload"]["message"].startswith("Memory: the session uses ")
    (pressure,) = world.details("leaky", "pressure")
    assert soft < pressure["pssBytes"] <= pressure["rssBytes"]
    assert (pressure["limitBytes"], pressure["scope"]) == (soft, "session")
    pids = await pids_of(world, "leaky")
    while rss_bytes(pids) < soft * 1.5:
        await asyncio.sleep(0.01)
    await world.client.request("session.interrupt", {"threadId": "leaky"})
    done = await world.client.wait_event("turn.completed", thread_id="leaky")
    assert done.event["generation"] == 1
    assert len(world.details("leaky", "pressure")) == 1


async def test_a_leaking_host_is_replaced(world: World) -> None:
    await world.start("calm")
    await world.start("leaky", "hog", limits=LIMITS)
    await world.siblings_stream("calm")
    (host,) = await pids_of(world, "leaky")
    await world.turn("leaky", "leak 120")
    took_s = await crossing_to_end_s(
        lambda: rss_bytes([host]), HARD, lambda: not observer.is_running(host)
    )
    assert took_s < 3 * STOP_S
    detail = await world.failed_for_memory("leaky")
    assert [figure["pid"] for figure in detail["processes"]] == [host]
    await world.ready_again("leaky")
    assert await pids_of(world, "leaky") != [host]
    await world.siblings_are_whole("calm")


async def test_in_a_shared_host_the_session_that_leaks_falls_alone(tmp_path: Path) -> None:
    async for world in a_world(tmp_path / "data", placement="packed"):
        await world.start("calm")
        await world.start("leaky", limits=LIMITS)
        await world.siblings_stream("calm")
        await world.turn("leaky", "@@leak 120")
        detail = await world.failed_for_memory("leaky")
        assert len(detail["processes"]) == 1, "the host is nobody's"
        await world.ready_again("leaky")
        await world.siblings_are_whole("calm")


async def test_beyond_the_total_the_largest_session_falls_and_no_other(tmp_path: Path) -> None:
    memory = {"totalSoftBytes": 260 * MIB, "totalHardBytes": 340 * MIB}
    async for world in a_world(tmp_path / "data", placement="one", memory=memory):
        for thread in ("calm", "small", "large"):
            await world.start(thread)
        await world.siblings_stream("calm")
        await world.turn("small", "@@leakdaemon 5")
        await world.turn("large", "@@leak 120")
        detail = await world.failed_for_memory("large", "sidecar")
        assert detail["limitBytes"] == memory["totalHardBytes"] < detail["totalBytes"]
        (pressure,) = world.details("large", "pressure")
        assert pressure["scope"] == "sidecar"
        await world.ready_again("large")
        await world.siblings_are_whole("calm")
        assert {r.event["generation"] for r in world.client.of_thread("small")} == {1}


async def test_a_session_that_leaks_while_it_starts_is_not_started(world: World) -> None:
    limits = {"memoryHardBytes": 5 * MIB}
    with pytest.raises(SidecarError, match="memory: it used"):
        await world.start("large", limits=limits, options={"startDelayMs": 60_000})
    assert observer.seen(world.word) == []


async def test_a_soft_limit_above_the_hard_one_is_refused(world: World) -> None:
    limits = {"memorySoftBytes": 2 * MIB, "memoryHardBytes": MIB}
    with pytest.raises(SidecarError, match=r"memorySoftBytes .* is above memoryHardBytes"):
        await world.start("odd", limits=limits)


HOST = 96 * MIB
"""A limit for hosts in tests: sampled RSS is 25 MiB before anything happens."""


@pytest.mark.parametrize(
    "word",
    ["gulp 500", "callback 500", "leak 400", pytest.param("swallow 400", marks=pytest.mark.long)],
)
async def test_a_host_at_the_limit_of_its_heap_is_replaced_and_others_are_not(
    tmp_path: Path, word: str
) -> None:
    """But for code that hides what was raised, the limit ends the host before anybody looks."""
    hides = word.startswith(("leak", "swallow"))
    memory = {"hostBytes": HOST, "sampleMs": 200 if hides else 60_000}
    settings = {"placement": "packed", "packedSessions": 2, "memory": memory}
    async for world in a_world(tmp_path / "data", **settings):
        for thread in ("leaky", "mate"):
            await world.start(thread, "hog")
        await world.start("calm")
        await world.siblings_stream("calm")
        (host,) = {p for p in await pids_of_hosts(world) if await agents_of(p) == []}
        with contextlib.suppress(SidecarError):
            await world.turn("leaky", word)
        for thread in ("leaky", "mate"):
            detail = await world.failed_for_memory(thread, "host")
            assert detail["limitBytes"] == HOST
            assert HOST * 0.8 < detail["rssBytes" if hides else "heapBytes"] < HOST * 2
            await world.ready_again(thread)
        assert not observer.is_running(host)
        await world.siblings_are_whole("calm")


async def test_what_a_host_starts_has_the_limit_that_the_host_had(tmp_path: Path) -> None:
    own = resource.getrlimit(resource.RLIMIT_DATA)[0]
    async for world in a_world(tmp_path / "data", memory={"hostBytes": HOST}):
        await world.start("asks", "hog")
        await world.turn("asks", "spawn")
        await world.client.wait_event("turn.completed", thread_id="asks")
        (host,) = await pids_of_hosts(world)
        limits = Path(f"/proc/{host}/limits").read_text()
        soft = next(line.split()[3] for line in limits.splitlines() if "Max data size" in line)
        assert HOST < int(soft) < HOST + 200 * MIB
        assert int(assistant_text(world.client.of_thread("asks"))) == own


@pytest.mark.long
async def test_fifty_mb_a_second_under_three_hundred_and_the_siblings_delivery() -> None:
    result = await budget.measure(budget.parser().parse_args([]))
    print(result)
    assert result["siblingsBroken"] == []
    assert result["stoppedS"] < 3 * STOP_S
    assert result["saidRssMb"] > result["hardMb"]
