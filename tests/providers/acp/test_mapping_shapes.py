"""Raw messages beside events, and values of any shape in any place."""

from typing import Any

import pytest

from sidecar.providers.acp.mapping.shapes import TITLE_CHARS, maps, text
from sidecar.providers.acp.mapping.shapes import count as whole_count
from tests.providers.acp.talk import Talk


def test_raw_state_leaves_deltas_bare_and_raw_all_does_not() -> None:
    for raw, shown in (("state", [True, False]), ("all", [True, False])):
        events = Talk(raw).say("a")
        assert [event.raw is not None for event in events] == shown
    talk = Talk("all")
    talk.say("a")
    (delta,) = talk.say("b")
    assert delta.raw is not None
    assert delta.raw.message_type == "agent_message_chunk"
    talk = Talk("state")
    talk.say("a")
    assert talk.say("b")[0].raw is None


def test_shapes_are_read_carefully() -> None:
    assert text("x" * (TITLE_CHARS + 1)) == "x" * (TITLE_CHARS - 1) + "…"
    assert text("\ud83d") == "\ufffd"
    assert maps("x") == []
    assert [whole_count(v) for v in (True, -1, 1.5, 2**53, 2.0, None, 3)] == [
        None,
        None,
        None,
        None,
        2,
        None,
        3,
    ]
    assert whole_count(float("nan")) is None
    assert whole_count(float("inf")) is None


HOSTILE = [None, 7, "", " ", "\ud83d", [], {}, [None], {"type": 7}, True, 1e400, 2**70]


@pytest.mark.parametrize("kind", ["agent_message_chunk", "tool_call", "tool_call_update", "plan"])
@pytest.mark.parametrize("value", HOSTILE, ids=str)
def test_no_value_in_any_place_breaks_the_mapping(kind: str, value: Any) -> None:
    fields = (
        *("content", "title", "kind", "status", "locations", "rawInput", "rawOutput", "entries"),
        *("messageId", "_meta", "used", "size"),
    )
    for name in fields:
        talk = Talk("all")
        call_id = {} if kind == "agent_message_chunk" else {"toolCallId": "c"}
        talk.update(kind, **call_id, **{name: value})
        talk.ask({"optionId": value, "kind": value, "name": value}, **{name: value})
        talk.end()
