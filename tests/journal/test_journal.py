"""Append, commit, deliver: in that order, whole, once, and never after the end."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from sidecar.journal import Journal, JournalOptions, JournalUnavailable, Row
from sidecar.journal import journal as journal_module
from sidecar.journal.types import SEGMENT_BYTES
from tests.journal.helpers import opened, query, read_all, row, until, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


async def test_seqs_are_contiguous_from_one(path: Path) -> None:
    async with opened(path) as journal:
        assert (journal.head, journal.appended, journal.oldest) == (0, 0, 1)
        assert journal.append([row(1)]) == 1
        assert journal.append([row(2), row(3)]) == 3
        assert journal.append([]) == 3
        assert (journal.head, journal.appended) == (0, 3)
        await journal.committed(3)
        assert (journal.head, journal.oldest) == (3, 1)
        assert [entry.seq for entry in await read_all(journal)] == [1, 2, 3]


async def test_nothing_is_readable_before_it_is_committed(path: Path) -> None:
    async with opened(path) as journal:
        seen: list[tuple[int, int]] = []

        def on_commit(head: int) -> None:
            stored = query(path, "SELECT max(last_seq) FROM segments")[0][0]
            seen.append((head, stored))

        journal.subscribe(on_commit)
        journal.append([row(1)])
        assert (await journal.read(0)).rows == []
        await write(journal, 20)
        assert seen
        assert all(stored >= head for head, stored in seen)


async def test_one_append_is_one_commit(path: Path) -> None:
    large = [row(n, size=10_000) for n in range(100)]
    async with opened(path) as journal:
        for _ in range(5):
            journal.append([row(0)])
            journal.append(large)
        heads: list[int] = []
        journal.subscribe(heads.append)
        await journal.committed(journal.appended)
    ends = {last for (last,) in query(path, "SELECT last_seq FROM segments")}
    inside = {seq for n in range(5) for seq in range(n * 101 + 2, n * 101 + 101)}
    assert not inside & ends
    assert not inside & set(heads)


async def test_commits_are_batched_while_one_is_in_flight(path: Path) -> None:
    async with opened(path) as journal:
        for n in range(1_000):
            journal.append([row(n)])
        await journal.committed(1_000)
    [(segments,)] = query(path, "SELECT count(*) FROM segments")
    assert segments < 500


async def test_a_batch_ends_at_the_bound_of_a_segment(path: Path) -> None:
    async with opened(path) as journal:
        for n in range(200):
            journal.append([row(n, size=10_000)])
        await journal.committed(200)
    [(largest,)] = query(path, "SELECT max(length(bodies)) FROM segments")
    assert largest <= SEGMENT_BYTES


async def test_subscribers_see_rising_heads_until_they_leave(path: Path) -> None:
    async with opened(path) as journal:
        heads: list[int] = []
        leave = journal.subscribe(heads.append)
        await write(journal, 5)
        assert heads == sorted(set(heads))
        assert heads[-1] == 5
        leave()
        leave()
        await write(journal, 1)
        assert heads[-1] == 5


async def test_a_broken_subscriber_harms_no_other(path: Path) -> None:
    errors: list[Any] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: errors.append(context["exception"]))

    def broken(_head: int) -> None:
        raise ZeroDivisionError

    async with opened(path) as journal:
        heads: list[int] = []
        journal.subscribe(broken)
        journal.subscribe(heads.append)
        await write(journal, 1)
        assert heads == [1]
    assert [type(error) for error in errors] == [ZeroDivisionError]
    loop.set_exception_handler(None)


async def test_a_tail_without_memory_keeps_no_news_from_anybody(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(path) as journal:
        heads: list[int] = []
        journal.subscribe(heads.append)

        def poor(_head: int) -> None:
            raise MemoryError

        monkeypatch.setattr(journal._tail, "trim", poor)
        await write(journal, 2)
        assert heads == [1, 2]


async def test_whoever_gives_up_waiting_stops_nobody(path: Path) -> None:
    async with opened(path) as journal:
        gone = asyncio.create_task(journal.committed(2))
        stays = asyncio.create_task(journal.committed(2))
        await asyncio.sleep(0)
        gone.cancel()
        await write(journal, 2)
        await stays
        assert gone.cancelled()


async def test_waiters_are_settled_in_any_order(path: Path) -> None:
    async with opened(path) as journal:
        waits = [asyncio.create_task(journal.committed(seq)) for seq in (3, 1, 2, 1)]
        await asyncio.sleep(0)
        await write(journal, 3)
        await asyncio.gather(*waits)


async def test_memory_and_disk_give_the_same_bytes(path: Path) -> None:
    rows = [Row(f"t{n % 3}", bytes([n % 256]) * (n % 50)) for n in range(500)]
    async with opened(path) as journal:
        for start in range(0, 500, 7):
            journal.append(rows[start : start + 7])
        await journal.committed(500)
        memory = [await read_all(journal, size) for size in (0, 33, 499)]
    async with opened(path, JournalOptions(tail_bytes=0)) as journal:
        disk = [await read_all(journal, size) for size in (0, 33, 499)]
    assert memory == disk
    assert [(e.seq, e.thread_id, e.body) for e in disk[0]] == [
        (seq, r.thread_id, r.body) for seq, r in enumerate(rows, 1)
    ]


async def test_reading_moves_from_disk_to_memory_without_a_seam(path: Path) -> None:
    async with opened(path, JournalOptions(tail_bytes=2_000)) as journal:
        await write(journal, 100)
        seqs = [entry.seq for entry in await read_all(journal, max_bytes=70)]
        assert seqs == list(range(1, 101))


async def test_the_tail_is_bounded_by_bytes(path: Path) -> None:
    async with opened(path, JournalOptions(tail_bytes=50_000)) as journal:
        for n in range(200):
            await journal.committed(journal.append([row(n, size=5_000)]))
            assert journal._tail.size_bytes <= 50_000


async def test_the_end_commits_what_was_appended(path: Path) -> None:
    async with opened(path) as journal:
        for n in range(3_000):
            journal.append([row(n)])
        waiting = asyncio.create_task(journal.committed(3_000))
        await asyncio.sleep(0)
    await waiting
    async with opened(path) as journal:
        assert journal.head == 3_000
        assert [entry.seq for entry in await read_all(journal, max_bytes=10_000)] == list(
            range(1, 3_001)
        )


async def test_whoever_waits_for_what_never_comes_learns_of_the_end(path: Path) -> None:
    async with opened(path) as journal:
        waiting = asyncio.create_task(journal.committed(99))
        await asyncio.sleep(0)
    with pytest.raises(JournalUnavailable, match="closed"):
        await waiting


async def test_a_closed_journal_says_so(path: Path) -> None:
    async with opened(path) as journal:
        await write(journal, 1)
    with pytest.raises(JournalUnavailable):
        journal.append([row(1)])
    with pytest.raises(JournalUnavailable):
        await journal.committed(9)
    with pytest.raises(JournalUnavailable):
        await journal.put_session("t", b"")
    await journal.committed(1)
    await journal.close()


async def test_a_journal_that_was_never_started_can_be_closed(path: Path) -> None:
    journal = Journal.open(path)
    with pytest.raises(JournalUnavailable):
        await journal.put_session("t", b"")
    await journal.close()


async def test_closing_leaves_one_file_and_the_ballast(path: Path) -> None:
    async with opened(path) as journal:
        await write(journal, 10)
    assert sorted(p.name for p in path.parent.iterdir()) == ["journal.db", "journal.db.ballast"]


async def test_too_much_at_once_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "GROUP_BYTES", 30)
    async with opened(path) as journal:
        with pytest.raises(ValueError, match="40 bytes"):
            journal.append([row(1), row(2)])
        assert await write(journal, 1) == 1


async def test_a_large_event_goes_through_as_it_is(path: Path) -> None:
    body = bytes(range(256)) * 12_000
    async with opened(path, JournalOptions(tail_bytes=0)) as journal:
        journal.append([row(1), Row("t", body), row(3)])
        await journal.committed(3)
        entries = await read_all(journal, max_bytes=100)
        assert [len(entry.body) for entry in entries] == [20, len(body), 20]
        assert entries[1].body == body


async def test_replay_gives_everything_behind_a_seq(path: Path) -> None:
    async with opened(path) as journal:
        await write(journal, 30)
    journal = Journal.open(path)
    found = [entry.seq for entries in journal.replay(12) for entry in entries]
    assert found == list(range(13, 31))
    assert list(journal.replay(30)) == []
    await journal.close()


async def test_the_state_is_told_once_it_failed(path: Path) -> None:
    async with opened(path) as journal:
        await write(journal, 1)
        told: list[tuple[str, str | None]] = []
        journal.on_state(lambda state, message: told.append((state, message)))
        query(path, "DROP TABLE segments")
        seq = journal.append([row(1)])
        with pytest.raises(JournalUnavailable, match="segments"):
            await journal.committed(seq)
        assert journal.state == "failed"
        assert [state for state, _ in told] == ["failed"]
        with pytest.raises(JournalUnavailable):
            journal.append([row(2)])
        assert journal.head == 1


async def test_operations_that_wait_are_refused_once_it_failed(path: Path) -> None:
    async with opened(path) as journal:
        await write(journal, 1)
        query(path, "DROP TABLE segments")
        journal.append([row(1)])
        with pytest.raises(JournalUnavailable):
            await journal.put_session("t", b"spec")
        await until(lambda: journal.state == "failed")
