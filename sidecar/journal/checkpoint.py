"""Moving committed pages from the WAL into the database, off the commit path.

Owns one thread with a connection of its own. PASSIVE never makes a writer wait; only when a busy
writer kept it from ever finishing does one RESTART hold the writer for what little is left.
"""

import sqlite3
import threading
from pathlib import Path
from queue import SimpleQueue

from sidecar.contract.limits import MIB
from sidecar.journal.schema import connect, number

CHECKPOINT_BYTES = 4 * MIB
"""WAL written between two checkpoints: SQLite's own default of 1,000 pages."""

WAL_BYTES = 64 * MIB
"""WAL at which the writer is held for a moment, so that the file stays bounded."""


class Checkpointer:
    """The thread. `wrote` is called by the writer after each commit."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.trouble: str | None = None
        """What the last checkpoint failed with; None while they succeed."""
        self._since_bytes = 0
        self._wake: SimpleQueue[bool] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="journal-checkpoint", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wrote(self, size_bytes: int) -> None:
        """Count bytes of a commit; wakes the thread now and then."""
        self._since_bytes += size_bytes
        if self._since_bytes >= CHECKPOINT_BYTES:
            self._since_bytes = 0
            self._wake.put(True)

    def close(self) -> None:
        """Stop the thread; waits for a checkpoint under way."""
        if self._thread.is_alive():
            self._wake.put(False)
            self._thread.join()

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        try:
            connection = connect(self._path)
            page_bytes = number(connection, "page_size")
            while self._wake.get():
                self._checkpoint(connection, page_bytes)
        except sqlite3.Error as error:
            self.trouble = str(error)
        finally:
            if connection is not None:
                connection.close()

    def _checkpoint(self, connection: sqlite3.Connection, page_bytes: int) -> None:
        """Checkpoint once. A full disk is the writer's to tell; the WAL stays valid and waits."""
        try:
            row = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            _busy, pages, moved = row
            if pages != moved and pages * page_bytes > WAL_BYTES:
                connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
            self.trouble = None
        except sqlite3.Error as error:
            self.trouble = str(error)
