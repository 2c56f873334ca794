"""The WAL stays bounded, whatever the writer does, and a checkpoint's failure is no event's."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sidecar.journal import checkpoint
from sidecar.journal.schema import close_without_checkpoint, connect
from sidecar.journal.types import JournalOptions
from tests.journal.helpers import opened, row, until

KIB = 1024


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "CHECKPOINT_BYTES", 100 * KIB)
    monkeypatch.setattr(checkpoint, "WAL_BYTES", 400 * KIB)


def wal_bytes(path: Path) -> int:
    return path.with_name("journal.db-wal").stat().st_size


async def test_a_writer_that_never_pauses_keeps_the_wal_bounded(path: Path) -> None:
    async with opened(path) as journal:
        largest = 0
        for _ in range(150):
            seq = journal.append([row(n, size=1_000) for n in range(50)])
            await journal.committed(seq - 100)
            largest = max(largest, wal_bytes(path))
        await journal.committed(journal.appended)
    assert largest < 1_200 * KIB  # 400 KiB, a segment, and what overflow pages add; written: 7 MiB


async def test_checkpoints_reach_the_database_while_it_is_open(path: Path) -> None:
    async with opened(path) as journal:
        await journal.committed(journal.append([row(n, size=1_000) for n in range(200)]))
        await until(lambda: path.stat().st_size > 150 * KIB)


def test_a_checkpoint_that_fails_is_noted_until_one_succeeds(path: Path) -> None:
    checkpointer = checkpoint.Checkpointer(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE t (x)")
        gone = sqlite3.connect(path)
        gone.close()
        checkpointer._checkpoint(gone)
        assert checkpointer.trouble == "Cannot operate on a closed database."
        checkpointer._checkpoint(connection)
        assert checkpointer.trouble is None


def grown(path: Path) -> sqlite3.Connection:
    """Return a connection with 300 KiB in the WAL and next to nothing in the database."""
    connection = connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE meta (body)")
    for _ in range(30):
        connection.execute("INSERT INTO meta VALUES (zeroblob(10240))")
    return connection


def test_on_a_full_disk_nothing_is_moved_until_there_is_room(path: Path) -> None:
    checkpointer = checkpoint.Checkpointer(path)
    with closing(grown(path)) as connection:
        checkpointer.pause()
        checkpointer._checkpoint(connection)
        assert path.stat().st_size < 10 * KIB
        checkpointer.resume()
        checkpointer._checkpoint(connection)
        assert path.stat().st_size > 300 * KIB


def test_the_last_connection_to_a_full_disk_moves_nothing_and_loses_nothing(path: Path) -> None:
    close_without_checkpoint(grown(path), path)
    assert path.stat().st_size < 10 * KIB
    assert wal_bytes(path) > 300 * KIB
    with closing(connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM meta").fetchone() == (30,)
    assert path.stat().st_size > 300 * KIB  # closed as usual, all of it is moved


async def test_a_journal_that_is_full_moves_nothing(path: Path) -> None:
    options = JournalOptions(max_page_count=20, close_s=0.01)
    async with opened(path, options) as journal:
        journal.append([row(n, size=4_000) for n in range(100)])
        await until(lambda: journal.state == "full")
        assert journal._checkpointer._paused
