"""Permissions and questions: opened once, answered once, granted for one session alone."""

from typing import Any

import pytest

from sidecar.core.conversation import parts
from sidecar.providers.opencode.mapping import permissions
from sidecar.providers.opencode.mapping.permissions import (
    Answer,
    Grants,
    Permission,
    granted_by_mode,
    read_permission,
)
from sidecar.providers.opencode.mapping.questions import read_questions
from tests.providers.opencode.talk import CHILD, Talk, types

ASKED: dict[str, Any] = {
    "id": "per_1",
    "permission": "bash",
    "patterns": ["ls -l"],
    "metadata": {"command": "ls -l"},
    "always": ["ls *"],
    "tool": {"messageID": "msg_a", "callID": "call_prt_t"},
}
QUESTION: dict[str, Any] = {
    "id": "que_1",
    "questions": [
        {
            "question": "Which?",
            "header": "Pick",
            "multiple": True,
            "options": [{"label": "A", "description": "a"}, {"label": "B"}, {"label": " "}, 7],
        },
        {"question": "And why is that so, if one may ask?", "options": []},
    ],
}


def asking(talk: Talk) -> str:
    """Have the talk open ASKED; return our request id."""
    opened = talk.say("permission.asked", **ASKED)[0]
    assert opened.request_id is not None
    return opened.request_id


def permission(name: str = "bash", *patterns: str, always: tuple[str, ...] = ()) -> Permission:
    return Permission("per", "ses", name, "unknown", patterns, always)


# Permissions


def test_a_permission_holds_up_the_item_of_its_call() -> None:
    talk = Talk()
    (item,) = talk.tool("running", input={"command": "ls -l"})
    opened, state = talk.say("permission.asked", **ASKED)
    assert opened.type == "request.opened"
    assert opened.item_id == item.item_id
    assert opened.payload.request_type == "command_execution_approval"
    assert opened.payload.detail == "ls -l"
    assert [o.decision for o in opened.payload.options] == [
        "accept",
        "acceptForSession",
        "decline",
    ]
    assert state.payload.state == "waiting"
    assert talk.say("permission.asked", **ASKED) == []


def test_a_declined_call_is_declined() -> None:
    talk = Talk()
    talk.tool("running", input={"command": "ls -l"})
    request_id = asking(talk)
    events = talk.take(talk.mapping.asking.answer(request_id, Answer("decline")))
    assert types(events)[:2] == ["request.resolved", "item.completed"]
    assert events[0].payload.resolution == {"reply": "reject"}
    assert events[1].payload.status == "declined"
    assert talk.take(talk.mapping.asking.answer(request_id, Answer("accept"))) == []


@pytest.mark.parametrize(
    ("reply", "decision"),
    [("once", "accept"), ("always", "acceptForSession"), ("reject", "decline"), (7, "cancel")],
)
def test_what_another_client_answers_is_said(reply: Any, decision: str) -> None:
    talk = Talk()
    asking(talk)
    resolved = talk.say("permission.replied", requestID="per_1", reply=reply)[0]
    assert resolved.payload.decision == decision


@pytest.mark.parametrize(
    "said",
    [
        ("permission.replied", {"requestID": "per_2", "reply": "once"}),
        ("permission.replied", {}),
        ("permission.updated", {"requestID": "per_1"}),
        ("question.replied", {"requestID": "per_1"}),
        ("permission.asked", {"id": None}),
        ("permission.asked", {"id": ""}),
    ],
)
def test_strange_words_about_permissions_make_nothing(said: tuple[str, dict[str, Any]]) -> None:
    talk = Talk()
    asking(talk)
    assert talk.say(said[0], **said[1]) == []


def test_a_permission_of_a_sub_agent_says_whose_it_is() -> None:
    talk = Talk()
    talk.child()
    opened = talk.say("permission.asked", **{**ASKED, "sessionID": CHILD})[0]
    assert opened.payload.args["agentId"] == CHILD


def test_another_clients_turn_asks_nothing_here() -> None:
    talk = Talk(in_turn=False)
    assert talk.say("permission.asked", **ASKED) == []
    assert talk.say("question.asked", **QUESTION) == []


def test_what_cannot_be_opened_is_left_to_be_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "OPEN_REQUESTS", 0)
    talk = Talk()
    assert talk.say("permission.asked", **ASKED) == []
    assert talk.say("question.asked", **QUESTION) == []
    assert len(talk.mapping.asking.unopened) == 2


def test_the_end_of_a_turn_resolves_what_is_open() -> None:
    talk = Talk()
    asking(talk)
    talk.say("question.asked", **QUESTION)
    assert {"request.resolved", "user-input.resolved"} <= set(types(talk.end("interrupted")))
    assert not talk.mapping.asking.permissions
    assert not talk.mapping.asking.questions


def test_what_the_server_waits_for_no_more_is_resolved() -> None:
    talk = Talk()
    asking(talk)
    talk.say("question.asked", **QUESTION)
    assert talk.take(talk.mapping.asking.gone({"per_1", "que_1"})) == []
    events = talk.take(talk.mapping.asking.gone(set()))
    assert types(events)[:2] == ["request.resolved", "user-input.resolved"]
    assert events[0].payload.decision == "cancel"


