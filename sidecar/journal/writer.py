"""The one thread that writes: segments, and the store's small commits, in the order they came.

Commits at once when idle; what comes while a commit is in flight becomes the next one. One segment
is one statement. Never runs on the event loop's thread and never touches its objects: what it has
to tell goes through the outbox.
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import Any, Final

from sidecar.journal import patience
from sidecar.journal.checkpoint import Checkpointer
from sidecar.journal.errors import JournalUnavailable
from sidecar.journal.outbox import Outbox
from sidecar.journal.patience import Disk
from sidecar.journal.retention import Retention
from sidecar.journal.segments import pack
from sidecar.journal.types import SEGMENT_BYTES, JournalState, Row

_WHEN_THERE_IS_MEMORY = suppress(MemoryError)
"""Around what is done again behind the next commit."""

_INSERT = "INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?)"

BUSY_RETENTION_COMMITS = 8
"""Commits between two steps of retention while the queue never gets empty."""


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of one append: in one commit or in none."""

    first_seq: int
    rows: list[Row]
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Operation:
    """A small commit of the store. `run` is tried again when the disk was full."""

    run: Callable[[sqlite3.Connection], Any]
    future: asyncio.Future[Any]


class _Close:
    """Last in the queue."""


Job = Group | Operation | _Close
_CLOSE: Final = _Close()


class Writer:
    """The thread and its queue."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        disk: Disk,
        outbox: Outbox,
        retention: Retention,
        checkpointer: Checkpointer,
        wall_ms: Callable[[], int],
    ) -> None:
        self._connection = connection
        self._disk = disk
        self._outbox = outbox
        self._retention = retention
        self._checkpointer = checkpointer
        self._wall_ms = wall_ms
        self._queue: SimpleQueue[Job] = SimpleQueue()
        self._held: Job | None = None
        self._failure: str | None = None
        self._since_retention = 0
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        disk.on_full(self._filled_up)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def disk_full(self) -> bool:
        """Whether the disk was full when it was last written to."""
        return self._disk.full

    def put(self, job: Group | Operation) -> None:
        """Queue a job; returns at once."""
        self._queue.put(job)

    def close(self) -> None:
        """Commit what is queued, then stop. A full disk is given `close_s`. Blocks."""
        if self._thread.is_alive():
            self._disk.hurry()
            self._queue.put(_CLOSE)
            self._thread.join()

    def _run(self) -> None:
        self._disk.restore_ballast()
        if self._disk.full:
            self._checkpointer.pause()
        self._tell_state()
        while not isinstance(job := self._next(), _Close):
            if self._failure is not None:
                self._refuse(job)
                continue
            try:
                self._carry_out(job)
                with _WHEN_THERE_IS_MEMORY:
                    self._checkpointer.finish(self._connection)
                    self._look_again()
                    self._retain()
            except BaseException as error:  # noqa: BLE001 - or all who wait would wait for ever
                self._fail(job, error)

    def _next(self) -> Job:
        """Wait for a job; while the disk is full, look now and then whether it still is."""
        if self._held is not None:
            job, self._held = self._held, None
            return job
        while True:
            try:
                return self._queue.get(timeout=patience.FULL_POLL_S if self._disk.full else None)
            except Empty:
                self._look_again()
            except MemoryError:
                time.sleep(patience.RETRY_FIRST_S)

    def _carry_out(self, job: Group | Operation) -> None:
        if isinstance(job, Group):
            self._commit(self._batch(job))
            return
        try:
            result = self._disk.attempt(lambda: job.run(self._connection))
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError, ValueError) as error:
            self._outbox.answer(job.future, error=error)  # a defect of the caller's, not the disk's
        else:
            self._outbox.answer(job.future, result)

    def _batch(self, first: Group) -> list[Group]:
        """Take what came since the last commit, up to a segment's bound."""
        batch, size = [first], first.size_bytes
        while not self._queue.empty():
            job = self._queue.get()
            if not isinstance(job, Group) or size + job.size_bytes > SEGMENT_BYTES:
                self._held = job
                break
            batch.append(job)
            size += job.size_bytes
        return batch

    def _commit(self, batch: list[Group]) -> None:
        last, size_bytes = self._disk.attempt(lambda: self._insert(batch))
        self._disk.attempt(lambda: self._outbox.tell(replace(self._outbox.facts, head=last)))
        self._retention.wrote(size_bytes)
        self._checkpointer.wrote(size_bytes)

    def _insert(self, batch: list[Group]) -> tuple[int, int]:
        """Write a segment; returns its last seq and its size."""
        rows = [row for group in batch for row in group.rows]
        first = batch[0].first_seq
        last = first + len(rows) - 1
        index, bodies = pack(rows)
        size_bytes = len(index) + len(bodies)
        values = (first, last, self._wall_ms(), size_bytes, index, bodies)
        self._connection.execute(_INSERT, values)
        return last, size_bytes

    def _retain(self) -> None:
        """Drop old segments when there is time, and now and then when there is none."""
        self._since_retention += 1
        while self._retention.due() and not self._disk.full:
            busy = self._held is not None or not self._queue.empty()
            if busy and self._since_retention < BUSY_RETENTION_COMMITS:
                return
            self._since_retention = 0
            oldest = self._disk.attempt(lambda: self._retention.step(self._connection))
            if oldest is not None:
                self._outbox.tell(replace(self._outbox.facts, oldest=oldest))

    def _fail(self, job: Group | Operation, error: BaseException) -> None:
        """Give the journal up for this run of the program; later jobs are refused."""
        self._failure = f"Cannot write the journal: {error}"
        self._tell_state()
        self._refuse(job)

    def _refuse(self, job: Group | Operation) -> None:
        """Answer a job that will never be carried out; groups learn it by the state."""
        if isinstance(job, Operation):
            self._outbox.answer(job.future, error=JournalUnavailable(self._failure))

    def _filled_up(self) -> None:
        self._checkpointer.pause()
        self._tell_state()

    def _look_again(self) -> None:
        self._disk.look_again()
        if not self._disk.full:
            self._checkpointer.resume()
        self._tell_state()

    def _tell_state(self) -> None:
        state: JournalState = "full" if self._disk.full else "ok"
        message = self._disk.message
        if self._failure is not None:
            state, message = "failed", self._failure
        facts = self._outbox.facts
        if (facts.state, facts.message) != (state, message):
            self._outbox.tell(replace(facts, state=state, message=message))
