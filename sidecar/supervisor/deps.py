"""What every session of a supervisor shares."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sidecar.contract.limits import HOST_CREDIT_BYTES, HOST_CREDIT_TOTAL_BYTES
from sidecar.observe.log import Log
from sidecar.supervisor.eventlog import EventLog
from sidecar.supervisor.launch import HostLauncher
from sidecar.supervisor.placement import Hosts
from sidecar.supervisor.providers import Providers
from sidecar.supervisor.settings import Settings


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
    live: set[Any] = field(default_factory=set)
    """Generations that run: they share HOST_CREDIT_TOTAL_BYTES."""

    def host_credit(self) -> int:
        """Return the window of one host now, in bytes."""
        return min(HOST_CREDIT_BYTES, HOST_CREDIT_TOTAL_BYTES // max(1, len(self.live)))
