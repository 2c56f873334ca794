"""A disk that is full, modelled by SQLite's own bound on pages: told, waited out, nothing lost."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from sidecar.journal import Journal, JournalOptions, JournalUnavailable, patience
from sidecar.journal.ballast import Ballast
from tests.journal.helpers import opened, read_all, row, until

PAGES = 60
BALLAST_PAGES = 40


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "RETRY_FIRST_S", 0.005)
    monkeypatch.setattr(patience, "RETRY_LAST_S", 0.01)
    monkeypatch.setattr(patience, "FULL_POLL_S", 0.02)


class ModelDisk(Ballast):
    """A disk of `pages`, of which the ballast takes its share until it is given up."""

    pages = PAGES
    taken = True

    def release(self, connection: sqlite3.Connection) -> bool:
        had, self.taken = self.taken, False
        self._apply(connection)
        return had

    def restore(self, connection: sqlite3.Connection) -> bool:
        used: int = connection.execute("PRAGMA page_count").fetchone()[0]
        self.taken = self.taken or used + BALLAST_PAGES < self.pages
        self._apply(connection)
        return self.taken

    def _apply(self, connection: sqlite3.Connection) -> None:
        room = self.pages - (BALLAST_PAGES if self.taken else 0)
        connection.execute(f"PRAGMA max_page_count={room}")


@pytest.fixture
def disk(tmp_path: Path) -> ModelDisk:
    return ModelDisk(tmp_path / "none")


@pytest.fixture
def options(disk: ModelDisk) -> JournalOptions:
    return JournalOptions(ballast=lambda _path: disk, close_s=0.1, tail_bytes=0)


async def fill(journal: Journal) -> int:
    """Append and commit until the journal is full; return the last seq."""
    for n in range(200):
        await journal.committed(journal.append([row(n, size=4_000)]))
        if journal.state == "full":
            return journal.head
    raise AssertionError("never full")


async def test_a_full_disk_is_told_and_the_ballast_lets_the_ends_be_written(
    tmp_path: Path, options: JournalOptions
) -> None:
    async with opened(tmp_path / "journal.db", options) as journal:
        told: list[str] = []
        journal.on_state(lambda state, _message: told.append(state))
        full_at = await fill(journal)
        assert told == ["full"]
        assert journal.state_message is not None
        assert "full" in journal.state_message
        ends = journal.append([row(n) for n in range(100)])
        await journal.committed(ends)
        assert ends == full_at + 100
        assert journal.state == "full"


async def test_beyond_the_ballast_all_waits_in_order_until_there_is_room(
    tmp_path: Path, options: JournalOptions, disk: ModelDisk
) -> None:
    async with opened(tmp_path / "journal.db", options) as journal:
        full_at = await fill(journal)
        for n in range(100):
            journal.append([row(n, size=4_000)])
        stored = asyncio.ensure_future(journal.put_session("t", b"spec"))
        last = journal.append([row(0)])
        waiting = asyncio.create_task(journal.committed(last))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        assert not stored.done()
        assert journal.head < full_at + 100
        assert journal.state == "full"
        disk.pages = 10_000
        await waiting
        await stored
        await until(lambda: journal.state == "ok")
        assert journal.state_message is None
        seqs = [entry.seq for entry in await read_all(journal, max_bytes=100_000)]
        assert seqs == list(range(1, last + 1))


async def test_an_idle_journal_notices_that_there_is_room_again(
    tmp_path: Path, options: JournalOptions, disk: ModelDisk
) -> None:
    async with opened(tmp_path / "journal.db", options) as journal:
        await fill(journal)
        disk.pages = 10_000
        await until(lambda: journal.state == "ok")


async def test_closing_does_not_wait_for_a_full_disk(
    tmp_path: Path, options: JournalOptions
) -> None:
    path = tmp_path / "journal.db"
    async with opened(path, options) as journal:
        full_at = await fill(journal)
        groups = [journal.append([row(n, size=4_000), row(n, size=4_000)]) for n in range(100)]
        waiting = asyncio.create_task(journal.committed(groups[-1]))
        await asyncio.sleep(0.02)
    with pytest.raises(JournalUnavailable):
        await waiting
    head = journal.head
    async with opened(path) as journal:
        assert journal.reset_name is None
        assert journal.head == head
        assert head in [full_at, *groups[:-1]]
        seqs = [entry.seq for entry in await read_all(journal, max_bytes=100_000)]
        assert seqs == list(range(1, head + 1))


async def test_a_disk_that_is_almost_full_is_told_from_the_start(
    tmp_path: Path, options: JournalOptions, disk: ModelDisk
) -> None:
    disk.taken = False
    disk.pages = BALLAST_PAGES
    async with opened(tmp_path / "journal.db", options) as journal:
        await until(lambda: journal.state == "full")
        assert journal.state_message == "the disk is almost full"
        await journal.committed(journal.append([row(1)]))


async def test_a_bound_on_pages_can_be_set_by_an_option(tmp_path: Path) -> None:
    options = JournalOptions(max_page_count=20, close_s=0.01)
    async with opened(tmp_path / "journal.db", options) as journal:
        journal.append([row(n, size=4_000) for n in range(100)])
        await until(lambda: journal.state == "full")
        assert journal.head == 0
