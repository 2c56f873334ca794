"""Dropping the oldest segments, whole, once the journal is too large or they are too old.

Runs on the writer's thread between commits, a step at a time. Never drops the newest segment, nor
what the stored snapshot or a pinned cursor still needs: recovery is the snapshot and the rest.
"""

import sqlite3
from collections.abc import Callable

from sidecar.contract.limits import MIB
from sidecar.journal.schema import used_bytes
from sidecar.journal.types import JournalOptions

CHECK_BYTES = 1 * MIB
"""Bytes written between two looks at the size: the bound is exceeded by no more than this."""

CHECK_S = 60.0
"""Seconds between two looks when little is written; segments age slowly."""

STEP_BYTES = 1 * MIB
STEP_SEGMENTS = 256
"""What one step drops at most: a few milliseconds between two commits."""


class Retention:
    """Decides when to look, and drops. `floor` is asked for the highest seq that may go."""

    def __init__(self, options: JournalOptions, floor: Callable[[], int]) -> None:
        self._options = options
        self._floor = floor
        self._written_bytes = 0
        self._next_look = options.monotonic() + options.retention_delay_s
        self._first_look = self._next_look

    def wrote(self, size_bytes: int) -> None:
        """Count bytes of a commit."""
        self._written_bytes += size_bytes

    def due(self) -> bool:
        """Tell whether `step` has something to look at."""
        now = self._options.monotonic()
        if now < self._first_look:
            return False
        return self._written_bytes >= CHECK_BYTES or now >= self._next_look

    def step(self, connection: sqlite3.Connection) -> int | None:
        """Drop some segments if that is called for; return the new oldest seq, None if none went.

        When nothing more is to go, `due` is false until there is a reason again.
        """
        doomed = self._doomed(connection)
        if not doomed:
            self._written_bytes = 0
            self._next_look = self._options.monotonic() + CHECK_S
            return None
        connection.execute("DELETE FROM segments WHERE first_seq <= ?", (doomed[-1],))
        oldest: int = connection.execute("SELECT min(first_seq) FROM segments").fetchone()[0]
        return oldest

    def _doomed(self, connection: sqlite3.Connection) -> list[int]:
        """Return the first seqs of the oldest segments that may go in one step."""
        too_large = used_bytes(connection) > self._options.retention_bytes
        oldest_kept_ms = self._options.wall_ms() - int(self._options.retention_s * 1000)
        rows = connection.execute(
            "SELECT first_seq, size_bytes FROM segments WHERE last_seq <= ? AND"
            " first_seq < (SELECT max(first_seq) FROM segments) AND (? OR stored_ms < ?)"
            " ORDER BY first_seq LIMIT ?",
            (self._floor(), too_large, oldest_kept_ms, STEP_SEGMENTS),
        ).fetchall()
        doomed: list[int] = []
        size = 0
        for first_seq, size_bytes in rows:
            if doomed and size + size_bytes > STEP_BYTES:
                break
            doomed.append(first_seq)
            size += size_bytes
        return doomed
