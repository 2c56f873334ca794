"""ACP messages to events: what agents do differently, and every branch of the mapping."""

from itertools import count
from typing import Any

import pytest

from sidecar.contract.events import Event
from sidecar.core.conversation import OPEN_REQUESTS, Conversation, Ending
from sidecar.core.drafts import Draft
from sidecar.providers.acp.mapping import (
    AcpMapping,
    Choice,
    calls,
    ending_of_error,
    ending_of_result,
)
from sidecar.providers.acp.mapping.content import block_text, only_text, paths
from sidecar.providers.acp.mapping.permissions import CANCELLED, Permission, usable_options
from sidecar.providers.acp.mapping.shapes import TITLE_CHARS, maps, text
from sidecar.providers.acp.mapping.shapes import count as whole_count
from sidecar.providers.acp.wire import RpcError
from tests.providers.balance import Balance
from tests.providers.context import strict

ALLOW = {"optionId": "yes-7", "name": "Sure", "kind": "allow_once"}
ALWAYS = {"optionId": "ever", "name": "Always", "kind": "allow_always"}
REJECT = {"optionId": "nope", "name": "No", "kind": "reject_once"}
NEVER = {"optionId": "never", "name": "Never", "kind": "reject_always"}


class Talk:
    """A mapping inside a turn; each call returns the strict events that it makes."""

    def __init__(self, raw: str = "none", *, in_turn: bool = True) -> None:
        ids = count(1)
        self.balance = Balance()
        self.mapping = AcpMapping(Conversation(), lambda kind: f"{kind}-{next(ids)}", raw)
        if in_turn:
            self.take(self.mapping.begin_turn("turn"))

    def take(self, drafts: list[Draft]) -> list[Event[Any]]:
        events = [strict(draft) for draft in drafts]
        for event in events:
            self.balance.apply(event)
        return events

    def update(self, update_kind: str, /, **fields: Any) -> list[Event[Any]]:
        update = {"sessionUpdate": update_kind, **fields}
        return self.take(self.mapping.update({"sessionId": "s", "update": update}))

    def say(self, words: str, kind: str = "agent_message_chunk", **fields: Any) -> list[Event[Any]]:
        return self.update(kind, content={"type": "text", "text": words}, **fields)

    def call(self, call_id: str = "c", **fields: Any) -> list[Event[Any]]:
        return self.update("tool_call", toolCallId=call_id, **fields)

    def advance(self, call_id: str = "c", **fields: Any) -> list[Event[Any]]:
        return self.update("tool_call_update", toolCallId=call_id, **fields)

    def ask(self, *options: Any, rpc_id: Any = 0, **call: Any) -> tuple[str, list[Event[Any]]]:
        params = {"sessionId": "s", "toolCall": call, "options": list(options)}
        request_id, drafts = self.mapping.ask(rpc_id, params)
        assert request_id is not None
        return request_id, self.take(drafts)

    def answer(self, request_id: str, choice: Choice) -> list[Event[Any]]:
        return self.take(self.mapping.answer(request_id, choice))

    def end(self, state: Any = "completed") -> list[Event[Any]]:
        return self.take(self.mapping.end_turn(Ending(state)))


def types(events: list[Event[Any]]) -> list[str]:
    return [event.type for event in events]


def output(words: str) -> list[dict[str, Any]]:
    return [{"type": "content", "content": {"type": "text", "text": words}}]


# Text


def test_chunks_of_one_speaker_stream_into_one_item() -> None:
    talk = Talk()
    assert types(talk.say("a")) == ["item.started", "content.delta"]
    (second,) = talk.say("b")
    assert (second.payload.stream_kind, second.payload.delta) == ("assistant_text", "b")


def test_a_change_of_speaker_ends_the_item() -> None:
    talk = Talk()
    talk.say("a", "agent_thought_chunk")
    events = talk.say("b")
    assert types(events) == ["item.completed", "item.started", "content.delta"]
    assert [e.payload.item_type for e in events[:2]] == ["reasoning", "assistant_message"]


def test_a_change_of_message_id_ends_the_item() -> None:
    talk = Talk()
    talk.say("a", messageId="m1")
    assert types(talk.say("b", messageId="m1")) == ["content.delta"]
    assert types(talk.say("c", messageId="m2"))[0] == "item.completed"


