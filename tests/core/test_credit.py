"""A message may start while unacked < credit; acks are cumulative."""

import pytest

from sidecar.core.credit import CreditOwed, CreditWindow


def test_the_window_closes_at_its_credit_and_opens_with_an_ack() -> None:
    window = CreditWindow(100)
    window.sent(60)
    assert window.open
    window.sent(40)
    assert not window.open
    window.acked(60)
    assert window.open
    assert window.unacked == 40


def test_one_message_larger_than_the_window_may_start() -> None:
    window = CreditWindow(100)
    window.sent(5_000)
    assert not window.open
    window.acked(5_000)
    assert window.open


def test_a_lower_ack_is_ignored() -> None:
    window = CreditWindow(100)
    window.sent(80)
    window.acked(70)
    window.acked(10)
    assert window.unacked == 10


def test_an_ack_of_unsent_bytes_is_refused() -> None:
    window = CreditWindow(100)
    window.sent(10)
    with pytest.raises(ValueError, match="only 10 were sent"):
        window.acked(11)


def test_a_smaller_window_takes_effect_at_once() -> None:
    window = CreditWindow(100)
    window.sent(50)
    window.resize(50)
    assert not window.open
    assert window.sent_total == 50


def test_what_is_owed_is_told_a_quarter_of_the_window_at_a_time() -> None:
    owed = CreditOwed(100)
    owed.took(1, 20)
    owed.took(2, 30)
    owed.stored(1)
    assert not owed.due(100)
    owed.stored(2)
    assert owed.due(100)
    assert owed.ack == 50
    assert owed.due(100), "until it was told, it is due"
    owed.told(50, 100)
    assert not owed.due(100)


def test_a_window_that_shrank_makes_an_ack_due_earlier() -> None:
    owed = CreditOwed(100)
    owed.took(1, 10)
    owed.stored(1)
    assert not owed.due(100)
    assert owed.due(40)
    owed.told(owed.ack, 40)
    assert not owed.due(40)


def test_a_sender_without_credit_is_known_as_such_until_it_is_told() -> None:
    owed = CreditOwed(100)
    owed.took(1, 99)
    assert not owed.exhausted
    owed.took(2, 1)
    owed.stored(2)
    assert owed.exhausted
    owed.told(owed.ack, 100)
    assert not owed.exhausted
    owed.offered(0)
    assert owed.exhausted
