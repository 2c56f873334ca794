"""How results end turns, and what was used."""

from typing import Any

import pytest

from sidecar.providers.claude.mapping import ending_of
from tests.providers.claude.talk import Talk, types

RESULT: dict[str, Any] = {
    "type": "result",
    "subtype": "success",
    "is_error": False,
    "stop_reason": "end_turn",
    "total_cost_usd": 0.25,
    "usage": {"input_tokens": 100, "output_tokens": 20, "cache_read_input_tokens": 5},
    "modelUsage": {
        "m": {"inputTokens": 100, "outputTokens": 20, "contextWindow": 200_000},
        "n": {"inputTokens": 1, "cacheCreationInputTokens": 3},
    },
}


def test_a_success_completes_the_turn_with_what_it_used() -> None:
    ending = ending_of(RESULT, interrupting=False)
    assert (ending.state, ending.stop_reason, ending.error_message) == (
        "completed",
        "end_turn",
        None,
    )
    assert ending.usage == {"inputTokens": 100, "cachedInputTokens": 5, "outputTokens": 20}
    assert ending.total_cost_usd == 0.25
    assert ending.model_usage is not None
    assert set(ending.model_usage) == {"m", "n"}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"is_error": True, "result": "API Error: 500"}, "API Error: 500"),
        ({"subtype": "error_max_turns"}, "Claude stopped at its limit of steps in one turn"),
        ({"subtype": "error_max_budget_usd"}, "Claude stopped at its budget"),
        (
            {
                "subtype": "error_during_execution",
                "errors": ["[ede_diagnostic] x", "one", 7, "two"],
            },
            "one\ntwo",
        ),
        ({"subtype": "error_during_execution"}, "Claude failed without a reason"),
        ({"stop_reason": "refusal"}, "Claude refuses to go on with this request"),
    ],
)
def test_a_failure_is_one_whatever_it_calls_itself(fields: Any, words: str) -> None:
    ending = ending_of({**RESULT, **fields}, interrupting=False)
    assert (ending.state, ending.error_message) == ("failed", words)


@pytest.mark.parametrize(
    ("reason", "interrupting"),
    [("aborted_streaming", False), (None, True), ("aborted_tools", True)],
)
def test_an_aborted_turn_is_interrupted(reason: Any, interrupting: bool) -> None:
    result = {"subtype": "error_during_execution", "is_error": True, "terminal_reason": reason}
    ending = ending_of(result, interrupting=interrupting)
    assert (ending.state, ending.stop_reason) == ("interrupted", "interrupted")
    assert ending.error_message is None


def test_a_turn_that_had_ended_before_its_interrupt_is_complete() -> None:
    assert ending_of(RESULT, interrupting=True).state == "completed"


@pytest.mark.parametrize("cost", [None, True, "1", -1, float("inf")])
def test_a_cost_is_a_number_or_nothing(cost: Any) -> None:
    ending = ending_of({"total_cost_usd": cost, "modelUsage": 7, "usage": []}, interrupting=False)
    assert (ending.total_cost_usd, ending.model_usage, ending.usage) == (None, None, None)


def usages(events: list[Any]) -> list[Any]:
    return [e.payload.usage for e in events if e.type == "thread.token-usage.updated"]


def call(talk: Talk, parent: Any = None) -> list[Any]:
    talk.stream("message_start", parent, message={"id": "m", "usage": {"input_tokens": 100}})
    return talk.stream("message_delta", parent, usage={"output_tokens": 20})


def test_each_call_to_the_model_tells_the_size_of_the_context() -> None:
    talk = Talk()
    (usage,) = usages(call(talk))
    assert (usage.used_tokens, usage.last_input_tokens, usage.last_output_tokens) == (120, 100, 20)
    assert usages(call(talk)) == []
    assert usages(call(talk, parent="agent")) == []
    (usage,) = usages(talk.end(result=RESULT))
    assert (usage.max_tokens, usage.total_processed_tokens) == (200_000, 124)


def test_nothing_told_is_nothing_said() -> None:
    talk = Talk()
    talk.stream("message_start", message={"id": "m"})
    assert talk.stream("message_delta") == []
    assert usages(talk.end()) == []


def test_a_turn_ends_once() -> None:
    talk = Talk()
    assert types(talk.end(result=RESULT))[-2:] == ["turn.completed", "session.state.changed"]
    assert talk.end() == []