def test_a_tool_call_ends_the_text_before_it() -> None:
    talk = Talk()
    talk.say("a")
    assert types(talk.call(kind="read")) == ["item.completed", "item.started"]


def test_the_echo_of_the_users_words_says_nothing() -> None:
    assert Talk().say("hello", "user_message_chunk") == []


@pytest.mark.parametrize("content", [None, "text", {"type": "text", "text": ""}, {"type": "text"}])
def test_an_empty_chunk_says_nothing(content: Any) -> None:
    assert Talk().update("agent_message_chunk", content=content) == []


def test_an_emoji_cut_in_two_is_one_character() -> None:
    talk = Talk()
    assert types(talk.say("\ud83d")) == ["item.started"]
    (delta,) = talk.say("\ude00!")
    assert delta.payload.delta == "\U0001f600!"


def test_half_an_emoji_at_the_end_becomes_a_replacement_character() -> None:
    talk = Talk()
    talk.say("\ud83d")
    events = talk.end()
    assert events[0].payload.delta == "\ufffd"
    assert types(events)[1:3] == ["item.completed", "turn.completed"]


def test_a_picture_in_the_answer_becomes_data_of_its_item() -> None:
    picture = {"type": "image", "mimeType": "image/png", "data": "AA=="}
    events = Talk().update("agent_message_chunk", content=picture)
    assert types(events) == ["item.started", "item.updated"]
    assert events[1].payload.data == {"content": [picture]}


def test_cut_text_fails_with_its_turn() -> None:
    talk = Talk()
    talk.say("half a sen")
    assert talk.end("failed")[0].payload.status == "failed"


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"type": "text", "text": "a"}, "a"),
        ({"type": "resource", "resource": {"text": "b"}}, "b"),
        ({"type": "resource", "resource": {"blob": "b"}}, ""),
        ({"type": "resource_link", "uri": "file:///x", "name": "x"}, "[x](file:///x)"),
        ({"type": "resource_link", "uri": "file:///x"}, "[file:///x](file:///x)"),
        ({"type": "resource_link"}, ""),
        ({"type": "image"}, ""),
        ("text", ""),
    ],
)
def test_what_of_a_block_is_text(block: Any, words: str) -> None:
    assert block_text(block) == words


# Tools


@pytest.mark.parametrize(
    ("fields", "item_type"),
    [
        ({"kind": "execute"}, "command_execution"),
        ({"kind": "edit"}, "file_change"),
        ({"kind": "delete"}, "file_change"),
        ({"kind": "move"}, "file_change"),
        ({"kind": "fetch"}, "web_search"),
        ({"kind": "read"}, "dynamic_tool_call"),
        ({"kind": "search"}, "dynamic_tool_call"),
        ({"kind": 7}, "dynamic_tool_call"),
        ({}, "dynamic_tool_call"),
        ({"title": "mcp__github__search", "kind": "other"}, "mcp_tool_call"),
        ({"_meta": {"agent": {"toolName": "mcp__a__b"}}}, "mcp_tool_call"),
        ({"_meta": {"agent": 7}, "title": "list"}, "dynamic_tool_call"),
    ],
)
def test_the_kind_of_a_tool_decides_its_item_type(fields: Any, item_type: str) -> None:
    (started,) = Talk().call(**fields)
    assert started.payload.item_type == item_type


def test_a_call_runs_from_its_start_to_its_end() -> None:
    talk = Talk()
    (started,) = talk.call(
        title="Read a file",
        kind="read",
        status="pending",
        locations=[{"path": "/a"}, {"path": "/b", "line": 3}],
        rawInput={"path": "/a"},
    )
    assert started.payload.status == "inProgress"
    assert started.payload.title == "Read a file"
    assert started.payload.detail == "/a\n/b"
    assert started.payload.data["rawInput"] == {"path": "/a"}
    assert started.provider_refs is not None
    assert started.provider_refs.provider_item_id == "c"
    (updated,) = talk.advance(status="in_progress")
    assert (updated.type, updated.payload.title) == ("item.updated", "Read a file")
    (completed,) = talk.advance(status="completed", content=output("text"), rawOutput={"n": 1})
    assert completed.payload.status == "completed"
    assert completed.payload.data["content"] == output("text")
    assert completed.payload.data["rawOutput"] == {"n": 1}
    assert {e.item_id for e in (started, updated, completed)} == {started.item_id}


