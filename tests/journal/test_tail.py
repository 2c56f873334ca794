"""The newest events in memory: bounded, never short of what is not committed."""

import gc
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.journal import tail as module
from sidecar.journal.tail import ENTRY_BYTES, Room, Tail
from sidecar.journal.types import Entry, Row
from tests.journal.helpers import row


def tail_of(count: int, bound_bytes: int = 1 << 20) -> Tail:
    tail = Tail(bound_bytes)
    tail.extend(11, [row(n, thread="even" if n % 2 == 0 else "odd") for n in range(count)])
    return tail


def seqs(tail: Tail, after: int, upto: int, room: Room, threads: set[str] | None = None) -> object:
    page = tail.page(after, upto, room, threads)
    return page and ([entry.seq for entry in page.rows], page.last_seq)


def test_a_page_ends_at_the_committed_head() -> None:
    assert seqs(tail_of(5), 10, 13, Room(10_000, 100)) == ([11, 12, 13], 13)


def test_a_page_that_begins_before_the_tail_is_not_here() -> None:
    assert seqs(tail_of(5), 9, 15, Room(10_000, 100)) is None
    assert seqs(Tail(100), 0, 0, Room(10_000, 100)) is None


@pytest.mark.parametrize(
    ("room", "last"), [(Room(45, 100), 12), (Room(1, 100), 11), (Room(1000, 3), 13)]
)
def test_a_page_takes_one_event_and_then_what_fits(room: Room, last: int) -> None:
    assert seqs(tail_of(5), 10, 15, room) == (list(range(11, last + 1)), last)


def test_a_filtered_page_covers_what_it_skipped() -> None:
    assert seqs(tail_of(6), 10, 16, Room(10_000, 100), {"odd"}) == ([12, 14, 16], 16)
    assert seqs(tail_of(6), 10, 16, Room(10_000, 2), {"odd"}) == ([12, 14], 15)
    assert seqs(tail_of(6), 10, 16, Room(10_000, 2), {"none"}) == ([], 16)


def test_only_committed_events_are_dropped_and_only_above_the_bound() -> None:
    tail = tail_of(10, bound_bytes=3 * (20 + ENTRY_BYTES))
    assert tail.first_seq == 11
    tail.trim(13)
    assert tail.first_seq == 14
    tail.trim(20)
    assert tail.first_seq == 18
    assert tail.size_bytes == 3 * (20 + ENTRY_BYTES)


def test_a_tail_of_no_bytes_holds_nothing_that_is_committed() -> None:
    tail = Tail(0)
    tail.extend(1, [Row("t", b"x")])
    tail.trim(1)
    assert (tail.first_seq, tail.size_bytes) == (None, 0)


class Scarce(list[Row]):
    """Rows of which the second finds no memory."""

    def __iter__(self) -> Iterator[Row]:
        yield self[0]
        raise MemoryError


def test_a_tail_that_is_short_of_memory_holds_nothing_at_a_wrong_place() -> None:
    tail = tail_of(3)
    with pytest.raises(MemoryError):
        tail.extend(14, Scarce([row(4), row(5)]))
    assert (tail.first_seq, tail.size_bytes) == (None, 0)
    tail.extend(16, [row(6)])
    assert seqs(tail, 13, 16, Room(10_000, 100)) is None
    assert seqs(tail, 15, 16, Room(10_000, 100)) == ([16], 16)


@given(
    sizes=st.lists(st.integers(0, 40), min_size=1, max_size=60),
    heads=st.lists(st.integers(0, 60), max_size=6),
    after=st.integers(0, 60),
    upto=st.integers(0, 60),
    room=st.tuples(st.integers(1, 200), st.integers(1, 30)),
    threads=st.sampled_from([None, {"even"}, {"odd"}, {"none"}]),
)
def test_a_page_says_the_same_however_much_of_it_is_packed(
    sizes: list[int],
    heads: list[int],
    after: int,
    upto: int,
    room: tuple[int, int],
    threads: set[str] | None,
) -> None:
    rows = [Row("odd" if n % 2 else "even", bytes([n]) * size) for n, size in enumerate(sizes, 1)]
    upto = min(upto, len(rows))
    with pytest.MonkeyPatch.context() as patch:
        plain = Tail(1 << 20)
        plain.extend(1, rows)
        patch.setattr(module, "CHUNK_BYTES", 50)
        patch.setattr(module, "YOUNG_BYTES", 3 * ENTRY_BYTES)
        packed = Tail(1 << 20)
        for seq, row in enumerate(rows, 1):
            packed.extend(seq, [row])
            packed.trim(min([*heads, seq]))
        packed.trim(len(rows))
        page = packed.page(after, upto, Room(*room), threads)
        assert page == plain.page(after, upto, Room(*room), threads)
        assert packed.size_bytes <= plain.size_bytes


def test_what_is_not_committed_is_not_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK_BYTES", 50)
    monkeypatch.setattr(module, "YOUNG_BYTES", 0)
    tail = tail_of(10, bound_bytes=0)
    for head, first in ((12, 13), (20, None)):
        tail.trim(head)
        assert tail.first_seq == first
    assert tail.size_bytes == 0


def test_chunks_are_dropped_whole_and_counted_by_what_they_cost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "CHUNK_BYTES", 60)  # three of 20 bytes
    monkeypatch.setattr(module, "YOUNG_BYTES", 2 * ENTRY_BYTES)
    chunk_bytes = 3 * (20 + module.PACKED_BYTES)
    tail = tail_of(11, bound_bytes=chunk_bytes + 2 * (20 + ENTRY_BYTES))
    tail.trim(21)
    assert (tail.first_seq, tail.size_bytes) == (17, chunk_bytes + 2 * (20 + ENTRY_BYTES))
    assert seqs(tail, 15, 21, Room(10_000, 100)) is None
    assert seqs(tail, 16, 21, Room(10_000, 100)) == ([17, 18, 19, 20, 21], 21)


def test_a_full_tail_costs_what_it_counts() -> None:
    gc.collect()
    tracemalloc.start()
    try:
        tail = Tail(1 << 20)
        for seq in range(1, 8_001):
            tail.extend(seq, [Row("t", bytes(300))])
            tail.trim(seq)
        used_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0.9 < used_bytes / tail.size_bytes < 1.1
    page = tail.page(7_999, 8_000, Room(1000, 1), None)
    assert page is not None
    assert page.rows == [Entry(8_000, "t", bytes(300))]
