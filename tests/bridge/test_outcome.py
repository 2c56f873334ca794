"""Outcomes: kept as they were answered, and compared by what they mean."""

import pytest

from sidecar.bridge.outcome import Outcome, fingerprint, plain, restore, store
from sidecar.contract.errors import Overloaded, SessionClosed, ShuttingDown
from sidecar.contract.methods import SendTurnParams
from sidecar.contract.results import SendTurnResult


def test_an_outcome_survives_the_journal() -> None:
    for outcome in (
        Outcome(None, {"at": 3, "data": b"\x00", "deep": [{"x": None}]}),
        Outcome(SessionClosed("Cannot", threadId="t").body()),
    ):
        assert restore(store(outcome)) == outcome


@pytest.mark.must("P5.4")
def test_errors_that_say_come_again_are_not_final() -> None:
    assert Outcome(None, {}).final
    assert Outcome(SessionClosed("x").body()).final
    assert not Outcome(Overloaded("x").body()).final
    assert not Outcome(ShuttingDown("x").body()).final


@pytest.mark.must("P5.5")
def test_the_key_the_order_and_defaults_do_not_count() -> None:
    one = SendTurnParams("k1", "t", input="x", options={"a": 1, "b": 2})
    two = SendTurnParams("k2", "t", input="x", options={"b": 2, "a": 1}, attachments=None)
    assert fingerprint(one) == fingerprint(two)
    assert fingerprint(one) != fingerprint(SendTurnParams("k1", "t", input="y"))
    assert fingerprint(one) != fingerprint(SendTurnParams("k1", "u", input="x"))


def test_results_become_plain_values_in_the_spelling_of_the_wire() -> None:
    assert plain(SendTurnResult("t", "u", resume_cursor={"x": b"y"})) == {
        "threadId": "t",
        "turnId": "u",
        "resumeCursor": {"x": b"y"},
    }
    assert plain(None) == {}
    with pytest.raises(AssertionError):
        plain([1])
