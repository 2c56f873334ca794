"""Samples the memory and CPU time of everything from the supervisor down, while a session lives.

In a thread, so that the loop never waits for /proc. Owns the samples; what follows from them is for
the watchdogs, which listen.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sidecar.core.watch.budget import Budget
from sidecar.core.watch.pace import ALOOF, FAST_S, FULL_FAST_S, Reading, pause_s, to_crossing_s
from sidecar.core.watch.usage import Usage
from sidecar.observe.log import Log
from sidecar.supervisor.deps import Shared
from sidecar.supervisor.sampling import Tenant
from sidecar.supervisor.watch.looking import Look, Looker

SLOW_LOOK_S = 5.0
"""A look that takes longer hangs on a process that sleeps in the kernel. It is told of and waited
for: a second thread would hang as well."""

UsageListener = Callable[[Mapping[str, Usage]], None]
LookListener = Callable[[Look], None]
T = TypeVar("T")


class Sampler:
    """The watchdogs' eyes. `latest` is what was found last, by thread."""

    name = "sampler"

    def __init__(self, shared: Shared, log: Log) -> None:
        self._shared = shared
        self._log = log
        memory = shared.settings.memory
        self.total_budget = Budget(memory.total_soft_bytes, memory.total_hard_bytes)
        self._base_s = memory.sample_ms / 1000
        self._thread: ThreadPoolExecutor | None = None
        """Its own: a look must not wait behind whatever else the loop has threads do."""

        self._looker = Looker(os.getpid())
        self._tenants: dict[str, Tenant] = {}
        self._readings: dict[str, Reading] = {}
        self._crossings: dict[str, float | None] = {}
        """Seconds to each thread's next budget, and to the total one under ""."""

        self._usage_listeners: list[UsageListener] = []
        self._look_listeners: list[LookListener] = []
        self.latest: Mapping[str, Usage] = {}
        """By thread, of every generation that runs; empty while none does."""

        self.look: Look | None = None
        """The last full look; None while no session lives."""

        self.looks = 0
        """Full looks since the start."""

        self.cpu_s = 0.0
        """CPU time that all looks took."""

    def on_usages(self, listener: UsageListener) -> None:
        """Have `listener` called in the loop with the usages that were just taken."""
        self._usage_listeners.append(listener)

    def on_look(self, listener: LookListener) -> None:
        """Have `listener` called in the loop after each look at everything."""
        self._look_listeners.append(listener)

    def budget(self, usage: Usage) -> Budget:
        """Return what the thread of a usage that was just taken may use."""
        return self._tenants[usage.thread_id].budget

    async def run(self) -> None:
        """Look, and look again, while there is a session."""
        loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, "sampler")
        try:
            while True:
                await self._shared.live.some()
                while self._shared.live:
                    full_at = loop.time() + await self._look_at_all()
                    while (left_s := full_at - loop.time()) > 0:
                        await self._look_at_growing(left_s)
                    await self._while_nobody_has_a_budget()
                self._forget()
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)
            self._forget()

    async def _look_at_all(self) -> float:
        """Look at everything; returns the pause until the next time."""
        tenants = [t for generation in self._shared.live if (t := generation.tenant) is not None]
        self._tenants = {tenant.thread_id: tenant for tenant in tenants}
        look = await self._in_thread(lambda: self._looker.look(tenants, self.total_budget))
        self.look, self.latest = look, look.usages
        self.looks, self.cpu_s = self.looks + 1, self.cpu_s + look.cpu_s
        self._readings = {
            name: r for name, r in self._readings.items() if name in look.usages or not name
        }
        self._crossings.clear()
        self._note("", look.charged_bytes, self.total_budget)
        self._take(look.usages)
        for listener in self._look_listeners:
            listener(look)
        return pause_s(self._base_s, self._crossings[""], FULL_FAST_S)

    async def _look_at_growing(self, left_s: float) -> None:
        """Sleep until the next full look, or until one that grows must be looked at before it."""
        growing = {
            name: crossing_s
            for name, crossing_s in self._crossings.items()
            if name in self._tenants and crossing_s is not None and crossing_s < left_s
        }
        if not growing:
            await asyncio.sleep(left_s)
            return
        await asyncio.sleep(pause_s(left_s, min(growing.values()), FAST_S))
        tenants = [self._tenants[name] for name in growing]
        usages = await self._in_thread(lambda: self._looker.glance(tenants))
        self.latest = {**self.latest, **usages}
        self._take(usages)

    def _take(self, usages: Mapping[str, Usage]) -> None:
        for usage in usages.values():
            self._note(usage.thread_id, usage.charged_bytes, self.budget(usage))
        for listener in self._usage_listeners:
            listener(usages)

    def _note(self, name: str, used_bytes: int, budget: Budget) -> None:
        now = Reading(used_bytes, asyncio.get_running_loop().time())
        before = self._readings.get(name, now)
        self._readings[name] = now
        self._crossings[name] = to_crossing_s(before, now, budget)

    async def _while_nobody_has_a_budget(self) -> None:
        """Wait on for a while, unless there is something to hold somebody to."""
        for _ in range(ALOOF - 1):
            budgets = [generation.budget for generation in self._shared.live]
            if any(budget.nearest_bytes is not None for budget in [self.total_budget, *budgets]):
                return
            await asyncio.sleep(self._base_s)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        assert self._thread is not None
        task = asyncio.get_running_loop().run_in_executor(self._thread, work)
        try:
            done, _ = await asyncio.wait({task}, timeout=SLOW_LOOK_S)
            if not done:
                self._log.warning("sampler.slow", seconds=SLOW_LOOK_S)
            return await task
        finally:
            task.cancel()

    def _forget(self) -> None:
        """Begin anew: what was known of processes is of no use when none is left."""
        self._looker = Looker(os.getpid())
        self.latest, self.look, self._tenants = {}, None, {}
        self._readings.clear()
        self._crossings.clear()