def test_an_update_for_an_unknown_call_starts_it() -> None:
    assert types(Talk().advance(kind="read", status="in_progress")) == ["item.started"]


def test_a_call_that_is_only_told_when_it_has_ended_is_started_and_ended() -> None:
    events = Talk().advance(kind="execute", status="failed", content=output("no\n"))
    assert types(events) == ["item.started", "content.delta", "item.completed"]
    assert events[2].payload.status == "failed"


def test_a_second_tool_call_message_updates_an_open_call() -> None:
    talk = Talk()
    talk.call(kind="read")
    assert types(talk.call(kind="read", title="Now known")) == ["item.updated"]


def test_an_id_that_is_used_again_is_a_new_item() -> None:
    talk = Talk()
    (first,) = talk.call(kind="read")
    talk.advance(status="completed")
    (second,) = talk.call(kind="read")
    assert first.item_id != second.item_id


def test_an_id_that_is_used_again_in_the_next_turn_is_a_new_item() -> None:
    talk = Talk()
    (first,) = talk.call(kind="read")
    talk.end()
    talk.take(talk.mapping.begin_turn("next"))
    (second,) = talk.call(kind="read")
    assert (second.type, second.turn_id) == ("item.started", "next")
    assert first.item_id != second.item_id


def test_what_is_said_of_a_call_after_its_end_is_dropped() -> None:
    talk = Talk()
    talk.call(kind="read")
    talk.advance(status="completed")
    assert talk.advance(status="in_progress", title="late") == []


def test_what_is_said_of_a_call_after_its_turn_is_dropped() -> None:
    talk = Talk()
    talk.call(kind="read")
    talk.end()
    assert talk.advance(status="completed") == []


@pytest.mark.parametrize("call_id", [None, "", 7])
def test_a_call_without_an_id_says_nothing(call_id: Any) -> None:
    assert Talk().update("tool_call", toolCallId=call_id, kind="read") == []


@pytest.mark.parametrize(
    ("command", "shown"),
    [("ls -l", "ls -l"), (["ls", "-l"], "ls -l"), (7, None), ("  ", None)],
)
def test_the_command_is_the_detail(command: Any, shown: str | None) -> None:
    (started,) = Talk().call(kind="execute", rawInput={"command": command})
    assert started.payload.detail == shown
    assert started.payload.data.get("command") == shown


def test_the_growing_output_of_a_command_streams_as_deltas() -> None:
    talk = Talk()
    talk.call(kind="execute", status="pending", content=output("a description"))
    events = talk.advance(status="in_progress", content=output("one\n"))
    assert types(events) == ["content.delta"]
    assert events[0].payload.stream_kind == "command_output"
    (delta,) = talk.advance(status="in_progress", content=output("one\ntwo\n"))
    assert delta.payload.delta == "two\n"
    assert talk.advance(status="in_progress", content=output("one\ntwo\n")) == []
    last, completed = talk.advance(status="completed", content=output("one\ntwo\nend"))
    assert last.payload.delta == "end"
    assert "content" not in completed.payload.data, "it was streamed"


@pytest.mark.parametrize("second", ["two\n", "o", "ONE\ntwo"])
def test_output_that_does_not_grow_becomes_data(second: str) -> None:
    talk = Talk()
    talk.call(kind="execute")
    talk.advance(status="in_progress", content=output("one\n"))
    (completed,) = talk.advance(status="completed", content=output(second))
    assert completed.payload.data["content"] == output(second)


def test_output_beside_other_news_comes_with_an_update() -> None:
    talk = Talk()
    talk.call(kind="execute")
    events = talk.advance(status="in_progress", title="Running", content=output("x"))
    assert types(events) == ["item.updated", "content.delta"]
    assert "content" not in events[0].payload.data


