"""The session itself: opening, title, plan, diff, compaction, errors, raw events, history."""

from typing import Any

import pytest

from sidecar.core.conversation import Conversation
from sidecar.providers.opencode.mapping import OpencodeMapping, Opening, diffs, history
from sidecar.providers.opencode.mapping.errors import error_text
from sidecar.providers.opencode.mapping.permissions import read_permission
from tests.providers.context import strict
from tests.providers.opencode.talk import ROOT, TIME, Talk, types


def started(opening: Opening) -> list[Any]:
    mapping = OpencodeMapping(Conversation(), lambda kind: f"{kind}-1")
    return [strict(draft) for draft in mapping.started(opening)]


def test_a_session_opens() -> None:
    events = started(Opening(ROOT, {"model": "p/m"}, "A title", resumed=True))
    assert types(events) == [
        "session.started",
        "thread.started",
        "session.configured",
        "thread.metadata.updated",
        "session.state.changed",
    ]
    assert events[0].payload.resume == {"sessionID": ROOT}
    assert events[1].payload.provider_thread_id == ROOT


def test_a_title_is_said_when_it_is_one_and_another() -> None:
    talk = Talk()
    info = {"id": ROOT, "title": "New session - 2026"}
    assert talk.say("session.updated", info=info) == []
    (named,) = talk.say("session.updated", info={"id": ROOT, "title": "Tidy up"})
    assert named.payload.name == "Tidy up"
    assert talk.say("session.updated", info={"id": ROOT, "title": "Tidy up"}) == []
    assert talk.say("session.updated") == []


def test_todos_are_the_plan() -> None:
    todos = [
        {"content": "a", "status": "in_progress"},
        {"content": "b", "status": "cancelled"},
        {"content": "c"},
        {"content": " "},
        7,
    ]
    (event,) = Talk().say("todo.updated", todos=todos)
    plan = [(step.step, step.status) for step in event.payload.plan]
    assert plan == [("a", "inProgress"), ("b", "completed"), ("c", "pending")]


PATCH = {"file": "a", "patch": "--- a\n+++ a\n"}


def asked(talk: Talk, message_id: Any = "msg_u", changes: Any = None) -> list[Any]:
    """Say a message of the user."""
    info = {"id": message_id, "role": "user", "summary": {"diffs": changes or []}}
    return talk.say("message.updated", info=info)


def test_a_diff_belongs_to_the_turn_that_made_it_and_is_said_once() -> None:
    talk = Talk()
    assert asked(talk) == []
    talk.end()
    changes = [PATCH, {"file": "b"}, {"patch": " "}]
    (event,) = asked(talk, changes=changes)
    assert event.payload.unified_diff == "--- a\n+++ a"
    assert event.turn_id == "turn"
    assert asked(talk, changes=changes) == []
    assert asked(talk) == []
    assert types(asked(talk, changes=changes)) == ["turn.diff.updated"]
    assert talk.say("session.diff", diff=[PATCH, PATCH]) == []


def test_a_diff_of_the_session_counts_when_no_message_tells_one() -> None:
    talk = Talk()
    talk.end()
    (event,) = talk.say("session.diff", diff=[PATCH])
    assert event.turn_id == "turn"


@pytest.mark.parametrize("message_id", [None, "msg_of_another_client"])
def test_a_diff_of_no_turn_of_ours_is_not_said(message_id: Any) -> None:
    talk = Talk()
    talk.end()
    assert asked(talk, message_id, [PATCH]) == []


def test_the_turns_of_messages_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diffs, "MESSAGES", 1)
    talk = Talk()
    asked(talk, "msg_1", [PATCH])
    asked(talk, "msg_2")
    talk.end()
    assert asked(talk, "msg_1", [PATCH, PATCH]) == []


def test_a_compaction_is_an_item_and_a_state() -> None:
    events = Talk().say("session.compacted")
    assert types(events) == ["item.started", "item.completed", "thread.state.changed"]
    assert events[0].payload.item_type == "context_compaction"


def test_an_error_within_a_turn_waits_for_its_end() -> None:
    talk = Talk()
    assert talk.say("session.error", error={"data": {"message": "no"}}) == []
    assert talk.mapping.turn.error == "no"


def test_an_error_outside_a_turn_is_said() -> None:
    talk = Talk(in_turn=False)
    (event,) = talk.say("session.error", error={"name": "UnknownError"})
    assert (event.type, event.payload.message) == ("runtime.error", "UnknownError")
    assert talk.say("session.error", error={}) == []


def test_idle_reaches_the_turn() -> None:
    talk = Talk()
    talk.done()
    assert talk.say("session.status", status={"type": "busy"}) == []
    assert talk.say("session.idle") == []
    assert talk.mapping.turn.over


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("server.heartbeat", {"sessionID": None}),
        ("session.idle", {"sessionID": "ses_of_another"}),
        ("session.deleted", {}),
        ("message.removed", {}),
        ("message.updated", {"info": 7}),
        ("message.part.updated", {"part": None}),
    ],
)
def test_what_says_nothing_to_us_makes_nothing(kind: str, properties: dict[str, Any]) -> None:
    assert Talk().say(kind, **properties) == []


def test_mcp_servers_are_said() -> None:
    talk = Talk(in_turn=False)
    (event,) = talk.take(talk.mapping.mcp_status({"servers": []}))
    assert event.payload.status == {"servers": []}


def test_no_settings_are_no_event() -> None:
    assert Talk().mapping.configured({}) == []


def test_raw_events_are_attached_as_asked() -> None:
    talk = Talk("state")
    assert talk.part(text="", time=TIME) == []
    assert [e.raw is not None for e in talk.delta("x")] == [True, False]
    assert [e.raw is not None for e in talk.delta("y")] == [False]
    everything = Talk("all")
    everything.part(text="", time=TIME)
    everything.delta("x")
    (delta,) = everything.delta("y")
    assert delta.raw is not None
    assert delta.raw.message_type == "message.part.delta"
    assert delta.raw.source == "opencode.sdk.event"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ({"data": {"message": "a"}, "name": "b"}, "a"),
        ({"message": "c"}, "c"),
        ({"name": "d"}, "d"),
        ({}, None),
        ("e", None),
    ],
)
def test_the_words_of_an_error_are_found(error: Any, words: str | None) -> None:
    assert error_text(error) == words


def test_a_broken_permission_is_not_read() -> None:
    assert read_permission({"id": "per", "sessionID": 7}) is None


# History


def row(message_id: Any, role: str = "user", **info: Any) -> dict[str, Any]:
    return {"info": {"id": message_id, "role": role, **info}, "parts": []}


MESSAGES = [
    row("m0", "assistant"),
    row("m1"),
    row("m2", "assistant", parentID="m1"),
    row("m3"),
    row("m4", "assistant", parentID="m3"),
    row("m5", "assistant", parentID="m1"),
    row(None),
    7,
]


def test_messages_are_turns() -> None:
    turns = history.turns(history.kept(MESSAGES, None))
    assert [(t["id"], len(t["items"])) for t in turns] == [("m1", 2), ("m3", 3)]


def test_what_was_rolled_back_is_left_out() -> None:
    assert [t["id"] for t in history.turns(history.kept(MESSAGES, {"messageID": "m3"}))] == ["m1"]


def test_the_running_turn_is_what_answers_the_last_question() -> None:
    rows = history.running(history.kept(MESSAGES, None))
    assert [r["info"]["id"] for r in rows] == ["m4"]
    assert history.running([row("m0", "assistant")]) == []
