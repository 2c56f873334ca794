"""What the contract allows, the tables of docs/EVENTS.md allow; what they refuse is named."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.contract.events import EVENTS, decode_event, encode_event
from tests.contract.strategies import structs
from tests.contract.test_events import envelope
from tests.support.events_table import problems, read_tables

BASE: dict[str, Any] = {
    "eventId": "e1",
    "provider": "demo",
    "threadId": "t1",
    "createdAt": "2026-01-01T00:00:00.000Z",
    "generation": 1,
}


def event(type_: str, payload: Any, **more: Any) -> dict[str, Any]:
    return {**BASE, "type": type_, "payload": payload, **more}


def test_every_type_of_the_contract_stands_in_the_tables() -> None:
    assert set(read_tables().events) == set(EVENTS)


@pytest.mark.parametrize("event_type", EVENTS)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_what_the_contract_decodes_is_valid_by_the_tables(
    event_type: str, data: st.DataObject
) -> None:
    made = envelope(event_type, data.draw(structs(EVENTS[event_type].payload)))
    body = encode_event(made)
    decode_event(event_type, body)
    found = problems(msgspec.msgpack.decode(body))
    assert [problem for problem in found if not problem.endswith((" is blank", " is null"))] == []


@pytest.mark.parametrize(
    ("made", "problem"),
    [
        (event("turn.ended", {}), "unknown type 'turn.ended'"),
        (event("turn.completed", {}), "turn.completed has no state"),
        (event("turn.completed", {"state": "done"}), "turn.completed.state is 'done', none of"),
        (event("turn.started", {"modal": "x"}), "turn.started has an unknown key modal"),
        (event("turn.started", {"model": " "}), "turn.started.model is blank"),
        (event("turn.started", {"model": None}), "turn.started.model is null"),
        (event("turn.started", {}, turnId=""), "event.turnId is blank"),
        (event("turn.started", {}, generation=-1), "event.generation is -1, no count"),
        (event("turn.started", []), "turn.started is no map"),
        (
            event("content.delta", {"streamKind": "assistant_text", "delta": ""}),
            "content.delta.delta is empty",
        ),
        (
            event("item.started", {"itemType": "speech"}),
            "item.started.itemType is 'speech', none of",
        ),
        (
            event("turn.plan.updated", {"plan": [{"step": "a", "status": "over"}]}),
            "turn.plan.updated.plan[0].status is 'over', none of",
        ),
        (
            event("thread.token-usage.updated", {"usage": {"usedTokens": 1.5}}),
            "thread.token-usage.updated.usage.usedTokens is 1.5, no count",
        ),
        (
            event("thread.token-usage.updated", {"usage": {"usedTokens": 1, "maxTokens": 0}}),
            "thread.token-usage.updated.usage.maxTokens is 0",
        ),
        (
            event("task.completed", {"taskId": "a", "status": "failed", "agentKind": "b"}),
            "task.completed.agentKind is 'b', none of",
        ),
        (
            event("tool.summary", {"summary": "a", "precedingToolUseIds": [""]}),
            "tool.summary.precedingToolUseIds[0] is blank",
        ),
        (
            event("account.updated", {"account": {"name": ["\ud800"]}}),
            "account.updated.account.name[0] has a lone surrogate",
        ),
    ],
)
def test_a_problem_is_named(made: dict[str, Any], problem: str) -> None:
    found = problems(made)
    assert len(found) == 1
    assert found[0].startswith(problem)


def test_a_valid_event_has_no_problem() -> None:
    payload = {
        "taskId": "task-1",
        "status": "completed",
        "summary": "done",
        "agentKind": "agent",
        "toolUseId": "call-1",
    }
    assert problems(event("task.completed", payload, turnId="turn-1")) == []