def test_an_emoji_cut_in_growing_output_is_joined() -> None:
    talk = Talk()
    talk.call(kind="execute")
    assert talk.advance(status="in_progress", content=output("a\ud83d"))[0].payload.delta == "a"
    (delta,) = talk.advance(status="in_progress", content=output("a\ud83d\ude00"))
    assert delta.payload.delta == "\U0001f600"


@pytest.mark.parametrize("how", ["call", "turn"])
def test_half_an_emoji_at_the_end_of_output_is_shown_as_lost(how: str) -> None:
    talk = Talk()
    talk.call("done", kind="execute")
    talk.advance("done", status="completed")
    talk.call(kind="execute")
    talk.advance(status="in_progress", content=output("a\ud83d"))
    events = talk.end() if how == "turn" else talk.advance(status="completed")
    assert events[0].payload.delta == "\ufffd"
    assert types(events)[1] == "item.completed"


def test_a_diff_is_data_of_the_file_change() -> None:
    diff = {"type": "diff", "path": "/a", "oldText": None, "newText": "x"}
    (started,) = Talk().call(kind="edit", status="in_progress", content=[diff])
    assert started.payload.data["content"] == [diff]
    assert started.payload.detail == "/a"


def test_only_text_content_is_streamable() -> None:
    assert only_text(output("x"))
    assert not only_text([{"type": "diff"}])
    assert not only_text([{"type": "content", "content": {"type": "image"}}])
    assert not only_text(None)


def test_paths_are_told_once() -> None:
    update = {
        "locations": [{"path": "/a"}, {"path": 7}],
        "content": [{"path": "/a"}, {"path": "/b"}],
    }
    assert paths(update) == ["/a", "/b"]


def test_the_memory_of_calls_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "TOOLS", 2)
    talk = Talk()
    for name in ("a", "b", "c"):
        talk.call(name, kind="read")
        talk.advance(name, status="completed")
    assert talk.advance("c", status="completed") == []
    assert types(talk.advance("a", status="completed")) == ["item.started", "item.completed"]


# Permissions


@pytest.mark.parametrize(
    ("kind", "request_type"),
    [
        ("execute", "command_execution_approval"),
        ("edit", "file_change_approval"),
        ("delete", "file_change_approval"),
        ("move", "file_change_approval"),
        ("read", "file_read_approval"),
        ("search", "file_read_approval"),
        ("fetch", "dynamic_tool_call"),
        (None, "dynamic_tool_call"),
    ],
)
def test_the_kind_of_the_tool_decides_the_request_type(kind: Any, request_type: str) -> None:
    _, events = Talk().ask(ALLOW, toolCallId="c", kind=kind)
    opened = next(e for e in events if e.type == "request.opened")
    assert opened.payload.request_type == request_type


def test_a_permission_before_its_tool_call_starts_the_item() -> None:
    talk = Talk()
    request_id, events = talk.ask(ALLOW, REJECT, toolCallId="c", kind="execute", title="rm x")
    assert types(events) == ["item.started", "request.opened", "session.state.changed"]
    assert events[1].item_id == events[0].item_id
    assert events[1].payload.detail == "rm x"
    assert events[2].payload.state == "waiting"
    talk.answer(request_id, Choice("yes-7", "accept"))
    assert types(talk.call(kind="execute", status="in_progress")) == ["item.updated"]


def test_a_permission_after_its_tool_call_holds_that_item_up() -> None:
    talk = Talk()
    (started,) = talk.call(kind="edit", status="pending")
    _, events = talk.ask(ALLOW, toolCallId="c", rawInput={"command": "patch"})
    assert types(events) == ["request.opened", "session.state.changed"]
    assert events[0].item_id == started.item_id
    assert events[0].payload.request_type == "file_change_approval", "the kind is of the call"
    assert events[0].payload.detail == "patch"


def test_a_permission_without_a_tool_call_has_an_item_all_the_same() -> None:
    talk = Talk()
    request_id, events = talk.ask(ALLOW)
    assert types(events)[:2] == ["item.started", "request.opened"]
    assert "request.resolved" in types(talk.answer(request_id, CANCELLED))


