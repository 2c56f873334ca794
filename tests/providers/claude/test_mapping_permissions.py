"""Permissions and questions: what is asked, what an answer means to Claude, what is remembered."""

from typing import Any

import pytest

from sidecar.contract.vocabulary import RuntimeMode
from sidecar.providers.claude.mapping import Choice, Grants, answered, permissions
from sidecar.providers.claude.mapping.permissions import Permission, permission_of
from tests.providers.claude.talk import Talk, types

RULE = {"type": "addRules", "rules": [{"toolName": "Bash", "ruleContent": "ls *"}]}
FOLDER = {"type": "addDirectories", "directories": ["/a", 7], "destination": "session"}
MODE = {"type": "setMode", "mode": "acceptEdits", "destination": "session"}
QUESTION = {
    "question": "Which?",
    "header": "Colour",
    "multiSelect": True,
    "options": [{"label": "red", "description": "warm"}, {"label": "blue"}, {"x": 1}],
}


def permission(name: str = "Bash", *suggestions: Any, **input_: Any) -> Permission:
    request = {"tool_name": name, "input": input_, "permission_suggestions": list(suggestions)}
    return permission_of("c", request)


@pytest.mark.parametrize(
    ("name", "request_type"),
    [
        ("Bash", "command_execution_approval"),
        ("Write", "file_change_approval"),
        ("Read", "file_read_approval"),
        ("WebFetch", "dynamic_tool_call"),
        ("mcp__a__b", "dynamic_tool_call"),
    ],
)
def test_the_tool_decides_what_is_asked_for(name: str, request_type: str) -> None:
    _, events = Talk().ask(name, tool_use_id="t")
    (opened,) = [e for e in events if e.type == "request.opened"]
    assert opened.payload.request_type == request_type


def test_a_request_says_what_is_known_of_its_call() -> None:
    talk = Talk()
    talk.call("Bash", "t", command="ls")
    _, (opened, _) = talk.ask(
        tool_use_id="t",
        input={"command": "ls"},
        description="list",
        decision_reason="risky",
        permission_suggestions=[RULE, 7],
    )
    assert opened.payload.detail == "ls"
    assert opened.payload.args["reason"] == "risky"
    assert opened.payload.args["suggestions"] == [RULE]
    assert opened.item_id is not None
    names = [(o.option_id, o.decision) for o in opened.payload.options]
    assert names == [
        ("allow", "accept"),
        ("allow_session", "acceptForSession"),
        ("suggestion_0", "acceptForSession"),
        ("deny", "decline"),
    ]


def test_a_request_without_an_input_shows_its_description() -> None:
    _, events = Talk().ask("mcp__a__b", description="do it")
    assert [e.payload.detail for e in events if e.type == "request.opened"] == ["do it"]


def test_suggestions_are_named_for_people() -> None:
    rules = {"type": "addRules", "rules": [{"toolName": "Read"}, {}]}
    offered = permission("Bash", RULE, FOLDER, MODE, rules, {}).offered()
    assert [option.name for option in offered[2:-1]] == [
        "Allow Bash(ls *) for this session",
        "Allow work in /a for this session",
        "Go over to mode acceptEdits for this session",
        "Allow Read, ? for this session",
        "Allow this for this session",
    ]
    named = permission("Bash", {"type": "addDirectories"}).offered()[2].name
    assert named == "Allow work in  for this session"


def test_accepting_gives_the_input_back() -> None:
    choice = permission(command="ls").choose("accept")
    assert choice is not None
    assert choice.result == {"behavior": "allow", "updatedInput": {"command": "ls"}}


@pytest.mark.parametrize(
    ("suggestions", "taken"),
    [([MODE, FOLDER, RULE], [RULE]), ([MODE, FOLDER], [FOLDER]), ([MODE], [MODE]), ([], None)],
)
def test_accepting_for_the_session_widens_least(suggestions: Any, taken: Any) -> None:
    choice = permission("Bash", *suggestions).choose("acceptForSession")
    assert choice is not None
    assert choice.remember
    expected = [{**u, "destination": "session"} for u in taken] if taken else None
    assert choice.result.get("updatedPermissions") == expected
    assert ("updatedPermissions" in choice.resolution()) is (expected is not None)


