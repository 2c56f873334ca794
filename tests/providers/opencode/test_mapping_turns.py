"""The end of a turn is told by several events, none of which is enough."""

from typing import Any

import pytest

from sidecar.providers.opencode.mapping import turns, usage
from sidecar.providers.opencode.mapping.turns import ABORTED, Turn
from sidecar.providers.opencode.mapping.usage import Tally
from tests.providers.opencode.talk import Talk

IDLE = {"type": "idle"}
BUSY = {"type": "busy"}
TOKENS = {"input": 3, "output": 2, "reasoning": 1, "cache": {"read": 4, "write": 5}}


def message(message_id: str = "m", **fields: Any) -> dict[str, Any]:
    return {"id": message_id, "time": {"created": 1}, **fields}


def done(message_id: str = "m", **fields: Any) -> dict[str, Any]:
    return {**message(message_id, **fields), "time": {"created": 1, "completed": 2}}


def test_idle_ends_a_turn_whose_messages_are_complete() -> None:
    turn = Turn()
    turn.status(BUSY)
    turn.message(message())
    turn.message(done(finish="stop"))
    assert not turn.over
    turn.status(IDLE)
    assert turn.over
    assert turn.ending().state == "completed"
    assert turn.ending().stop_reason == "stop"


def test_an_idle_of_the_turn_before_ends_nothing() -> None:
    turn = Turn()
    turn.status(IDLE)
    assert not turn.over
    assert not turn.in_doubt


def test_idle_with_a_message_open_is_in_doubt_until_it_is_complete() -> None:
    turn = Turn()
    turn.message(message())
    turn.failed({"name": ABORTED, "data": {"message": "Aborted"}})
    turn.status(IDLE)
    assert turn.in_doubt
    assert not turn.over
    turn.message(done(error={"name": ABORTED}))
    turn.status(IDLE)
    assert turn.over
    assert turn.ending().state == "interrupted"


def test_the_server_when_asked_settles_it() -> None:
    turn = Turn()
    turn.settled()
    assert turn.over


def test_an_error_before_any_work_is_in_doubt_and_its_first_words_count() -> None:
    turn = Turn()
    turn.failed({"name": "UnknownError", "data": {"message": "Agent not found"}})
    turn.failed({"name": "UnknownError", "data": {"message": "at line 1"}})
    assert turn.in_doubt
    ending = turn.ending()
    assert (ending.state, ending.error_message) == ("failed", "Agent not found")


def test_an_error_of_a_message_is_the_turns() -> None:
    turn = Turn()
    turn.message(message(error={"data": {"message": "fake 400"}}))
    turn.status(IDLE)
    assert turn.over
    assert turn.ending().error_message == "fake 400"


@pytest.mark.parametrize("error", [{}, 7, {"data": {"message": " "}}])
def test_an_error_without_words_is_said_to_be_one(error: Any) -> None:
    turn = Turn()
    turn.failed(error)
    assert "without words" in (turn.ending().error_message or "")


def test_retries_are_counted_until_a_message_is_complete() -> None:
    turn = Turn()
    turn.status({"type": "retry", "attempt": 2, "message": "busy"})
    turn.status({"type": "retry", "attempt": "x"})
    assert turn.retries == 3
    assert turn.retry_message is None
    turn.message(done())
    assert turn.retries == 0


def test_an_unknown_status_changes_nothing() -> None:
    turn = Turn()
    turn.status({"type": "dreaming"})
    assert turn == Turn(tally=turn.tally)


def test_open_messages_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "OPEN_MESSAGES", 1)
    turn = Turn()
    turn.message(message("a"))
    turn.message(message("b"))
    turn.message(done("b"))
    turn.status(IDLE)
    assert turn.over


def test_a_message_counts_once_however_often_it_is_said() -> None:
    tally = Tally()
    for cost in (0.5, 1.0):
        tally.take("m", {"tokens": TOKENS, "cost": cost, "providerID": "p", "modelID": "x"})
    tally.take("n", {"tokens": {"total": 7}, "cost": float("nan"), "modelID": "y"})
    tally.take("o", {"tokens": None, "cost": "much"})
    found = tally.usage()
    assert found is not None
    assert found["totalTokens"] == 22
    assert found["cachedInputTokens"] == 4
    assert tally.cost_usd == 1.0
    models = tally.model_usage()
    assert models is not None
    assert set(models) == {"p/x", "y"}


def test_a_turn_that_used_nothing_has_no_usage() -> None:
    assert Tally().usage() is None
    assert Tally().model_usage() is None


def test_tallies_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "MESSAGES_OF_A_TURN", 1)
    monkeypatch.setattr(usage, "MODELS", 0)
    tally = Tally()
    for name in "ab":
        tally.take(name, {"tokens": {"total": 5}})
    assert tally.usage() is not None
    assert tally.usage()["totalTokens"] == 5  # type: ignore[index] # just looked at
    assert tally.model_usage() is None


def test_the_thread_tells_its_context() -> None:
    talk = Talk()
    talk.mapping.context_limits = {"p/x": 1000}
    assert talk.message(tokens=TOKENS) == []
    (event,) = talk.done(tokens=TOKENS, providerID="p", modelID="x")
    assert event.payload.usage.used_tokens == 15
    assert event.payload.usage.max_tokens == 1000
    assert talk.done(tokens=TOKENS, providerID="p", modelID="x") == []


def test_a_turn_without_work_ends_once() -> None:
    talk = Talk(in_turn=False)
    assert talk.end() == []