def test_the_content_of_a_permission_is_its_detail_and_no_output() -> None:
    talk = Talk()
    _, events = talk.ask(ALLOW, toolCallId="c", kind="execute", content=output("will run ls"))
    assert "content.delta" not in types(events)
    assert next(e for e in events if e.type == "request.opened").payload.detail == "will run ls"


def test_a_permission_for_a_call_that_had_ended_starts_a_new_item() -> None:
    talk = Talk()
    (first,) = talk.call(kind="execute")
    talk.advance(status="completed")
    _, events = talk.ask(ALLOW, toolCallId="c", kind="execute")
    assert events[0].type == "item.started"
    assert events[0].item_id != first.item_id


def test_declining_ends_the_item_and_a_late_word_about_it_is_dropped() -> None:
    talk = Talk()
    request_id, _ = talk.ask(ALLOW, REJECT, toolCallId="c", kind="execute")
    events = talk.answer(request_id, Choice("nope", "decline"))
    assert types(events) == ["request.resolved", "item.completed", "session.state.changed"]
    assert events[0].payload.resolution == {"outcome": "selected", "optionId": "nope"}
    assert events[1].payload.status == "declined"
    assert talk.advance(status="failed", content=output("declined")) == []


def test_options_are_shown_with_what_they_decide() -> None:
    strange = {"optionId": "odd", "kind": "ask_mother", "name": " "}
    _, events = Talk().ask(ALLOW, ALWAYS, REJECT, NEVER, strange, {"name": "no id"}, "no map")
    options = next(e for e in events if e.type == "request.opened").payload.options
    assert [(o.option_id, o.decision) for o in options] == [
        ("yes-7", "accept"),
        ("ever", "acceptForSession"),
        ("nope", "decline"),
        ("never", "decline"),
        ("odd", None),
    ]
    assert options[4].name is None


@pytest.mark.parametrize(
    ("offered", "decision", "option_id"),
    [
        ((ALWAYS, ALLOW, REJECT), "accept", "yes-7"),
        ((ALWAYS, REJECT), "accept", "ever"),
        ((ALLOW, ALWAYS), "acceptForSession", "ever"),
        ((ALLOW,), "acceptForSession", "yes-7"),
        ((NEVER, REJECT), "decline", "nope"),
        ((ALLOW, NEVER), "decline", "never"),
        ((ALLOW,), "decline", None),
        ((ALLOW, REJECT), "cancel", None),
    ],
)
def test_a_decision_selects_an_option_by_kind(
    offered: Any, decision: Any, option_id: str | None
) -> None:
    choice = Permission(0, "unknown", usable_options(list(offered))).choose(decision)
    assert choice == Choice(option_id, decision)
    if option_id is None:
        assert choice.outcome() == {"outcome": {"outcome": "cancelled"}}
    else:
        assert choice.outcome() == {"outcome": {"outcome": "selected", "optionId": option_id}}


def test_an_acceptance_that_is_not_offered_is_no_choice() -> None:
    assert Permission(0, "unknown", (REJECT,)).choose("accept") is None


def test_an_option_id_is_taken_verbatim_and_tells_the_decision() -> None:
    permission = Permission(0, "unknown", (ALLOW, {"optionId": "odd", "kind": "ask_mother"}))
    assert permission.choose("decline", "yes-7") == Choice("yes-7", "accept")
    assert permission.choose("decline", "odd") == Choice("odd", "decline")
    assert permission.choose("accept", "unknown") is None


def test_one_permission_too_many_is_not_opened() -> None:
    talk = Talk()
    for number in range(OPEN_REQUESTS):
        talk.ask(ALLOW, toolCallId=f"c{number}")
    request_id, drafts = talk.mapping.ask("x", {"toolCall": {"toolCallId": "more"}})
    talk.take(drafts)
    assert request_id is None
    assert len(talk.mapping.permissions) == OPEN_REQUESTS


def test_the_end_of_a_turn_resolves_what_was_asked_in_it() -> None:
    talk = Talk()
    talk.ask(ALLOW, toolCallId="c")
    assert "request.resolved" in types(talk.end())
    assert talk.mapping.permissions == {}


# Plans, usage, settings


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


# The end of a turn


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


# Raw, shapes


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
