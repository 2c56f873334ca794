"""The session: what it is set to, which conversation it is, turns that begin by themselves."""

from typing import Any

import pytest

from tests.providers.claude.talk import Talk, types

INIT: dict[str, Any] = {
    "session_id": "s-1",
    "model": "sonnet",
    "permissionMode": "default",
    "mcp_servers": [],
    "slash_commands": ["compact"],
}


def test_a_new_session_is_ready_before_it_has_an_id() -> None:
    talk = Talk(in_turn=False)
    events = talk.take(talk.mapping.started({"commands": [{"name": "compact"}]}, None))
    assert types(events) == ["session.started", "session.configured", "session.state.changed"]
    assert events[1].payload.config == {"commands": [{"name": "compact"}]}
    assert events[0].payload.resume is None


def test_the_account_is_told() -> None:
    talk = Talk(in_turn=False)
    events = talk.take(talk.mapping.started({"account": {"email": "me@x.org"}}, None))
    assert [e.payload.account for e in events if e.type == "account.updated"] == [
        {"email": "me@x.org"}
    ]


def test_a_resumed_session_has_its_id_at_once() -> None:
    talk = Talk(in_turn=False)
    events = talk.take(talk.mapping.started({}, "s-1"))
    assert types(events) == ["session.started", "thread.started", "session.state.changed"]
    assert events[0].payload.resume == {"sessionId": "s-1"}


def test_the_first_turn_tells_what_the_session_is() -> None:
    talk = Talk()
    events = talk.system("init", **INIT)
    assert types(events) == ["thread.started", "session.configured"]
    assert events[0].payload.provider_thread_id == "s-1"
    assert events[1].payload.config["slashCommands"] == ["compact"]
    assert talk.mapping.session_id == "s-1"
    assert talk.system("init", **INIT) == []
    (changed,) = talk.system("init", **{**INIT, "model": "haiku"})
    assert changed.payload.config == {"model": "haiku"}


def test_a_turn_that_nobody_sent_begins_by_itself() -> None:
    talk = Talk(in_turn=False)
    events = talk.system("init", **INIT)
    assert types(events)[-2:] == ["turn.started", "session.state.changed"]
    assert events[-1].payload.state == "running"


def test_mcp_servers_are_told_when_they_change() -> None:
    talk = Talk()
    talk.system("init", **INIT)
    rows = [{"name": "a", "status": "connected"}, {"name": " "}, {"name": "b"}]
    (status,) = talk.system("init", **{**INIT, "mcp_servers": rows})
    assert status.payload.status == {
        "servers": [{"name": "a", "state": "connected"}, {"name": "b", "state": "unknown"}]
    }
    assert talk.system("init", **{**INIT, "mcp_servers": rows}) == []


def test_a_conversation_that_was_cleared_is_another() -> None:
    talk = Talk()
    (started,) = talk.said("conversation_reset", new_conversation_id="s-2")
    assert started.payload.provider_thread_id == "s-2"
    assert talk.mapping.session_id == "s-2"
    assert talk.said("conversation_reset") == []


def test_a_turn_says_the_model_that_is_in_force() -> None:
    talk = Talk()
    talk.system("init", **INIT)
    talk.end()
    (started, _) = talk.take(talk.mapping.begin_turn("next"))
    assert started.payload.model == "sonnet"


@pytest.mark.parametrize(("raw", "kept"), [("none", 0), ("state", 1), ("all", 1)])
def test_raw_messages_are_attached_as_asked(raw: str, kept: int) -> None:
    talk = Talk(raw)
    events = talk.call("Bash", command="ls")
    assert len([e for e in events if e.raw]) == kept
    if kept:
        assert events[0].raw is not None
        assert (events[0].raw.source, events[0].raw.message_type) == (
            "claude.sdk.message",
            "assistant",
        )


def test_deltas_carry_raw_messages_only_when_all_are_asked_for() -> None:
    for raw, kept in (("state", 0), ("all", 1)):
        talk = Talk(raw)
        delta = {"type": "text_delta", "text": "x"}
        talk.stream("content_block_delta", index=0, delta=delta)
        events = talk.stream("content_block_delta", index=0, delta=delta)
        assert len([e for e in events if e.raw]) == kept


def test_a_permission_is_raw_of_its_own_kind() -> None:
    talk = Talk("all")
    _, events = talk.ask(tool_use_id="t")
    assert events[0].raw is not None
    assert events[0].raw.source == "claude.sdk.permission"
    assert [e.raw.message_type for e in talk.end(result={"x": 1}) if e.raw] == ["result"]
