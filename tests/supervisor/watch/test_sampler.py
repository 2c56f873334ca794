"""The sampler looks while a session lives, and at no other time; its watchdogs hear what it saw."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from sidecar.core.watch.budget import Budget
from sidecar.observe.log import null_log
from sidecar.observe.metrics import Metrics
from sidecar.supervisor.deps import Live
from sidecar.supervisor.sampling import Lodging, Tenant
from sidecar.supervisor.settings import parse_settings
from sidecar.supervisor.watch.looking import Look
from sidecar.supervisor.watch.metrics import register_sampler
from sidecar.supervisor.watch.sampler import Sampler


class Generation:
    """As far as a sampler knows one: it lives in this very process."""

    def __init__(self, thread_id: str, budget: Budget | None = None) -> None:
        self.budget = budget or Budget()
        lodging = Lodging(os.getpid(), "m", shared=False)
        self.tenant: Tenant | None = Tenant(thread_id, 1, lodging, self.budget)


class World:
    """A sampler that looks every 20 ms, and its task."""

    def __init__(self, **memory: Any) -> None:
        self.live = Live()
        settings = parse_settings({"memory": {"sampleMs": 20} | memory})
        shared: Any = SimpleNamespace(live=self.live, settings=settings)
        self.sampler = Sampler(shared, null_log())
        self.looks: list[Look] = []
        self.sampler.on_look(self.looks.append)
        self.task = asyncio.create_task(self.sampler.run())

    async def end(self) -> None:
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task


async def until(test: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not test():
            await asyncio.sleep(0.002)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    await made.end()


async def test_it_looks_only_while_something_lives(world: World) -> None:
    for _ in range(20):
        await asyncio.sleep(0)
    assert world.sampler.looks == 0
    generation = Generation("a", Budget(1 << 40, None))
    world.live.add(generation)
    await until(lambda: world.sampler.looks >= 3)
    usage = world.sampler.latest["a"]
    assert usage.rss_bytes == world.sampler.look.rss_bytes if world.sampler.look else 0
    assert world.sampler.cpu_s > 0
    world.live.discard(generation)
    await until(lambda: not world.sampler.latest)
    assert world.sampler.look is None
    looks = world.sampler.looks
    for _ in range(20):
        await asyncio.sleep(0)
    assert world.sampler.looks == looks
    world.live.add(generation)
    await until(lambda: world.sampler.looks > looks)


async def test_who_has_no_host_yet_is_not_looked_at(world: World) -> None:
    generation = Generation("a")
    tenant, generation.tenant = generation.tenant, None
    world.live.add(generation)
    await until(lambda: world.looks)
    assert world.looks[0].usages == {}
    generation.tenant = tenant
    await until(lambda: "a" in world.sampler.latest)


async def test_what_grows_towards_its_budget_is_looked_at_between_two_looks() -> None:
    world = World(sampleMs=5_000, totalSoftBytes=1)
    seen: list[int] = []
    world.sampler.on_usages(lambda usages: seen.append(usages["a"].rss_bytes))
    generation = Generation("a", Budget(None, 1 << 40))
    world.live.add(generation)
    await until(lambda: seen)
    # as if it had been so small a moment ago that the budget is near at this pace
    world.sampler._crossings["a"] = 0.01
    assert generation.tenant is not None
    await world.sampler._look_at_growing(1.0)
    assert len(seen) >= 2
    assert world.sampler.looks == 1, "at all only once"
    await world.end()


async def test_metrics_have_a_row_a_session_that_runs(world: World) -> None:
    metrics = Metrics()
    register_sampler(metrics, world.sampler)
    assert metrics.values()["sidecar_rss_bytes"] == 0
    generation = Generation('odd "name"\n')
    world.live.add(generation)
    await until(lambda: world.sampler.latest)
    text = metrics.text()
    assert 'sidecar_session_rss_bytes{thread="odd \\"name\\"\\n"} ' in text
    world.live.discard(generation)
    await until(lambda: not world.sampler.latest)
    assert "sidecar_session_rss_bytes{" not in metrics.text()
