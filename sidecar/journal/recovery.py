"""Opening a database: new, ours, newer than ours, or damaged.

Owns what happens before the first append of an epoch: the check, the setting aside, the epoch's
row. Never deletes a damaged database. Never touches events.
"""

import os
import secrets
import sqlite3
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sidecar.contract.limits import MIB
from sidecar.journal.errors import SchemaNewer
from sidecar.journal.schema import (
    APPLICATION_ID,
    SCHEMA_VERSION,
    TABLES,
    connect,
    create,
    number,
    primary_code,
    transaction,
    used_bytes,
)
from sidecar.journal.segments import Segment, SegmentDamaged

EPOCHS_KEPT = 4096
"""Starts that are remembered; a cursor of an older one is too old. Two starts a day for years."""

CHECK_BYTES = 64 * MIB
"""A database up to here is checked page by page at each start (about 50 ms), a larger one only
after an end that was not in order or a read that found damage (0.5 s at 512 MiB, from cache)."""

_HEADER = b"SQLite format 3\x00"
_DAMAGE = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}
_SIDE_FILES = ("", "-wal", "-shm")

PRIVATE = 0o600
"""Mode of everything that holds what was said."""


class _Damaged(Exception):  # noqa: N818 - named after what was found
    """Raised within this module when a database is not what it should be."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A database that is ready for this epoch."""

    connection: sqlite3.Connection
    log_id: str
    epoch: int
    head: int
    oldest: int
    epochs: list[tuple[int, int]]
    previous_end_clean: bool
    reset_name: str | None


def open_database(path: Path, wall_ms: Callable[[], int]) -> Opened:
    """Open or create the database and begin an epoch.

    Raises SchemaNewer, OSError or sqlite3.Error when it cannot; a damaged one is set aside.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    make_private(path)
    reset_name = None
    try:
        connection = _open_checked(path)
    except _Damaged:
        reset_name = set_aside(path, wall_ms())
        make_private(path)
        connection = _open_checked(path)
    try:
        return _begin_epoch(connection, wall_ms(), reset_name)
    except BaseException:
        connection.close()
        raise


def make_private(path: Path) -> None:
    """Leave the database and its side files to their owner alone: prompts and answers are in there.

    Before it is opened: closing a descriptor of a database that is open drops SQLite's locks. A
    new one is made here, as SQLite would give it what the umask says; side files follow it.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE))
    if os.name != "posix":
        return
    for suffix in _SIDE_FILES:
        file = path.with_name(path.name + suffix)
        with suppress(OSError):  # it belongs to somebody else
            if file.is_file():
                file.chmod(PRIVATE)


def set_aside(path: Path, wall_ms: int) -> str:
    """Rename a database and its side files; return the new name."""
    stamp = datetime.fromtimestamp(wall_ms / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    base = f"{path.name}.damaged-{stamp}"
    name, count = base, 1
    while path.with_name(name).exists():
        name, count = f"{base}-{count}", count + 1
    for suffix in _SIDE_FILES:
        source = path.with_name(path.name + suffix)
        if source.exists():
            source.rename(path.with_name(name + suffix))
    return name


def _open_checked(path: Path) -> sqlite3.Connection:
    """Open, create if empty, check. Raises _Damaged, having changed nothing."""
    if not _may_be_database(path):
        raise _Damaged("not a database")
    connection = None
    try:
        connection = connect(path)
        _check(connection)
    except BaseException as error:
        damaged = isinstance(error, _Damaged) or is_damage(error)
        if connection is not None:
            if damaged:
                _leave_wal(connection)
            connection.close()
        if damaged:
            raise _Damaged(str(error)) from error
        raise
    return connection


def _may_be_database(path: Path) -> bool:
    """Tell whether SQLite may look at a file: it deletes the WAL beside what is none."""
    if not path.is_file():
        return True
    with path.open("rb") as file:
        head = file.read(len(_HEADER))
    return head in (b"", _HEADER)


def _leave_wal(connection: sqlite3.Connection) -> None:
    """Keep SQLite from moving the WAL into a damaged database when that is closed.

    Before Python 3.12 there is no way to say so; nothing is lost there either.
    """
    if sys.version_info >= (3, 12):
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE)


