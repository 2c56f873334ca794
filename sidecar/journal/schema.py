"""The database's tables and how each connection to it is set up.

Free pages are reused and the file does not shrink (auto_vacuum stays NONE): retention keeps the
size at a steady bound, so a smaller file would only grow again, while auto_vacuum costs a pointer
page on each commit and moves pages about. What is used is (page_count − freelist_count) pages.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from sidecar.journal.types import BUSY_S

SCHEMA_VERSION = 1
APPLICATION_ID = 0x41474A4C
"""PRAGMA application_id ("AGJL"): tells our database from any other that SQLite can open."""

TABLES: Final = {
    "meta": "key TEXT PRIMARY KEY, value BLOB NOT NULL",
    "epochs": "epoch INTEGER PRIMARY KEY, first_seq INTEGER NOT NULL, started_ms INTEGER NOT NULL",
    "segments": (
        "first_seq INTEGER PRIMARY KEY, last_seq INTEGER NOT NULL, stored_ms INTEGER NOT NULL,"
        " size_bytes INTEGER NOT NULL, idx BLOB NOT NULL, bodies BLOB NOT NULL"
    ),
    "snapshots": "id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL, body BLOB NOT NULL",
    "marks": "mark TEXT PRIMARY KEY, thread_id TEXT NOT NULL, epoch INTEGER NOT NULL",
    "sessions": "thread_id TEXT PRIMARY KEY, spec BLOB NOT NULL",
    "requests": (
        "client_id TEXT NOT NULL, method TEXT NOT NULL, key TEXT NOT NULL,"
        " params_hash BLOB NOT NULL, epoch INTEGER NOT NULL, stored_ms INTEGER NOT NULL,"
        " answer BLOB, PRIMARY KEY (client_id, method, key)"
    ),
}


def connect(path: Path) -> sqlite3.Connection:
    """Open a connection that commits each statement by itself and never checkpoints on its own.

    It may be handed from one thread to another, never used by two at once.
    """
    connection = sqlite3.connect(
        path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("PRAGMA synchronous=NORMAL")
    except BaseException:
        connection.close()
        raise
    return connection


def create(connection: sqlite3.Connection) -> None:
    """Make all tables in one commit: an interrupted creation leaves an empty database."""
    connection.execute("PRAGMA journal_mode=WAL")
    with transaction(connection):
        for name, columns in TABLES.items():
            connection.execute(f"CREATE TABLE {name} ({columns})")
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")


def close_without_checkpoint(connection: sqlite3.Connection, path: Path) -> None:
    """Close the last connection on a full disk, where a checkpoint cannot be finished.

    SQLite would begin one, and the pages that it moves take the room that the next start needs.
    It begins none when the last to close can only read.
    """
    try:
        last = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_S)
    except sqlite3.Error:
        connection.close()
        return
    try:
        with suppress(sqlite3.Error):
            last.execute("SELECT 1 FROM meta LIMIT 1").fetchone()
        connection.close()
    finally:
        last.close()


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Run several statements in one commit."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def number(connection: sqlite3.Connection, pragma: str) -> int:
    """Return the value of a pragma that is one integer."""
    value: int = connection.execute(f"PRAGMA {pragma}").fetchone()[0]
    return value


def used_bytes(connection: sqlite3.Connection) -> int:
    """Return what the database holds, without its free pages."""
    pages = number(connection, "page_count") - number(connection, "freelist_count")
    return pages * number(connection, "page_size")


def primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code, 0 for an error of the Python module itself.

    A lack of memory has none: that is a MemoryError, whoever noticed it.
    """
    code: int = getattr(error, "sqlite_errorcode", 0) or 0
    return code & 0xFF
