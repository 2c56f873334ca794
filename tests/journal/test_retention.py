"""Dropping from the old end: by size, by age, by whole segments, never what is needed."""

from contextlib import suppress
from pathlib import Path

import pytest

from sidecar.journal import CursorTooOld, Journal, JournalOptions, retention
from tests.journal.helpers import opened, query, read_all, row, until, write

PAGE = 4096


class Clock:
    """Both clocks, moved by a test."""

    def __init__(self) -> None:
        self.s = 1_000.0

    def wall_ms(self) -> int:
        return int(self.s * 1000)

    def monotonic(self) -> float:
        return self.s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "CHECK_BYTES", 10_000)
    monkeypatch.setattr(retention, "STEP_BYTES", 20_000)


def limits(
    clock: Clock, pages: int = 1_000_000, keep_s: float = 1e6, delay_s: float = 0.0
) -> JournalOptions:
    return JournalOptions(
        retention_bytes=pages * PAGE,
        retention_s=keep_s,
        retention_delay_s=delay_s,
        wall_ms=clock.wall_ms,
        monotonic=clock.monotonic,
        tail_bytes=0,
    )


async def fill(journal: Journal, count: int = 100) -> None:
    """Write pages of events and a snapshot at the head, so that all may go."""
    await write(journal, count, size=4_000)
    await journal.save_snapshot(journal.head, b"fold")


def pages_used(path: Path) -> int:
    [(pages,)] = query(
        path,
        "SELECT (SELECT page_count FROM pragma_page_count)"
        " - (SELECT freelist_count FROM pragma_freelist_count)",
    )
    return int(pages)


async def test_above_the_size_the_oldest_go(path: Path, clock: Clock) -> None:
    async with opened(path, limits(clock, pages=60)) as journal:
        await fill(journal)
        await write(journal, 5, size=4_000)
        await until(lambda: journal.oldest > 30 and pages_used(path) <= 60 + 5)
        entries = None
        while entries is None:
            with suppress(CursorTooOld):  # it goes on with what was still to go
                entries = await read_all(journal, after=journal.oldest - 1)
        assert [e.seq for e in entries] == list(range(entries[0].seq, journal.head + 1))
        assert entries[0].seq > 30


async def test_what_is_dropped_makes_room_for_what_comes(path: Path, clock: Clock) -> None:
    async with opened(path, limits(clock, pages=60)) as journal:
        for _ in range(30):
            await fill(journal, 20)
        [(pages,)] = query(path, "SELECT page_count FROM pragma_page_count")
        assert pages < 300  # 600 were written


async def test_the_old_go_by_age(path: Path, clock: Clock) -> None:
    async with opened(path, limits(clock, keep_s=3600.0)) as journal:
        await fill(journal, 20)
        clock.s += 3601
        await write(journal, 3, size=4_000)
        await until(lambda: journal.oldest == 21)


async def test_little_traffic_is_looked_at_now_and_then(path: Path, clock: Clock) -> None:
    async with opened(path, limits(clock, keep_s=3600.0)) as journal:
        await write(journal, 3)
        await journal.save_snapshot(3, b"fold")
        clock.s += 3601
        await write(journal, 1)
        await until(lambda: journal.oldest == 4)


async def test_nothing_goes_without_a_snapshot(path: Path, clock: Clock) -> None:
    async with opened(path, limits(clock, pages=20)) as journal:
        await write(journal, 100, size=4_000)
        assert journal.oldest == 1
        await journal.save_snapshot(50, b"fold")
        await write(journal, 5, size=4_000)
        await until(lambda: journal.oldest == 51)
        await write(journal, 20, size=4_000)
        assert journal.oldest == 51


async def test_a_pinned_cursor_holds_what_is_behind_it(path: Path, clock: Clock) -> None:
    async with opened(path, limits(clock, pages=20)) as journal:
        journal.pin("slow", 10)
        journal.pin("fast", 70)
        await fill(journal)
        await write(journal, 5, size=4_000)
        await until(lambda: journal.oldest == 11)
        journal.pin("slow", 30)
        await write(journal, 5, size=4_000)
        await until(lambda: journal.oldest == 31)
        journal.unpin("slow")
        journal.unpin("unknown")
        await write(journal, 5, size=4_000)
        await until(lambda: journal.oldest == 71)


async def test_the_newest_segment_always_stays(path: Path, clock: Clock) -> None:
    async with opened(path, limits(clock, pages=1, keep_s=0.0)) as journal:
        await fill(journal, 20)
        clock.s += 100
        await journal.put_session("t", b"any commit looks at it")
        await until(lambda: journal.oldest == 20)
    async with opened(path, limits(clock, pages=1, keep_s=0.0)) as journal:
        assert (journal.head, journal.oldest) == (20, 20)
        assert await write(journal, 1) == 21


async def test_segments_go_whole(path: Path, clock: Clock) -> None:
    async with opened(path, limits(clock, pages=20)) as journal:
        for _ in range(20):
            await journal.committed(journal.append([row(n, size=2_000) for n in range(10)]))
        await journal.save_snapshot(105, b"fold")
        await write(journal, 8, size=4_000)
        await until(lambda: journal.oldest == 101)


async def test_soon_after_a_start_nothing_goes(path: Path, clock: Clock) -> None:
    async with opened(path, limits(clock, pages=20, delay_s=60.0)) as journal:
        await fill(journal)
        await write(journal, 5, size=4_000)
        assert journal.oldest == 1
        clock.s += 61
        await write(journal, 1)
        await until(lambda: journal.oldest > 1)
