"""Calls to a host that are under way: each gets one answer."""

import pytest

from sidecar.contract.errors import Cancelled, ProviderProcessFailed, ValidationFailed
from sidecar.contract.frames import ReplyFrame
from sidecar.supervisor.calls import OPENING_CALL, Calls


async def test_each_call_gets_its_own_answer() -> None:
    calls = Calls()
    _, opening = calls.expect(OPENING_CALL)
    first_id, first = calls.expect()
    second_id, second = calls.expect()
    assert len({OPENING_CALL, first_id, second_id}) == 3
    calls.answered(ReplyFrame(0, second_id, None, "second"))
    calls.answered(ReplyFrame(0, first_id, ValidationFailed("no").body(), None))
    assert second.result() == "second"
    with pytest.raises(ValidationFailed, match="no"):
        first.result()
    assert not opening.done()


async def test_an_end_answers_what_is_open_and_nothing_else() -> None:
    calls = Calls()
    answered_id, answered = calls.expect()
    _, open_ = calls.expect()
    calls.answered(ReplyFrame(0, answered_id, None, 1))
    calls.fail(ProviderProcessFailed("it ended"))
    assert answered.result() == 1
    with pytest.raises(ProviderProcessFailed, match="it ended"):
        open_.result()


async def test_a_late_a_second_and_a_foreign_answer_change_nothing() -> None:
    calls = Calls()
    call_id, answer = calls.expect()
    forgotten_id, forgotten = calls.expect()
    calls.forget(forgotten_id)
    calls.answered(ReplyFrame(0, forgotten_id, None, "late"))
    calls.answered(ReplyFrame(0, 99, None, "foreign"))
    calls.answered(ReplyFrame(0, call_id, None, "first"))
    calls.answered(ReplyFrame(0, call_id, None, "second"))
    assert answer.result() == "first"
    assert not forgotten.done()


async def test_who_gave_up_is_not_answered() -> None:
    calls = Calls()
    call_id, answer = calls.expect()
    answer.cancel()
    calls.answered(ReplyFrame(0, call_id, None, 1))
    calls.fail(Cancelled("stopped"))
    assert answer.cancelled()
