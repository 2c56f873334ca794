"""A journal in memory with the interface that the bridge uses. Commits at once unless held."""

import asyncio
from collections.abc import Callable, Collection, Sequence

from sidecar.contract.vocabulary import JournalState
from sidecar.journal.errors import CursorTooOld, JournalUnavailable
from sidecar.journal.types import (
    Answered,
    Entry,
    Fresh,
    Mismatch,
    Page,
    RequestState,
    Row,
    Running,
    Unknown,
)


class FakeJournal:
    """`hold()` keeps commits back until `release()`; `restart()` is the next start on it."""

    def __init__(self, log_id: str = "log-1") -> None:
        self.log_id = log_id
        self.epoch = 1
        self.epochs: list[tuple[int, int]] = [(1, 1)]
        self.head = 0
        self.appended = 0
        self.oldest = 1
        self.state: JournalState = "ok"
        self.state_message: str | None = None
        self.pins: dict[str, int] = {}
        self.reads = 0
        self.largest_read_bytes = 0
        self.finished: list[tuple[str, str, str]] = []
        self.closed = False
        self._entries: list[Entry] = []
        self._held = False
        self._listeners: dict[object, Callable[[int], None]] = {}
        self._state_listeners: dict[object, Callable[[JournalState, str | None], None]] = {}
        self._commits = asyncio.Condition()
        self._requests: dict[tuple[str, str, str], tuple[bytes, int, bytes | None]] = {}

    def append(self, rows: Sequence[Row]) -> int:
        """Add events; they are committed at once unless held."""
        for row in rows:
            self.appended += 1
            self._entries.append(Entry(self.appended, row.thread_id, row.body))
        if not self._held:
            self._commit()
        return self.appended

    def hold(self) -> None:
        """Commit nothing from now on."""
        self._held = True

    def release(self) -> None:
        """Commit again, first what was held."""
        self._held = False
        self._commit()

    def set_state(self, state: JournalState, message: str | None = None) -> None:
        """Change the state, as a full disk does."""
        self.state, self.state_message = state, message
        for listener in tuple(self._state_listeners.values()):
            listener(state, message)

    def drop_before(self, seq: int) -> None:
        """Let retention drop everything before `seq`."""
        self.oldest = seq

    def restart(self) -> None:
        """Begin the next epoch."""
        self.epoch += 1
        self.epochs.append((self.epoch, self.head + 1))

    def lose_tail(self, head: int) -> None:
        """Lose what is behind `head`, as power does, and restart."""
        del self._entries[head:]
        self.head = self.appended = head
        self.restart()

    def _commit(self) -> None:
        self.head = self.appended
        for listener in tuple(self._listeners.values()):
            listener(self.head)
        self._wake = asyncio.ensure_future(self._notify())

    async def _notify(self) -> None:
        async with self._commits:
            self._commits.notify_all()

    async def committed(self, seq: int) -> None:
        """Wait until the head is there."""
        if self.closed:
            raise JournalUnavailable("closed")
        async with self._commits:
            await self._commits.wait_for(lambda: self.head >= seq or self.closed)
        if self.closed:
            raise JournalUnavailable("closed")

    async def close(self) -> None:
        """Let everybody who waits know that nothing will be committed any more."""
        self.closed = True
        await self._notify()

    def subscribe(self, callback: Callable[[int], None]) -> Callable[[], None]:
        """Call back after commits."""
        token = object()
        self._listeners[token] = callback
        return lambda: (self._listeners.pop(token), None)[1]

    @property
    def subscribers(self) -> int:
        """How many follow it."""
        return len(self._listeners)

    def on_state(self, callback: Callable[[JournalState, str | None], None]) -> Callable[[], None]:
        """Call back at changes of state."""
        token = object()
        self._state_listeners[token] = callback
        return lambda: (self._state_listeners.pop(token), None)[1]

    async def read(
        self,
        after: int,
        *,
        max_bytes: int,
        max_events: int,
        threads: Collection[str] | None = None,
    ) -> Page:
        """Return a page: at least one event, if one is committed."""
        self.reads += 1
        await asyncio.sleep(0)
        if after + 1 < self.oldest:
            raise CursorTooOld(after, self.oldest)
        rows: list[Entry] = []
        size, last = 0, after
        for entry in self._entries[after : self.head]:
            if threads is None or entry.thread_id in threads:
                if rows and (size + len(entry.body) > max_bytes or len(rows) >= max_events):
                    break
                rows.append(entry)
                size += len(entry.body)
            last = entry.seq
        self.largest_read_bytes = max(self.largest_read_bytes, size)
        return Page(rows, last)

    def pin(self, name: str, cursor: int) -> None:
        """Note a client's cursor."""
        self.pins[name] = cursor

    def unpin(self, name: str) -> None:
        """Forget it."""
        self.pins.pop(name, None)

    async def begin_request(
        self, client_id: str, method: str, key: str, params_hash: bytes
    ) -> RequestState:
        """Note an intent."""
        if self.state != "ok":
            raise JournalUnavailable(self.state)
        await asyncio.sleep(0)
        known = self._requests.get((client_id, method, key))
        if known is None:
            self._requests[client_id, method, key] = (params_hash, self.epoch, None)
            return Fresh()
        known_hash, epoch, answer = known
        if known_hash != params_hash:
            return Mismatch()
        if answer is not None:
            return Answered(answer)
        return Running() if epoch == self.epoch else Unknown()

    async def finish_request(self, client_id: str, method: str, key: str, answer: bytes) -> None:
        """Note an answer."""
        known_hash, epoch, _ = self._requests[client_id, method, key]
        self._requests[client_id, method, key] = (known_hash, epoch, answer)
        self.finished.append((client_id, method, key))
