"""The window: acks in seqs, credit in bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.bridge.refusals import Refusal, Refused
from sidecar.bridge.window import Window


@pytest.mark.must("P4.8")
def test_one_message_may_overdraw() -> None:
    window = Window(100, after=0)
    window.sent(5, 99)
    assert window.open
    window.sent(6, 1_000_000)
    assert not window.open


@pytest.mark.must("P4.6")
def test_an_ack_is_cumulative() -> None:
    window = Window(100, after=0)
    for seq in (5, 9, 12):
        window.sent(seq, 50)
    assert not window.open
    assert window.ack(9)
    assert window.open
    assert window.acked_seq == 9


def test_an_ack_within_a_message_frees_nothing_of_it() -> None:
    window = Window(100, after=0)
    window.sent(10, 100)
    assert window.ack(7)
    assert not window.open
    assert window.ack(10)
    assert window.open


@pytest.mark.must("P4.7")
def test_an_ack_above_what_was_sent_is_refused() -> None:
    window = Window(100, after=3)
    window.sent(5, 10)
    with pytest.raises(Refused) as caught:
        window.ack(6)
    assert caught.value.refusal is Refusal.ACK_UNSENT


@pytest.mark.must("P4.7")
def test_an_ack_below_the_last_is_ignored() -> None:
    window = Window(100, after=0)
    window.sent(5, 10)
    assert window.ack(5)
    assert not window.ack(4)
    assert not window.ack(5)
    assert window.acked_seq == 5


def test_after_a_step_back_everything_can_be_acked_again() -> None:
    window = Window(100, after=0)
    window.sent(900, 100)
    window.restart(500)
    assert window.open
    window.ack(900)  # was under way before the step back
    window.sent(700, 100)
    assert not window.open
    assert window.ack(700)
    assert window.open


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 60)), max_size=60), st.data())
def test_what_is_all_acked_is_open(sends: list[tuple[int, int]], data: st.DataObject) -> None:
    window, seq = Window(100, after=0), 0
    for step, size in sends:
        seq += step
        window.sent(seq, size)
        window.ack(data.draw(st.integers(0, seq)))
    window.ack(seq)
    assert window.open
    assert window.acked_seq == seq
