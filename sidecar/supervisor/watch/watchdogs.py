"""Which watchdogs there are."""

from sidecar.observe.metrics import Metrics
from sidecar.supervisor.deps import Shared
from sidecar.supervisor.supervisor import Supervisor
from sidecar.supervisor.watch.beats import HostBeats
from sidecar.supervisor.watch.flow import Flow
from sidecar.supervisor.watch.idle import IdleSessions
from sidecar.supervisor.watch.memory import MemoryWatch
from sidecar.supervisor.watch.metrics import register_sampler
from sidecar.supervisor.watch.sampler import Sampler
from sidecar.supervisor.watch.stall import Stalls
from sidecar.supervisor.watch.watch import Watchdog


def make_watchdogs(shared: Shared, supervisor: Supervisor, metrics: Metrics) -> list[Watchdog]:
    """Return every watchdog over the sessions of a supervisor, not yet started."""
    settings, fold, log = shared.settings, shared.events.fold, shared.log
    sampler = Sampler(shared, log)
    register_sampler(metrics, sampler)
    MemoryWatch(sampler, shared.hosts, supervisor, settings.memory.host_bytes, log).listen()
    return [
        HostBeats(shared.hosts, supervisor, settings.host_beat_ms, log),
        Stalls(fold, supervisor, settings.stall_ms, log),
        IdleSessions(fold, supervisor, settings.idle_ms, log),
        Flow(shared.events.journal, shared.hosts, shared.live),
        sampler,
    ]
