"""How a turn ended, in which words, and what it cost."""

from typing import Any

import pytest

from sidecar.providers.acp.mapping import (
    ending_of_error,
    ending_of_result,
)
from sidecar.providers.acp.wire import RpcError
from tests.providers.acp.talk import Talk, types


@pytest.mark.parametrize(
    ("reason", "interrupting", "state"),
    [
        ("end_turn", False, "completed"),
        ("end_turn", True, "completed"),
        ("max_tokens", False, "completed"),
        ("refusal", False, "failed"),
        ("max_turn_requests", False, "failed"),
        ("cancelled", True, "interrupted"),
        ("cancelled", False, "cancelled"),
        ("something_new", False, "completed"),
        (None, False, "completed"),
    ],
)
def test_the_stop_reason_decides_how_a_turn_ended(
    reason: Any, interrupting: bool, state: str
) -> None:
    ending = ending_of_result({"stopReason": reason}, interrupting=interrupting)
    assert (ending.state, ending.stop_reason) == (state, reason)
    assert (ending.error_message is not None) is (state == "failed")


def test_a_result_that_is_no_map_completes_the_turn() -> None:
    assert ending_of_result(None, interrupting=False).state == "completed"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RpcError(500, "terminated"), "terminated"),
        (RpcError(-1, "Internal error", {"details": "bad id"}), "Internal error: bad id"),
        (RpcError(-1, "Internal error", "quota"), "Internal error: quota"),
        (RpcError(-1, "all of it", {"details": "all"}), "all of it"),
        (RpcError(-1, " ", 7), "The agent gave no reason"),
    ],
)
def test_an_error_fails_the_turn_in_words(error: RpcError, words: str) -> None:
    ending = ending_of_error(error, interrupting=False)
    assert (ending.state, ending.error_message) == ("failed", words)


def test_an_error_after_a_cancel_is_an_interrupt() -> None:
    assert ending_of_error(RpcError(500, "aborted"), interrupting=True).state == "interrupted"


@pytest.mark.parametrize(
    "result",
    [
        {"usage": {"inputTokens": 3, "outputTokens": 4}},
        {"_meta": {"usage": {"input_tokens": 3, "output_tokens": 4}}},
        {"_meta": {"quota": {"token_count": {"input_tokens": 3, "output_tokens": 4}}}},
    ],
)
def test_usage_is_found_by_its_shape(result: dict[str, Any]) -> None:
    talk = Talk()
    ending = ending_of_result({"stopReason": "end_turn", **result}, interrupting=False)
    events = talk.take(talk.mapping.end_turn(ending, result))
    assert types(events)[:2] == ["thread.token-usage.updated", "turn.completed"]
    assert events[0].payload.usage.used_tokens == 7
    assert events[1].payload.usage == {"inputTokens": 3, "outputTokens": 4}


def test_usage_a_model_is_told() -> None:
    rows = [
        {"model": "m", "token_count": {"input_tokens": 1}},
        {"model": "", "token_count": {"input_tokens": 1}},
        {"model": "none"},
    ]
    result = {
        "usage": {"totalTokens": 9, "thoughtTokens": 2},
        "_meta": {"quota": {"model_usage": rows}},
    }
    ending = ending_of_result(result, interrupting=False)
    assert ending.model_usage == {"m": {"inputTokens": 1}}
    assert ending.usage == {"totalTokens": 9, "reasoningOutputTokens": 2}


def test_no_tokens_say_nothing_of_the_thread() -> None:
    talk = Talk()
    ending = ending_of_result({"usage": {"inputTokens": 0}}, interrupting=False)
    assert types(talk.take(talk.mapping.end_turn(ending)))[0] == "turn.completed"


def test_the_end_of_no_turn_says_nothing() -> None:
    assert Talk(in_turn=False).end() == []
