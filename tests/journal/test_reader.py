"""Pages from disk: bounded, filtered, complete or refused, and they pin nothing."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidecar.journal import CursorTooOld, Journal, JournalOptions, JournalUnavailable, Row
from sidecar.journal import reader as reader_module
from sidecar.journal.reader import Reader
from sidecar.journal.tail import Room, Tail
from tests.journal.helpers import opened, query, write

DISK = JournalOptions(tail_bytes=0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
async def journal(path: Path) -> AsyncIterator[Journal]:
    async with opened(path, DISK) as journal:
        yield journal


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.lists(
            st.builds(Row, st.sampled_from("abc"), st.binary(max_size=30)), min_size=1, max_size=6
        ),
        min_size=1,
        max_size=8,
    ),
    st.integers(0, 20),
    st.integers(1, 60),
    st.integers(1, 9),
    st.sampled_from([None, {"a"}, {"b", "c"}, {"z"}]),
)
async def test_disk_and_memory_make_the_same_pages(
    tmp_path_factory: pytest.TempPathFactory,
    groups: list[list[Row]],
    after: int,
    max_bytes: int,
    max_events: int,
    threads: set[str] | None,
) -> None:
    path = tmp_path_factory.mktemp("pages") / "journal.db"
    tail = Tail(1 << 20)
    async with opened(path, DISK) as journal:
        for group in groups:
            tail.extend(journal.appended + 1, group)
            await journal.committed(journal.append(group))
        page = await journal.read(
            after, max_bytes=max_bytes, max_events=max_events, threads=threads
        )
        if after >= journal.head:
            assert page == ([], after)
        else:
            assert page == tail.page(after, journal.head, Room(max_bytes, max_events), threads)


async def test_a_page_reads_on_over_many_segments(journal: Journal) -> None:
    await write(journal, 50)
    page = await journal.read(7, max_bytes=10_000, max_events=1000)
    assert [entry.seq for entry in page.rows] == list(range(8, 51))


async def test_a_filtered_page_ends_even_where_nothing_is_found(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "PAGE_SEGMENTS", 10)
    await write(journal, 25, thread="other")
    await write(journal, 1, thread="mine")
    cursors, found, after = [], [], 0
    while after < journal.head:
        page = await journal.read(after, threads=["mine"])
        after = page.last_seq
        cursors.append(after)
        found += page.rows
    assert cursors == [10, 20, 26]
    assert [entry.seq for entry in found] == [26]


async def test_a_cursor_behind_what_is_kept_is_refused(journal: Journal, path: Path) -> None:
    await write(journal, 10)
    query(path, "DELETE FROM segments WHERE first_seq <= 4")
    with pytest.raises(CursorTooOld) as refused:
        await journal.read(3)
    assert (refused.value.after, refused.value.oldest) == (3, 5)
    assert [entry.seq for entry in (await journal.read(4)).rows] == [5, 6, 7, 8, 9, 10]


async def test_a_hole_is_damage_and_never_passed_over(journal: Journal, path: Path) -> None:
    await write(journal, 10)
    query(path, "DELETE FROM segments WHERE first_seq = 5")
    with pytest.raises(JournalUnavailable, match="does not follow"):
        await journal.read(2)


async def test_a_damaged_segment_is_not_handed_out(journal: Journal, path: Path) -> None:
    await write(journal, 3)
    query(path, "UPDATE segments SET bodies = x'00' WHERE first_seq = 2")
    with pytest.raises(JournalUnavailable, match="segment 2"):
        await journal.read(0)
    await journal.mark_clean()
    assert query(path, "SELECT value FROM meta WHERE key = 'suspect'") == [(b"1",)]


async def test_a_reader_between_two_pages_does_not_pin_the_wal(
    journal: Journal, path: Path
) -> None:
    await write(journal, 20)
    reader = Reader(path)
    page = reader.page(0, journal.head, Room(100, 100))
    await write(journal, 20)
    with closing(sqlite3.connect(path)) as other:
        busy, _, _ = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    reader.close()
    assert page.last_seq < 20
    assert busy == 0
    assert path.with_name("journal.db-wal").stat().st_size == 0


async def test_a_reader_in_the_middle_of_a_page_would_pin_it(journal: Journal, path: Path) -> None:
    """The test above can fail: this is what it would see."""
    await write(journal, 20)
    reader = Reader(path)
    with reader._transaction():
        reader._value("SELECT count(*) FROM segments", ())
        await write(journal, 1)
        with closing(sqlite3.connect(path, timeout=0)) as other:
            busy, _, _ = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    reader.close()
    assert busy == 1


async def test_a_refused_page_leaves_the_reader_usable(journal: Journal, path: Path) -> None:
    await write(journal, 5)
    query(path, "DELETE FROM segments WHERE first_seq <= 2")
    for _ in range(3):
        with pytest.raises(CursorTooOld):
            await journal.read(0)
    assert len((await journal.read(2)).rows) == 3


async def test_a_reader_that_failed_is_not_used_again(journal: Journal) -> None:
    """Its transaction may be open for ever: each later read would fail, and clients were deaf."""
    await write(journal, 10)
    assert len((await journal.read(0)).rows) == 10
    assert journal._reader is not None
    await asyncio.get_running_loop().run_in_executor(
        journal._reads, journal._reader._connection.execute, "BEGIN"
    )
    with pytest.raises(JournalUnavailable, match="within a transaction"):
        await journal.read(0)
    assert len((await journal.read(0)).rows) == 10
