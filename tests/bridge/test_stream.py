"""The stream: what a client is sent next, from every place."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.bridge.stream import TRANSITIONS, Cause, Place, Start, Step, Stream, batches
from sidecar.bridge.window import Window
from sidecar.contract.bridge import Gap
from sidecar.journal.types import Entry


def stream(start: Start, threads: frozenset[str] | None = None, credit: int = 100) -> Stream:
    return Stream(start, threads, Window(credit, start.after))


def live(after: int = 10, threads: frozenset[str] | None = None) -> Stream:
    it = stream(Start(after), threads)
    assert it.next(after, 1) is Step.SYNCHRONIZED
    it.synchronized_sent()
    return it


def test_only_defects_are_undecided() -> None:
    undecided = set(itertools.product(Place, Cause)) - set(TRANSITIONS)
    assert undecided == {
        (Place.OWES_SNAPSHOT, Cause.CAUGHT_UP),
        (Place.CATCHING_UP, Cause.SNAPSHOT_SENT),
        (Place.LIVE, Cause.SNAPSHOT_SENT),
        (Place.LIVE, Cause.CAUGHT_UP),
    }


@pytest.mark.must("P3.11")
@pytest.mark.must("P3.14")
def test_a_resumed_stream_reads_then_says_that_it_has_caught_up() -> None:
    it = stream(Start(10))
    assert it.next(20, 1) is Step.READ
    it.events_sent(20, 50)
    assert it.next(20, 1) is Step.SYNCHRONIZED
    it.synchronized_sent()
    assert it.next(20, 1) is Step.WAIT
    assert it.next(21, 1) is Step.READ


@pytest.mark.must("P3.12")
def test_a_new_stream_begins_with_its_snapshot() -> None:
    it = stream(Start(0, snapshot=True))
    assert it.next(20, 1) is Step.SNAPSHOT
    assert it.gap is None
    it.snapshot_sent(20)
    assert it.position == 20
    assert it.next(21, 1) is Step.READ
    assert it.window.ack(20)


@pytest.mark.must("P4.9")
def test_a_snapshot_costs_no_credit() -> None:
    it = stream(Start(0, snapshot=True), credit=1)
    it.snapshot_sent(20)
    assert it.window.open


@pytest.mark.must("P4.8")
def test_nothing_is_read_without_credit() -> None:
    it = stream(Start(0), credit=100)
    it.events_sent(5, 100)
    assert it.next(9, 1) is Step.WAIT
    it.window.ack(5)
    assert it.next(9, 1) is Step.READ


@pytest.mark.must("P3.14")
def test_no_credit_keeps_synchronized_back() -> None:
    it = stream(Start(0), credit=100)
    it.events_sent(5, 100)
    assert it.next(9, 1) is Step.WAIT
    assert it.next(5, 1) is Step.SYNCHRONIZED


@pytest.mark.must("P4.5")
def test_a_filtered_stream_advances_at_a_heartbeat() -> None:
    it = live(10, frozenset({"t1"}))
    it.skipped(15)
    assert it.next(15, 1) is Step.WAIT
    it.heartbeat()
    assert it.next(15, 1) is Step.ADVANCE
    it.advance_sent()
    assert it.next(15, 1) is Step.WAIT
    assert it.window.ack(15)


@pytest.mark.must("P4.5")
def test_a_heartbeat_without_skipped_events_says_nothing() -> None:
    it = live(10, frozenset({"t1"}))
    it.heartbeat()
    assert it.next(10, 1) is Step.WAIT


@pytest.mark.must("P4.10")
def test_synchronized_follows_the_advance_over_what_was_skipped() -> None:
    it = stream(Start(0), frozenset({"t1"}))
    it.skipped(9)
    assert it.next(9, 1) is Step.ADVANCE
    it.advance_sent()
    assert it.next(9, 1) is Step.SYNCHRONIZED


@pytest.mark.must("P3.13")
def test_retention_that_passes_a_slow_client_is_a_gap_and_a_snapshot() -> None:
    it = live(10)
    assert it.next(100, 50) is Step.SNAPSHOT
    assert it.gap == Gap(from_=11, to=100, reason="too_old")
    it.snapshot_sent(100)
    assert it.gap is None
    assert it.next(100, 50) is Step.SYNCHRONIZED


def test_the_oldest_event_is_still_served() -> None:
    assert live(10).next(100, 11) is Step.READ


@pytest.mark.must("P4.4")
def test_subscribe_goes_on_where_it_is_or_where_it_is_told() -> None:
    it = live(10)
    it.subscribe(frozenset({"t2"}), None)
    assert (it.position, it.threads) == (10, frozenset({"t2"}))
    assert it.next(10, 1) is Step.WAIT
    it.subscribe(None, 4)
    assert (it.position, it.threads) == (4, None)
    assert it.next(10, 1) is Step.READ
    it.events_sent(10, 10)
    assert it.next(10, 1) is Step.SYNCHRONIZED


def test_subscribe_behind_what_is_gone_is_a_gap() -> None:
    it = live(100)
    it.subscribe(None, 4)
    assert it.next(100, 50) is Step.SNAPSHOT
    assert it.gap == Gap(from_=5, to=100, reason="too_old")


@given(st.lists(st.integers(0, 60), max_size=40), st.integers(1, 100))
@pytest.mark.must("P2.17")
def test_batches_keep_order_and_bound(sizes: list[int], max_bytes: int) -> None:
    entries = [Entry(seq, "t", b"x" * size) for seq, size in enumerate(sizes, 1)]
    made = batches(entries, max_bytes)
    assert [entry for batch in made for entry in batch] == entries
    for batch in made:
        assert len(batch) == 1 or sum(len(entry.body) for entry in batch) <= max_bytes
