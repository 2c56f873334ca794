"""What the bridge sees of the supervisor: the Backend of sidecar/bridge/backend."""

from collections.abc import Callable, Collection
from typing import Any

from sidecar.contract.base import Wire
from sidecar.contract.bridge import ServerInfo
from sidecar.contract.snapshot import SnapshotState
from sidecar.core.correlation import Correlation
from sidecar.journal import Journal
from sidecar.observe.log import Secret
from sidecar.observe.metrics import Metrics
from sidecar.supervisor.eventlog import EventLog
from sidecar.supervisor.handlers import Handlers
from sidecar.supervisor.pacing import Following, Pace
from sidecar.supervisor.supervisor import Supervisor


class SupervisorBackend:
    """Joins event log, handlers and identity for the bridge."""

    def __init__(
        self,
        *,
        token: Secret,
        server: ServerInfo,
        heartbeat_ms: int,
        events: EventLog,
        supervisor: Supervisor,
        handlers: Handlers,
        metrics: Metrics,
        pace: Pace,
    ) -> None:
        self._token = token
        self.server = server
        self.heartbeat_ms = heartbeat_ms
        self.ready = False
        self._events = events
        self._supervisor = supervisor
        self._handlers = handlers
        self._metrics = metrics
        self._pace = pace

    @property
    def token(self) -> str:
        """The shared secret of the bootstrap."""
        return self._token.reveal()

    @property
    def journal(self) -> Journal:
        """The journal that clients are cursors over."""
        return self._events.journal

    def snapshot(self, threads: Collection[str] | None) -> tuple[int, SnapshotState]:
        """Return the fold, and the seq it is at (appended, maybe not yet committed)."""
        return self._events.snapshot(threads)

    async def call(self, method: str, params: Wire) -> Any:
        """Carry a method out."""
        return await self._handlers.call(method, params)

    def correlation(self, params: Any) -> Correlation:
        """Return what a call is about: what its params name, and what the fold knows of that."""
        thread: str | None = getattr(params, "thread_id", None)
        request: str | None = getattr(params, "request_id", None)
        turn: str | None = getattr(params, "turn_id", None)
        folded = self._events.fold.session(thread) if thread is not None else None
        if folded is None:
            return Correlation(thread, None, turn, request)
        if request is not None and (asked := folded.requests.get(request)) is not None:
            turn = asked.turn_id
        elif turn is None and folded.turn is not None:
            turn = folded.turn.turn_id
        return Correlation(thread, folded.generation, turn, request)

    def client_arrived(self, client_id: str) -> None:
        """Bring back what an unclean end cut, once somebody is there to see it."""
        self._supervisor.resume_unclean()

    def follow(self, acked: int, window_bytes: int) -> Following:
        """Have floods wait for a client that has caught up."""
        return self._pace.follow(acked, window_bytes)

    def metrics_text(self) -> str:
        """Return all metrics as Prometheus text."""
        return self._metrics.text()

    def on_ephemeral(self, callback: Callable[[dict[str, Any]], None]) -> Callable[[], None]:
        """Subscribe to what has no seq."""
        return self._events.on_ephemeral(callback)
