"""The journal as the event loop sees it: append, wait, read, pin.

Owns the numbers: which seq is assigned, which is committed. append → commit → deliver, in that
order: nothing is readable and nobody is told before SQLite has it. All methods belong to the loop's
thread; the threads of writer, checkpointer and reader are behind it.
"""

import asyncio
import heapq
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from sidecar.journal.checkpoint import Checkpointer
from sidecar.journal.errors import CursorTooOld, JournalUnavailable
from sidecar.journal.outbox import Facts, Outbox
from sidecar.journal.patience import Disk
from sidecar.journal.reader import Reader
from sidecar.journal.recovery import Opened, open_database
from sidecar.journal.retention import Retention
from sidecar.journal.schema import close_without_checkpoint
from sidecar.journal.store import Store
from sidecar.journal.tail import Room, Tail
from sidecar.journal.types import GROUP_BYTES, Entry, JournalOptions, JournalState, Page, Row
from sidecar.journal.writer import Group, Operation, Writer

T = TypeVar("T")

PAGE_BYTES = 256 * 1024
PAGE_EVENTS = 1000
"""Bounds of a page unless the reader names its own."""

StateListener = Callable[[JournalState, str | None], None]


class Journal(Store):
    """An open journal. Use: open, recover, start, …, close."""

    def __init__(self, path: Path, options: JournalOptions, opened: Opened) -> None:
        super().__init__(path, options.wall_ms, options.idempotency_s)
        self.log_id = opened.log_id
        self.epoch = opened.epoch
        self.epochs: list[tuple[int, int]] = list(opened.epochs)
        self.previous_end_clean = opened.previous_end_clean
        self.reset_name = opened.reset_name
        self.head = opened.head
        self.appended = opened.head
        self.oldest = opened.oldest
        self.state: JournalState = "ok"
        self.state_message: str | None = None
        self._connection = opened.connection
        self._tail = Tail(options.tail_bytes)
        self._pins: dict[str, int] = {}
        snapshot = self.load_snapshot()
        self._snapshot_at = snapshot[0] if snapshot else 0
        self._floor = self._snapshot_at
        self._outbox = Outbox(Facts(opened.head, opened.oldest))
        self._checkpointer = Checkpointer(path)
        self._writer = Writer(
            opened.connection,
            disk=Disk(opened.connection, options.ballast(path), options.close_s, options.monotonic),
            outbox=self._outbox,
            retention=Retention(options, lambda: self._floor),
            checkpointer=self._checkpointer,
            wall_ms=options.wall_ms,
        )
        self._reader: Reader | None = None
        self._reads = ThreadPoolExecutor(1, "journal-reader")
        self._waiters: list[tuple[int, int, asyncio.Future[None]]] = []
        self._waits = 0
        self._subscribers: dict[object, Callable[[int], None]] = {}
        self._state_listeners: dict[object, StateListener] = {}
        self._started = False
        self._closed = False

    @classmethod
    def open(cls, path: Path, options: JournalOptions | None = None) -> "Journal":
        """Open or create the journal at `path`, recover it, begin a new epoch.

        Raises SchemaNewer, and OSError or sqlite3.Error when the place cannot be used. A damaged
        database is set aside: `reset_name` is then its new name.
        """
        options = options or JournalOptions()
        opened = open_database(path, options.wall_ms)
        if options.max_page_count is not None:
            opened.connection.execute(f"PRAGMA max_page_count={options.max_page_count}")
        return cls(path, options, opened)

    async def start(self) -> None:
        """Start the threads; from now on appends are committed."""
        self._outbox.attach(asyncio.get_running_loop(), self._on_news)
        self._checkpointer.start()
        self._writer.start()
        self._started = True

    # Writing

    def append(self, rows: Sequence[Row]) -> int:
        """Assign contiguous seqs and queue the rows for one commit; return the last seq.

        Returns at once. All rows of one call are committed together. Raises JournalUnavailable once
        the journal is closed or has failed, ValueError above GROUP_BYTES.
        """
        self._check_usable()
        if not rows:
            return self.appended
        size_bytes = sum([len(row.body) for row in rows])
        if size_bytes > GROUP_BYTES:
            raise ValueError(f"Cannot append {size_bytes} bytes at once")
        group = Group(self.appended + 1, list(rows), size_bytes)
        last = self.appended + len(rows)
        self._writer.put(group)
        self.appended = last  # what is queued will be written, whatever becomes of the tail
        self._tail.extend(group.first_seq, group.rows)
        return last

    def take_news(self) -> None:
        """Take what the writer's thread has to tell, should nobody have been woken for it.

        Nothing wakes a loop that had no memory for it. Call it now and then.
        """
        self._outbox.take()

    async def committed(self, seq: int) -> None:
        """Wait until `seq` is committed. Raises JournalUnavailable when it never will be."""
        if seq <= self.head:
            return
        self._check_usable()
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waits += 1
        heapq.heappush(self._waiters, (seq, self._waits, future))
        await future

    def subscribe(self, callback: Callable[[int], None]) -> Callable[[], None]:
        """Call `callback(head)` on the loop after commits; return how to end that."""
        token = object()
        self._subscribers[token] = callback
        return lambda: _forget(self._subscribers, token)

    def on_state(self, callback: StateListener) -> Callable[[], None]:
        """Call `callback(state, message)` on the loop at each change; return how to end that."""
        token = object()
        self._state_listeners[token] = callback
        return lambda: _forget(self._state_listeners, token)

    # Reading

    async def read(
        self,
        after: int,
        *,
        max_bytes: int = PAGE_BYTES,
        max_events: int = PAGE_EVENTS,
        threads: Collection[str] | None = None,
    ) -> Page:
        """Return committed events behind `after`: at least one if there is any.

        `Page.last_seq` is where to go on; with `threads` it also covers events that were skipped.
        Raises CursorTooOld when retention has dropped the next event, JournalUnavailable when the
        disk cannot be read.
        """
        upto = self.head
        if after >= upto:
            return Page([], after)
        room = Room(max_bytes, max_events)
        page = self._tail.page(after, upto, room, threads)
        if page is not None:
            return page
        if self._closed:
            raise JournalUnavailable("Cannot read: the journal is closed")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._reads, self._read, after, upto, room, threads)

    def replay(self, after: int) -> Iterator[list[Entry]]:
        """Yield all events behind `after` on the caller's thread: for recovery, before start."""
        reader = Reader(self._path)
        try:
            yield from reader.replay(after, self.head)
        finally:
            reader.close()

    # Retention

    def pin(self, name: str, cursor: int) -> None:
        """Keep what is behind `cursor` for the client `name`, until unpinned."""
        self._pins[name] = cursor
        self._set_floor()

    def unpin(self, name: str) -> None:
        """Let go of a client's pin; unknown names are no error."""
        self._pins.pop(name, None)
        self._set_floor()

    async def save_snapshot(self, at: int, blob: bytes) -> None:
        """Keep the fold at a committed seq; events up to there may be dropped from now on."""
        await super().save_snapshot(at, blob)
        self._snapshot_at = at
        self._set_floor()

    # The end

    async def close(self) -> None:
        """Commit what is queued, stop the threads, close the files. May be called twice.

        Waits for a full disk no longer than `close_s`; who waits for a seq that is then not
        committed gets JournalUnavailable.
        """
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._shut)
        self._outbox.take()
        self._release_waiters(JournalUnavailable("The journal was closed before the commit"))

    def _shut(self) -> None:
        self._writer.close()
        self._checkpointer.close()
        self._reads.shutdown()
        if self._reader is not None:
            self._reader.close()
        self._close_lookups()
        if self._writer.disk_full:
            close_without_checkpoint(self._connection, self._path)
            return
        with suppress(sqlite3.Error):  # the WAL is as good; the next start takes it in
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()

    def _operate(self, run: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        try:
            self._check_usable()
            if not self._started:
                raise JournalUnavailable("Cannot write: the journal was not started")
        except JournalUnavailable as error:
            future.set_exception(error)
        else:
            self._writer.put(Operation(run, future))
        return future

    def _read(self, after: int, upto: int, room: Room, threads: Collection[str] | None) -> Page:
        """Read a page from disk (reader's thread)."""
        reader, self._reader = self._reader, None
        try:
            reader = reader or Reader(self._path)
            page = reader.page(after, upto, room, threads)
        except CursorTooOld:
            self._reader = reader
            raise
        except (JournalUnavailable, sqlite3.Error, MemoryError) as error:
            self._suspect = True
            if reader is not None:  # it may be stuck in its transaction: the next read opens anew
                reader.close()
            raise JournalUnavailable(f"Cannot read the journal: {error}") from error
        self._reader = reader
        return page

    def _on_news(self, facts: Facts) -> None:
        """Take the writer's facts (loop)."""
        self.oldest = facts.oldest
        if facts.head > self.head:
            self._move_head(facts.head)
        if (facts.state, facts.message) != (self.state, self.state_message):
            self._change_state(facts.state, facts.message)

    def _move_head(self, head: int) -> None:
        self.head = head
        while self._waiters and self._waiters[0][0] <= head:
            _settle(heapq.heappop(self._waiters)[2], None)
        for callback in tuple(self._subscribers.values()):
            _guarded(callback, head)
        with suppress(MemoryError):  # it takes some to give some back: the next commit tries again
            self._tail.trim(head)

    def _change_state(self, state: JournalState, message: str | None) -> None:
        self.state, self.state_message = state, message
        if state == "failed":
            self._release_waiters(JournalUnavailable(f"The journal failed: {message}"))
        for listener in tuple(self._state_listeners.values()):
            _guarded(listener, state, message)

    def _check_usable(self) -> None:
        if self._closed:
            raise JournalUnavailable("Cannot use the journal: it is closed")
        if self.state == "failed":
            raise JournalUnavailable(f"Cannot use the journal: {self.state_message}")

    def _release_waiters(self, error: JournalUnavailable) -> None:
        for _seq, _order, future in self._waiters:
            _settle(future, error)
        self._waiters.clear()

    def _set_floor(self) -> None:
        """Note the highest seq that retention may drop; one int, so the writer reads it whole."""
        self._floor = min([self._snapshot_at, *self._pins.values()])


def _settle(future: asyncio.Future[None], error: Exception | None) -> None:
    if future.done():
        return  # whoever waited was cancelled
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)


def _guarded(callback: Callable[..., None], *values: object) -> None:
    """Call a listener; its defect goes to the loop's handler and harms no other listener."""
    try:
        callback(*values)
    except Exception as error:  # noqa: BLE001 - reported, see above
        context = {"message": "a listener of the journal failed", "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)


def _forget(listeners: dict[object, T], token: object) -> None:
    listeners.pop(token, None)