@pytest.mark.parametrize(("decision", "stops"), [("decline", None), ("cancel", True)])
def test_declining_denies_and_cancelling_stops_the_turn(decision: Any, stops: Any) -> None:
    choice = permission().choose(decision)
    assert choice is not None
    assert choice.result["behavior"] == "deny"
    assert choice.result["message"]
    assert choice.result.get("interrupt") is stops


@pytest.mark.parametrize(
    ("option_id", "decision"),
    [
        ("allow", "accept"),
        ("allow_session", "acceptForSession"),
        ("deny", "decline"),
        ("suggestion_1", "acceptForSession"),
        ("suggestion_7", None),
        ("other", None),
    ],
)
def test_an_option_decides_by_its_id(option_id: str, decision: Any) -> None:
    choice = permission("Bash", RULE, MODE).choose("decline", option_id)
    assert (choice.decision if choice else None) == decision
    if choice is not None:
        assert choice.resolution()["optionId"] == option_id
    if option_id == "suggestion_1":
        assert choice is not None
        assert choice.result["updatedPermissions"] == [MODE]


def test_a_declined_item_is_declined_and_its_result_changes_nothing() -> None:
    talk = Talk()
    talk.call("Bash", "t", command="ls")
    request_id, _ = talk.ask(tool_use_id="t", input={"command": "ls"})
    choice = talk.mapping.permissions[request_id].choose("decline")
    assert choice is not None
    events = talk.answer(request_id, choice)
    assert types(events)[:2] == ["request.resolved", "item.completed"]
    assert events[1].payload.status == "declined"
    assert talk.result("t", is_error=True) == []


@pytest.mark.parametrize(
    ("name", "mode", "granted"),
    [
        ("Bash", "full-access", True),
        ("ExitPlanMode", "full-access", False),
        ("AskUserQuestion", "full-access", False),
        ("Bash", "auto", False),
        ("Write", "auto-accept-edits", False),
        ("Bash", "approval-required", False),
    ],
)
def test_what_a_mode_grants(name: str, mode: RuntimeMode, granted: bool) -> None:
    assert Grants().covers(permission(name), mode) is granted


def test_the_same_call_is_remembered_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(permissions, "GRANTS", 2)
    grants = Grants()
    grants.remember(permission(command="ls"))
    assert grants.covers(permission(command="ls", description="again"), "approval-required")
    assert not grants.covers(permission(command="rm"), "approval-required")
    grants.remember(permission("mcp__a__b", x=1, y=[2]))
    assert grants.covers(permission("mcp__a__b", y=[2], x=1), "approval-required")
    assert not grants.covers(permission("mcp__a__b", x=2), "approval-required")
    grants.remember(permission("Write", file_path="/a"))
    assert not grants.covers(permission(command="ls"), "approval-required")


@pytest.mark.parametrize(
    ("tool", "accepted", "other", "same"),
    [
        ("Bash", {"command": "x"}, {"command": "x", "timeout": 9}, True),
        ("Bash", {"command": "x"}, {"command": "x", "dangerouslyDisableSandbox": True}, False),
        ("Edit", {"file_path": "/a", "new_string": "1"}, {"file_path": "/a"}, True),
        ("NotebookEdit", {"notebook_path": "/a"}, {"notebook_path": "/b"}, False),
        ("WebFetch", {"url": "u", "prompt": "p"}, {"url": "u", "prompt": "q"}, True),
        ("mcp__web__call", {"url": "u"}, {"url": "u", "method": "DELETE"}, False),
        ("mcp__db__run", {"command": "get"}, {"command": "get", "table": "all"}, False),
        ("Bash", {}, {"timeout": 9}, False),
    ],
)
def test_what_is_the_same_call_depends_on_the_tool(
    tool: str, accepted: dict[str, Any], other: dict[str, Any], same: bool
) -> None:
    grants = Grants()
    grants.remember(permission(tool, **accepted))
    assert grants.covers(permission(tool, **other), "approval-required") is same


