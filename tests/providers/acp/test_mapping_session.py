"""Plans, usage, settings, and what is said between turns."""

from typing import Any

import pytest

from tests.providers.acp.talk import Talk, types


def test_a_plan_becomes_steps() -> None:
    entries = [
        {"content": "a", "status": "completed"},
        {"content": "b", "status": "in_progress"},
        {"content": "c", "status": "pending"},
        {"content": "d", "status": 7},
        {"content": " "},
        "no map",
    ]
    (plan,) = Talk().update("plan", entries=entries)
    assert [(s.step, s.status) for s in plan.payload.plan] == [
        ("a", "completed"),
        ("b", "inProgress"),
        ("c", "pending"),
        ("d", "pending"),
    ]
    assert plan.turn_id == "turn"


def test_a_plan_does_not_end_the_text() -> None:
    talk = Talk()
    talk.say("a")
    talk.update("plan", entries=[])
    assert types(talk.say("b")) == ["content.delta"]


def test_a_usage_update_is_the_usage_of_the_thread() -> None:
    (usage,) = Talk().update("usage_update", used=10, size=100)
    assert (usage.payload.usage.used_tokens, usage.payload.usage.max_tokens) == (10, 100)
    (usage,) = Talk().update("usage_update", used=10.0, size=0)
    assert usage.payload.usage.max_tokens is None
    assert Talk().update("usage_update", used=-1) == []
    assert Talk().update("usage_update", used="many") == []


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("available_commands_update", "availableCommands", [{"name": "init"}]),
        ("current_mode_update", "currentModeId", "plan"),
        ("config_option_update", "configOptions", [{"id": "effort"}]),
    ],
)
def test_a_setting_that_changes_is_configured(kind: str, key: str, value: Any) -> None:
    (configured,) = Talk().update(kind, **{key: value})
    assert configured.type == "session.configured"
    assert configured.payload.config == {key: value}


@pytest.mark.parametrize("update", [None, 7, {}, {"sessionUpdate": "new_invention", "x": 1}])
def test_an_update_of_no_known_kind_says_nothing(update: Any) -> None:
    talk = Talk()
    assert talk.take(talk.mapping.update({"update": update})) == []
    assert talk.update("current_mode_update") == []


def test_a_started_session_says_what_it_is() -> None:
    talk = Talk(in_turn=False)
    events = talk.take(talk.mapping.started("s1", {"modes": {}}, resumed=True))
    assert types(events) == [
        "session.started",
        "thread.started",
        "session.configured",
        "session.state.changed",
    ]
    assert events[0].payload.resume == {"sessionId": "s1"}
    assert events[1].payload.provider_thread_id == "s1"
    fresh = Talk(in_turn=False)
    assert "session.configured" not in types(
        fresh.take(fresh.mapping.started("s1", {}, resumed=False))
    )


def test_text_between_turns_belongs_to_no_turn_and_ends_with_the_next() -> None:
    talk = Talk(in_turn=False)
    events = talk.say("by the way")
    assert {event.turn_id for event in events} == {None}
    assert types(talk.take(talk.mapping.begin_turn("turn")))[:2] == [
        "item.completed",
        "turn.started",
    ]
