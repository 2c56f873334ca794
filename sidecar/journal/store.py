"""The small tables beside the events: marks, sessions, idempotency keys, the snapshot, the end.

Each change is one commit of the writer's thread, in order with the appended events. Reads for
recovery are synchronous.
"""

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from sidecar.journal.errors import JournalUnavailable
from sidecar.journal.schema import connect, transaction
from sidecar.journal.types import Answered, Fresh, Mismatch, RequestState, Running, Unknown

T = TypeVar("T")

PURGE_EVERY = 64
"""Requests between two removals of expired keys: the table stays within what 10 minutes bring."""

_PUT_SNAPSHOT = "INSERT OR REPLACE INTO snapshots VALUES (1, ?, ?)"


class Store:
    """Base of Journal: what is kept beside the events."""

    epoch: int

    def __init__(self, path: Path, wall_ms: Callable[[], int], idempotency_s: float) -> None:
        self._path = path
        self._wall_ms = wall_ms
        self._idempotency_ms = int(idempotency_s * 1000)
        self._requests_seen = 0
        self._suspect = False
        """A read found damage: the next start checks every page, however this run ends."""
        self._lookups: sqlite3.Connection | None = None

    def _operate(self, run: Callable[[sqlite3.Connection], T]) -> Awaitable[T]:
        """Queue a commit at once; await it to know that it is done."""
        raise NotImplementedError

    # Marks of process trees

    def add_mark(self, mark: str, thread_id: str) -> Awaitable[None]:
        """Note a mark before any process carries it; queued when this returns."""
        values = (mark, thread_id, self.epoch)
        return self._operate(
            lambda db: _done(db.execute("INSERT OR REPLACE INTO marks VALUES (?, ?, ?)", values))
        )

    def all_marks_before_epoch(self) -> list[str]:
        """Return the marks of earlier starts: what carries one should not live any more."""
        return [
            mark for (mark,) in self._look("SELECT mark FROM marks WHERE epoch < ?", (self.epoch,))
        ]

    async def drop_marks(self, marks: Sequence[str]) -> None:
        """Forget marks whose trees are known to be dead."""
        rows = [(mark,) for mark in marks]

        def run(db: sqlite3.Connection) -> None:
            with transaction(db):
                db.executemany("DELETE FROM marks WHERE mark = ?", rows)

        if rows:
            await self._operate(run)

    # Sessions

    def put_session(self, thread_id: str, spec: bytes) -> Awaitable[None]:
        """Keep how a session was started; `spec` must hold no secret. Queued when this returns."""
        values = (thread_id, spec)
        return self._operate(
            lambda db: _done(db.execute("INSERT OR REPLACE INTO sessions VALUES (?, ?)", values))
        )

    def load_sessions(self) -> dict[str, bytes]:
        """Return every kept spec by thread."""
        return dict(self._look("SELECT thread_id, spec FROM sessions ORDER BY rowid"))

    async def drop_session(self, thread_id: str) -> None:
        """Forget a session's spec."""
        await self._operate(
            lambda db: _done(db.execute("DELETE FROM sessions WHERE thread_id = ?", (thread_id,)))
        )

    # Idempotency keys (PROTOCOL §5)

    async def begin_request(
        self, client_id: str, method: str, key: str, params_hash: bytes
    ) -> RequestState:
        """Write down the intent to carry a request out, unless its key is known.

        Fresh: go ahead. Answered, Mismatch, Running, Unknown: do not.
        """
        self._requests_seen += 1
        purge = self._requests_seen % PURGE_EVERY == 1
        name = (client_id, method, key)
        return await self._operate(lambda db: self._begin(db, name, params_hash, purge=purge))

    async def finish_request(self, client_id: str, method: str, key: str, answer: bytes) -> None:
        """Keep the final answer; it is given to a repeated key until it expires."""
        values = (answer, self._wall_ms(), client_id, method, key)
        await self._operate(
            lambda db: _done(
                db.execute(
                    "UPDATE requests SET answer = ?, stored_ms = ?"
                    " WHERE client_id = ? AND method = ? AND key = ?",
                    values,
                )
            )
        )

    def _begin(
        self, db: sqlite3.Connection, name: tuple[str, str, str], params_hash: bytes, *, purge: bool
    ) -> RequestState:
        now_ms = self._wall_ms()
        expired = (now_ms - self._idempotency_ms, self.epoch)
        if purge:
            db.execute(
                "DELETE FROM requests WHERE stored_ms <= ? AND (answer IS NOT NULL OR epoch < ?)",
                expired,
            )
        row = db.execute(
            "SELECT params_hash, epoch, answer FROM requests"
            " WHERE client_id = ? AND method = ? AND key = ?"
            " AND NOT (stored_ms <= ? AND (answer IS NOT NULL OR epoch < ?))",
            (*name, *expired),
        ).fetchone()
        if row is None:
            db.execute(
                "INSERT OR REPLACE INTO requests VALUES (?, ?, ?, ?, ?, ?, NULL)",
                (*name, params_hash, self.epoch, now_ms),
            )
            return Fresh()
        known_hash, epoch, answer = row
        if known_hash != params_hash:
            return Mismatch()
        if answer is not None:
            return Answered(answer)
        return Running() if epoch == self.epoch else Unknown()

    # The fold, and how the last run ended

    def load_snapshot(self) -> tuple[int, bytes] | None:
        """Return the stored fold and the seq that it is at."""
        rows = self._look("SELECT at, body FROM snapshots")
        return rows[0] if rows else None

    async def save_snapshot(self, at: int, blob: bytes) -> None:
        """Keep the fold at a committed seq; events up to there may be dropped from now on."""
        values = (at, blob)
        await self._operate(lambda db: _done(db.execute(_PUT_SNAPSHOT, values)))

    async def mark_clean(self) -> None:
        """Note that this run ends in order: nothing resumes by itself at the next start."""
        suspect = b"1" if self._suspect else b"0"
        query = "INSERT OR REPLACE INTO meta VALUES ('clean', x'31'), ('suspect', ?)"
        await self._operate(lambda db: _done(db.execute(query, (suspect,))))

    def _look(self, query: str, values: tuple[object, ...] = ()) -> list[Any]:
        """Read at once, on the caller's thread: for recovery, not for the hot path."""
        try:
            if self._lookups is None:
                self._lookups = connect(self._path)
            return self._lookups.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise JournalUnavailable(f"Cannot read the journal: {error}") from error

    def _close_lookups(self) -> None:
        if self._lookups is not None:
            self._lookups.close()
            self._lookups = None


def _done(_cursor: sqlite3.Cursor) -> None:
    """Drop a cursor of a statement that returns nothing."""