def is_damage(error: BaseException) -> bool:
    """Tell whether SQLite says that the file itself is bad."""
    return isinstance(error, sqlite3.Error) and primary_code(error) in _DAMAGE


def _check(connection: sqlite3.Connection) -> None:
    found = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    version = number(connection, "user_version")
    ours = number(connection, "application_id") == APPLICATION_ID
    if ours and version > SCHEMA_VERSION:
        raise SchemaNewer(version, SCHEMA_VERSION)
    if not found and not ours and version == 0:
        create(connection)
    elif not ours or version < 1 or not found.issuperset(TABLES):
        raise _Damaged("not a journal")
    connection.execute("PRAGMA journal_mode=WAL")
    trusted = _meta(connection, "clean") == b"1" and _meta(connection, "suspect") != b"1"
    if not trusted or used_bytes(connection) <= CHECK_BYTES:
        _check_pages(connection)
    _check_newest(connection)


def _check_pages(connection: sqlite3.Connection) -> None:
    """Check every page, and that no seq is missing or doubled."""
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise _Damaged(verdict)
    gaps = connection.execute(
        "SELECT count(*) FROM (SELECT first_seq, last_seq, lag(last_seq) OVER (ORDER BY first_seq)"
        " AS before FROM segments) WHERE last_seq < first_seq OR first_seq != before + 1"
    ).fetchone()[0]
    if gaps:
        raise _Damaged(f"{gaps} segments do not follow the one before")


def _check_newest(connection: sqlite3.Connection) -> None:
    """Check that the newest segment, from which the next seq follows, can be read."""
    newest = connection.execute(
        "SELECT first_seq, last_seq, idx, bodies FROM segments ORDER BY first_seq DESC LIMIT 1"
    ).fetchone()
    if newest is None:
        return
    first, last, index, bodies = newest
    try:
        Segment(first, last, len(bodies), index)
    except SegmentDamaged as error:
        raise _Damaged(str(error)) from error


def _begin_epoch(connection: sqlite3.Connection, now_ms: int, reset_name: str | None) -> Opened:
    """Write this start's epoch, synced to the disk.

    Were it lost by power with the tail, the next start would use the same epoch number for other
    events, and a cursor from the lost tail could not be told from a good one.
    """
    connection.execute("PRAGMA synchronous=FULL")
    with transaction(connection):
        log_id = _meta(connection, "log_id") or secrets.token_hex(16).encode()
        _set_meta(connection, "log_id", log_id)
        clean = _meta(connection, "clean") == b"1"
        _set_meta(connection, "clean", b"0")
        _set_meta(connection, "suspect", b"0")
        oldest, head = _range(connection)
        epoch = _scalar(connection, "SELECT coalesce(max(epoch), 0) + 1 FROM epochs")
        connection.execute("INSERT INTO epochs VALUES (?, ?, ?)", (epoch, head + 1, now_ms))
        connection.execute("DELETE FROM snapshots WHERE at > ?", (head,))
        connection.execute("DELETE FROM epochs WHERE epoch <= ?", (epoch - EPOCHS_KEPT,))
        epochs = connection.execute("SELECT epoch, first_seq FROM epochs ORDER BY epoch").fetchall()
    connection.execute("PRAGMA synchronous=NORMAL")
    return Opened(
        connection=connection,
        log_id=log_id.decode(),
        epoch=epoch,
        head=head,
        oldest=oldest,
        epochs=epochs,
        previous_end_clean=clean,
        reset_name=reset_name,
    )


def _range(connection: sqlite3.Connection) -> tuple[int, int]:
    """Return (oldest, head); retention keeps the newest segment, so only a new log has none."""
    head = _scalar(
        connection,
        "SELECT max((SELECT coalesce(max(first_seq), 1) - 1 FROM epochs),"
        " coalesce((SELECT last_seq FROM segments ORDER BY first_seq DESC LIMIT 1), 0))",
    )
    oldest = _scalar(connection, "SELECT coalesce(min(first_seq), 0) FROM segments")
    return oldest or head + 1, head


def _scalar(connection: sqlite3.Connection, query: str) -> int:
    value: int = connection.execute(query).fetchone()[0]
    return value


def _meta(connection: sqlite3.Connection, key: str) -> bytes | None:
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return bytes(row[0]) if row else None


def _set_meta(connection: sqlite3.Connection, key: str, value: bytes) -> None:
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))
