"""The newest events in memory: bounded, never short of what is not committed."""

from collections.abc import Iterator

import pytest

from sidecar.journal.tail import ENTRY_BYTES, Room, Tail
from sidecar.journal.types import Row
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