def test_what_is_granted_is_told_and_not_asked() -> None:
    talk = Talk()
    request = {"tool_name": "Bash", "tool_use_id": "t", "input": {"command": "ls"}}
    (started,) = talk.take(talk.mapping.granted(request))
    assert (started.type, started.payload.detail) == ("item.started", "ls")
    assert talk.mapping.granted({"tool_name": "Bash"}) == []


def test_a_plan_is_proposed_and_asked_about() -> None:
    talk = Talk()
    request_id, events = talk.ask("ExitPlanMode", tool_use_id="t", input={"plan": "# Plan"})
    assert types(events)[1:3] == ["turn.proposed.completed", "request.opened"]
    assert events[1].payload.plan_markdown == "# Plan"
    offered = [o.option_id for o in talk.mapping.permissions[request_id].offered()]
    assert offered == ["allow", "deny"]
    done = talk.result("t", content="approved")
    assert done[-1].payload.detail is None
    assert types(talk.ask("ExitPlanMode", "d")[1])[1] == "request.opened"


def test_questions_are_asked_and_answered() -> None:
    talk = Talk()
    request_id, events = talk.ask(
        "AskUserQuestion", tool_use_id="t", input={"questions": [QUESTION]}
    )
    (asked,) = [e for e in events if e.type == "user-input.requested"]
    (question,) = asked.payload.questions
    assert (question.id, question.header, question.multi_select) == ("q1", "Colour", True)
    assert [(o.label, o.description) for o in question.options] == [
        ("red", "warm"),
        ("blue", "blue"),
    ]
    (resolved, _) = talk.take(talk.mapping.answer_questions(request_id, {"q1": ["red", "blue"]}))
    assert resolved.payload.answers == {"q1": ["red", "blue"]}
    assert talk.mapping.permissions == {}


def test_answers_are_given_back_by_the_questions_text() -> None:
    input_ = {"questions": [QUESTION, QUESTION, {"question": "Why?"}, {"question": " "}, 7]}
    given = answered(input_, {"q1": ["red", "blue"], "Why?": "so"})
    assert given["answers"] == {"Which?": "red, blue", "Why?": "so"}
    assert given["questions"] == input_["questions"]
    assert answered(input_, {"q2": []})["answers"] == {}


def test_a_call_without_questions_asks_nobody() -> None:
    talk = Talk()
    request_id, drafts = talk.mapping.ask("c", {"tool_name": "AskUserQuestion", "input": {}})
    assert request_id is None
    assert types(talk.take(drafts)) == ["item.started"]


def test_what_claude_no_longer_waits_for_is_resolved() -> None:
    talk = Talk()
    talk.ask(control_id="one", tool_use_id="a")
    talk.ask("AskUserQuestion", "two", tool_use_id="b", input={"questions": [QUESTION]})
    (questions,) = talk.take(talk.mapping.withdraw("two"))
    assert (questions.type, questions.payload.answers) == ("user-input.resolved", {})
    resolved = talk.take(talk.mapping.withdraw("one"))[0]
    assert resolved.payload.decision == "cancel"
    assert resolved.payload.resolution == {"reason": "withdrawn"}
    assert talk.mapping.withdraw("three") == []


def test_what_is_open_at_the_end_of_its_turn_is_forgotten() -> None:
    talk = Talk()
    request_id, _ = talk.ask(tool_use_id="a")
    assert "request.resolved" in types(talk.end("interrupted"))
    assert talk.mapping.permissions == {}
    assert talk.answer(request_id, Choice({}, "accept")) == []
    assert talk.balance.closed()


def test_what_waits_in_the_background_outlives_the_turn() -> None:
    talk = Talk()
    talk.call("Agent", "tool")
    talk.system("task_started", task_id="t", tool_use_id="tool", is_backgrounded=True)
    request_id, _ = talk.ask(tool_use_id="a", agent_id="t")
    talk.end()
    assert request_id in talk.mapping.permissions
