"""Permissions to requests, and answers by kind or by option id."""

from typing import Any

import pytest

from sidecar.core.conversation import OPEN_REQUESTS
from sidecar.providers.acp.mapping import (
    Choice,
)
from sidecar.providers.acp.mapping.permissions import (
    CANCELLED,
    Permission,
    granted_by_mode,
    usable_options,
)
from tests.providers.acp.talk import ALLOW, ALWAYS, NEVER, REJECT, Talk, output, types


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


@pytest.mark.parametrize(
    ("mode", "request_type", "granted"),
    [
        ("approval-required", "file_change_approval", False),
        ("auto", "file_change_approval", False),
        ("auto-accept-edits", "file_change_approval", True),
        ("auto-accept-edits", "command_execution_approval", False),
        ("full-access", "command_execution_approval", True),
        ("full-access", "file_read_approval", True),
    ],
)
def test_the_runtime_mode_grants_what_it_names(mode: Any, request_type: Any, granted: bool) -> None:
    assert granted_by_mode(mode, request_type) is granted


def test_an_option_without_a_kind_has_the_one_that_its_id_spells() -> None:
    talk = Talk()
    request_id, events = talk.ask({"optionId": "Allow-Once"}, {"optionId": "other"})
    opened = next(event for event in events if event.type == "request.opened")
    assert [option.decision for option in opened.payload.options] == ["accept", None]
    choice = talk.mapping.permissions[request_id].choose("accept")
    assert choice is not None
    assert choice.option_id == "Allow-Once"