def test_details_come_from_wherever_they_stand() -> None:
    talk = Talk()
    edit = {"id": "per_2", "permission": "edit", "metadata": {"filepath": "/a", "diff": "+x"}}
    opened = talk.say("permission.asked", **edit)[0].payload
    assert (opened.request_type, opened.detail) == ("file_change_approval", "/a")
    odd = {"id": "per_3", "permission": " ", "patterns": ["p", "q"], "metadata": 7}
    opened = talk.say("permission.asked", **odd)[0].payload
    assert (opened.request_type, opened.detail) == ("dynamic_tool_call", "p\nq")


def test_an_answer_is_chosen_by_decision_or_option() -> None:
    asked = permission()
    assert asked.choose("cancel") == Answer("cancel")
    assert asked.choose("accept", "always") == Answer("acceptForSession")
    assert asked.choose("accept", "never") is None
    assert Answer("acceptForSession").body() == {"reply": "once"}
    assert Answer("cancel", "why").body() == {"reply": "reject", "message": "why"}


@pytest.mark.parametrize(
    ("mode", "kind", "granted"),
    [
        ("full-access", "command_execution_approval", True),
        ("auto-accept-edits", "file_change_approval", True),
        ("auto-accept-edits", "command_execution_approval", False),
        ("approval-required", "file_change_approval", False),
        ("auto", "file_change_approval", False),
    ],
)
def test_modes_grant_what_they_say(mode: Any, kind: Any, granted: bool) -> None:
    assert granted_by_mode(mode, kind) is granted


# Grants


@pytest.mark.parametrize(
    ("granted", "wanted", "covered"),
    [
        ("ls *", "ls", True),
        ("ls *", "ls -l\n/x", True),
        ("ls *", "lsof", False),
        ("ls", "ls -l", False),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("***x", "..x", True),
        ("src/*.py", "src/a/b.py", True),
        ("a.c", "abc", False),
    ],
)
def test_grants_cover_as_opencodes_wildcards_do(granted: str, wanted: str, covered: bool) -> None:
    grants = Grants()
    grants.add(permission(always=(granted,)))
    assert grants.cover(permission("bash", wanted)) is covered
    assert not grants.cover(permission("edit", wanted))


def test_every_pattern_must_be_granted() -> None:
    grants = Grants()
    grants.add(permission("bash", "ls"))
    assert grants.cover(permission("bash", "ls"))
    assert not grants.cover(permission("bash", "ls", "rm -rf /"))
    assert not grants.cover(permission("bash"))


def test_grants_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(permissions, "GRANTS", 1)
    grants = Grants()
    grants.add(permission("bash", "a", "b"))
    assert not grants.cover(permission("bash", "a"))
    assert grants.cover(permission("bash", "b"))


def test_a_grant_for_the_session_is_remembered() -> None:
    talk = Talk()
    request_id = asking(talk)
    talk.take(talk.mapping.asking.answer(request_id, Answer("acceptForSession")))
    assert talk.mapping.asking.grants.cover(permission("bash", "ls /"))


@pytest.mark.parametrize("patterns", ["ls", [7], ["x" * 20_000], ["x"] * 65])
def test_patterns_that_cannot_be_read_whole_are_covered_by_nothing(patterns: Any) -> None:
    read = read_permission({**ASKED, "sessionID": "s", "patterns": patterns})
    assert read is not None
    assert read.patterns == ()


# Questions


def test_questions_are_asked_and_answered_in_order() -> None:
    talk = Talk()
    opened = talk.say("question.asked", **QUESTION)[0]
    first, second = opened.payload.questions
    assert [(o.label, o.description) for o in first.options] == [("A", "a"), ("B", "B")]
    assert first.multi_select is True
    assert second.multi_select is None
    assert second.header == "And why is that so, if one ma…"
    assert talk.say("question.asked", **QUESTION) == []
    (asked,) = talk.mapping.asking.questions.values()
    assert asked.answers({"0": ["A", "B"], second.question: "because"}) == [
        ["A", "B"],
        ["because"],
    ]
    assert asked.answers({}) == [[], []]


def test_what_another_client_answers_to_questions_is_said() -> None:
    talk = Talk()
    talk.say("question.asked", **QUESTION)
    resolved = talk.say("question.replied", requestID="que_1", answers=[["A", " "], 7])[0]
    assert resolved.payload.answers == {"0": ["A"]}


def test_questions_beside_others_are_told_apart() -> None:
    talk = Talk()
    asking(talk)
    talk.say("question.asked", **QUESTION)
    talk.say("question.asked", **{**QUESTION, "id": "que_2"})
    first, second = talk.mapping.asking.questions
    assert talk.say("question.rejected", requestID="que_2")[0].request_id == second
    assert list(talk.mapping.asking.questions) == [first]


def test_rejected_questions_have_no_answers() -> None:
    talk = Talk()
    talk.say("question.asked", **QUESTION)
    assert talk.say("question.rejected", requestID="que_1")[0].payload.answers == {}


@pytest.mark.parametrize(
    "broken",
    [
        {"questions": []},
        {"questions": "?"},
        {"questions": [{"question": "x"}] * 33},
        {"id": 7},
        {"sessionID": None},
    ],
)
def test_broken_questions_are_not_asked(broken: dict[str, Any]) -> None:
    assert read_questions({**QUESTION, "sessionID": "s", **broken}) is None
    assert Talk().mapping.asking.event("question.asked", {**QUESTION, **broken}, None) == []  # type: ignore[arg-type] # not looked at


def test_a_blank_question_keeps_its_place() -> None:
    asked = read_questions({"id": "q", "sessionID": "s", "questions": [{"question": " "}]})
    assert asked is not None
    assert (asked.questions[0].question, asked.questions[0].header) == ("?", "?")
