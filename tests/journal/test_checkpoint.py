"""The WAL stays bounded, whatever the writer does, and a checkpoint's failure is no event's."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sidecar.journal import checkpoint
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
