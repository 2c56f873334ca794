"""Moving committed pages from the WAL into the database, off the commit path.

Owns one thread with a connection of its own. Its checkpoints are PASSIVE: they never make the
writer wait. But SQLite starts the WAL over only when a commit finds all of it moved, and a writer
that never pauses has always added more (measured: 670 MiB of WAL after 4 s of flood). So each
WAL_BYTES the writer itself moves the little that is left, between two commits.
"""

import sqlite3
import threading
from pathlib import Path
from queue import SimpleQueue

from sidecar.contract.limits import MIB
from sidecar.journal.schema import connect

CHECKPOINT_BYTES = 4 * MIB
"""WAL written between two checkpoints: SQLite's own default of 1,000 pages."""

WAL_BYTES = 64 * MIB
"""Bytes after which the writer stops for the rest of a checkpoint, so that the WAL stays bounded:
once in seconds under a flood, else once in hours."""


class Checkpointer:
    """The thread. `wrote` is called by the writer after each commit."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.trouble: str | None = None
        """What the last checkpoint failed with; None while they succeed."""
        self._since_bytes = 0
        self._since_finish_bytes = 0
        self._paused = False
        self._lock = threading.Lock()
        self._wake: SimpleQueue[bool] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="journal-checkpoint", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wrote(self, size_bytes: int) -> None:
        """Count bytes of a commit; wakes the thread now and then."""
        self._since_bytes += size_bytes
        self._since_finish_bytes += size_bytes
        if self._since_bytes >= CHECKPOINT_BYTES:
            self._since_bytes = 0
            self._wake.put(True)

    def finish(self, connection: sqlite3.Connection) -> None:
        """Let the WAL start over if it has become long (writer's thread, between two commits)."""
        if self._since_finish_bytes >= WAL_BYTES:
            self._since_finish_bytes = 0
            self._checkpoint(connection)

    def pause(self) -> None:
        """Move nothing while the disk is full; returns once no checkpoint is under way.

        Moving a page makes the database grow, and frees nothing until the last one is moved: it
        would eat the room that was given up for the last words of sessions.
        """
        with self._lock:
            self._paused = True

    def resume(self) -> None:
        """Move pages again: there is room."""
        self._paused = False

    def close(self) -> None:
        """Stop the thread; waits for a checkpoint under way."""
        if self._thread.is_alive():
            self._wake.put(False)
            self._thread.join()

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        try:
            connection = connect(self._path)
            while self._wake.get():
                self._checkpoint(connection)
        except sqlite3.Error as error:
            self.trouble = str(error)
        finally:
            if connection is not None:
                connection.close()

    def _checkpoint(self, connection: sqlite3.Connection) -> None:
        """Checkpoint; a full disk is the writer's to tell, the WAL stays valid and waits."""
        try:
            with self._lock:  # SQLite would refuse the second of two at once, not make it wait
                if self._paused:
                    return
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error as error:
            self.trouble = str(error)
        else:
            self.trouble = None
