"""What the bridge needs of the rest of the sidecar. Shapes alone.

The supervisor implements Backend, sidecar/journal implements JournalView; tests have their own.
"""

from collections.abc import Callable, Collection
from typing import Any, Protocol

from sidecar.contract.base import Wire
from sidecar.contract.bridge import ServerInfo
from sidecar.contract.snapshot import SnapshotState
from sidecar.contract.vocabulary import JournalState
from sidecar.core.correlation import Correlation
from sidecar.journal.types import Page, RequestState


class JournalView(Protocol):
    """The journal as the bridge uses it: read and followed, never appended to."""

    @property
    def log_id(self) -> str:
        """Which journal this is."""

    @property
    def epoch(self) -> int:
        """Which start of the sidecar on it."""

    @property
    def epochs(self) -> list[tuple[int, int]]:
        """(epoch, first seq) of every start."""

    @property
    def head(self) -> int:
        """Last committed seq."""

    @property
    def appended(self) -> int:
        """Last seq given out, maybe not yet committed."""

    @property
    def oldest(self) -> int:
        """First seq kept."""

    @property
    def state(self) -> JournalState:
        """Whether it takes events."""

    @property
    def state_message(self) -> str | None:
        """Why it does not."""

    async def committed(self, seq: int) -> None:
        """Wait until `seq` is committed. Raises JournalUnavailable."""

    def subscribe(self, callback: Callable[[int], None]) -> Callable[[], None]:
        """Call `callback` with the head after every commit; returns how to end that."""

    def on_state(self, callback: Callable[[JournalState, str | None], None]) -> Callable[[], None]:
        """Call `callback(state, message)` at each change; returns how to end that."""

    async def read(
        self,
        after: int,
        *,
        max_bytes: int,
        max_events: int,
        threads: Collection[str] | None = None,
    ) -> Page:
        """Return committed events behind `after`. Raises CursorTooOld, JournalUnavailable."""

    def pin(self, name: str, cursor: int) -> None:
        """Keep what follows `cursor` from retention."""

    def unpin(self, name: str) -> None:
        """End that."""

    async def begin_request(
        self, client_id: str, method: str, key: str, params_hash: bytes
    ) -> RequestState:
        """Commit the intent of an idempotent call, or tell what became of it."""

    async def finish_request(self, client_id: str, method: str, key: str, answer: bytes) -> None:
        """Commit the final answer."""


class Following(Protocol):
    """A client that follows the stream, as those see it who hold floods back."""

    def acked(self, seq: int) -> None:
        """Note that the client has committed everything up to `seq`."""

    def left(self) -> None:
        """Note that it follows no more; may be called twice."""


class Backend(Protocol):
    """The rest of the sidecar."""

    @property
    def token(self) -> str:
        """The shared secret."""

    @property
    def server(self) -> ServerInfo:
        """Who this sidecar is."""

    @property
    def journal(self) -> JournalView:
        """The journal that clients are cursors over."""

    @property
    def heartbeat_ms(self) -> int:
        """Pause between heartbeats."""

    @property
    def ready(self) -> bool:
        """Whether it takes work."""

    def snapshot(self, threads: Collection[str] | None) -> tuple[int, SnapshotState]:
        """Return the last seq given out and the fold at it; sent only once that is committed."""

    async def call(self, method: str, params: Wire) -> Any:
        """Carry out a method whose params were checked. Raises SidecarError."""

    def correlation(self, params: Any) -> Correlation:
        """Return what a call with these params is about, as far as is known, for the log."""

    def client_arrived(self, client_id: str) -> None:
        """Take note of a successful hello."""

    def follow(self, acked: int, window_bytes: int) -> Following:
        """Take note of a client that has caught up: floods wait for its acks."""

    def metrics_text(self) -> str:
        """Return all metrics in Prometheus' text format."""

    def on_ephemeral(self, callback: Callable[[dict[str, Any]], None]) -> Callable[[], None]:
        """Call `callback` with what has no seq; returns how to end that."""
