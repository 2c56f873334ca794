"""What every session of a supervisor shares."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sidecar.contract.limits import HOST_CREDIT_BYTES, HOST_CREDIT_TOTAL_BYTES
from sidecar.contract.methods import SessionStartParams
from sidecar.core.watch.budget import NO_BUDGET, Budget, budget_of
from sidecar.observe.log import Log
from sidecar.supervisor.eventlog import EventLog
from sidecar.supervisor.hostlogs import HostLogs
from sidecar.supervisor.launch import HostLauncher
from sidecar.supervisor.pacing import Pace
from sidecar.supervisor.placement import Hosts
from sidecar.supervisor.providers import Providers
from sidecar.supervisor.settings import Settings


class Live(set[Any]):
    """Generations that run. What looks after them waits until there is one."""

    def __init__(self) -> None:
        super().__init__()
        self._some = asyncio.Event()

    def add(self, generation: Any) -> None:
        """Take one in."""
        super().add(generation)
        self._some.set()

    def discard(self, generation: Any) -> None:
        """Leave one out; nothing happens when it is not there."""
        super().discard(generation)
        if not self:
            self._some.clear()

    async def some(self) -> None:
        """Wait until one runs."""
        await self._some.wait()


@dataclass(slots=True)
class Shared:
    """Handed to sessions and generations; owned by the Supervisor."""

    events: EventLog
    launcher: HostLauncher
    hosts: Hosts
    providers: Providers
    settings: Settings
    log: Log
    data_dir: Path
    clock: Callable[[], float]
    random: Callable[[], float]
    live: Live = field(default_factory=Live)
    """Generations that run: they share HOST_CREDIT_TOTAL_BYTES."""
    pace: Pace = field(init=False)
    """Which of them wait for their clients."""

    def __post_init__(self) -> None:
        """Pace them by what is committed."""
        journal = self.events.journal
        self.pace = Pace(lambda: journal.head, self.clock)

    host_logs: HostLogs = field(default_factory=lambda: HostLogs(time.monotonic))

    def host_credit(self) -> int:
        """Return the window of one host now, in bytes."""
        return min(HOST_CREDIT_BYTES, HOST_CREDIT_TOTAL_BYTES // max(1, len(self.live)))

    def memory_budget(self, start: SessionStartParams) -> Budget:
        """Return what a session's processes may use: its own limits before the settings."""
        limits, memory = start.limits, self.settings.memory
        own = Budget(limits.memory_soft_bytes, limits.memory_hard_bytes) if limits else NO_BUDGET
        return budget_of(own, Budget(memory.session_soft_bytes, memory.session_hard_bytes))
