"""What Codex asks: each kind in our words, and each decision in Codex's."""

from typing import Any

import pytest

from sidecar.core.conversation import OPEN_REQUESTS
from sidecar.providers.codex.mapping.requests import (
    COMMAND,
    ELICITATION,
    FILE_CHANGE,
    LEGACY_EXEC,
    LEGACY_PATCH,
    PERMISSIONS,
    TOKENS,
    TOOL_CALL,
    USER_INPUT,
    asked,
    granted_by_mode,
)
from tests.providers.codex.talk import CHILD, TURN, Talk, only, types

AMENDMENT = {"acceptWithExecpolicyAmendment": {"execpolicy_amendment": ["ls"]}}
DENY_HOST = {"applyNetworkPolicyAmendment": {"network_policy_amendment": {"action": "deny"}}}
ALLOW_HOST = {"applyNetworkPolicyAmendment": {"network_policy_amendment": {"action": "allow"}}}


def decided(method: str, decision: Any, option: str | None = None, **params: Any) -> Any:
    found = asked(0, method, params)
    assert found is not None
    return found.decide(decision, option)


@pytest.mark.parametrize("method", [COMMAND, FILE_CHANGE])
@pytest.mark.parametrize("decision", ["accept", "acceptForSession", "decline", "cancel"])
def test_an_approval_has_our_words(method: str, decision: str) -> None:
    assert decided(method, decision) == {"decision": decision}


@pytest.mark.parametrize("method", [LEGACY_PATCH, LEGACY_EXEC])
def test_an_older_approval_has_older_words(method: str) -> None:
    assert decided(method, "accept") == {"decision": "approved"}
    assert decided(method, "acceptForSession") == {"decision": "approved_for_session"}
    assert decided(method, "cancel") == {"decision": "abort"}
    assert "denied" in decided(method, "decline")["decision"]


def test_what_codex_offers_is_offered_and_goes_back_verbatim() -> None:
    offered = ["accept", AMENDMENT, DENY_HOST, ALLOW_HOST, "decline", "newWord", 7, {}]
    talk = Talk()
    request_id, events = talk.ask(COMMAND, availableDecisions=offered)
    options = events[0].payload.options
    assert [(o.kind, o.decision) for o in options] == [
        ("accept", "accept"),
        ("acceptWithExecpolicyAmendment", "accept"),
        ("applyNetworkPolicyAmendment", "decline"),
        ("applyNetworkPolicyAmendment", "accept"),
        ("decline", "decline"),
        ("newWord", "decline"),
    ]
    found = talk.mapping.asks[request_id]
    assert found.decide("accept", options[1].option_id) == {"decision": AMENDMENT}
    assert found.decide("accept", options[3].option_id) == {"decision": ALLOW_HOST}
    assert found.decide("accept", "no such option") is None


def test_an_approval_is_about_its_item_and_says_what_it_wants() -> None:
    talk = Talk()
    item = talk.start("commandExecution", "c", command="rm x")[0].item_id
    request_id, events = talk.ask(
        COMMAND, 7, itemId="c", command="rm x", reason="tidy", turnId=TURN
    )
    assert types(events) == ["request.opened", "session.state.changed"]
    assert (events[0].item_id, events[0].turn_id) == (item, TURN)
    assert events[0].payload.detail == "rm x"
    assert events[0].payload.args == {"command": "rm x", "reason": "tidy"}
    resolved = talk.take(talk.mapping.answered(request_id, "decline"))
    assert types(resolved) == ["request.resolved", "item.completed", "session.state.changed"]
    assert resolved[1].payload.status == "declined"
    assert talk.mapping.asks == {}


@pytest.mark.parametrize(
    ("permissions", "type_"),
    [
        ({"fileSystem": {"write": ["/x"]}}, "file_change_approval"),
        ({"fileSystem": {"entries": [{"access": "write"}, 7]}}, "file_change_approval"),
        ({"fileSystem": {"read": ["/x"]}}, "file_read_approval"),
        ({"fileSystem": {"entries": [{"access": "read"}]}}, "file_read_approval"),
        ({"network": {"enabled": True}}, "unknown"),
        (None, "unknown"),
    ],
)
def test_permissions_are_granted_as_asked_or_not_at_all(permissions: Any, type_: str) -> None:
    found = asked(0, PERMISSIONS, {"permissions": permissions})
    assert found is not None
    assert found.request_type == type_
    granted = permissions or {}
    assert found.decide("accept") == {"permissions": granted, "scope": "turn"}
    assert found.decide("acceptForSession") == {"permissions": granted, "scope": "session"}
    assert found.decide("decline") == {"permissions": {}, "scope": "turn"}
    assert found.cancelled() == {"permissions": {}, "scope": "turn"}


def test_a_link_or_an_approval_of_an_mcp_server_is_a_yes_or_no() -> None:
    params = {"mode": "url", "message": "Log in", "url": "https://x", "elicitationId": "e"}
    found = asked(0, ELICITATION, params)
    assert found is not None
    assert found.detail == "Log in\nhttps://x"
    assert found.decide("accept") == {"action": "accept", "content": {}}
    assert found.decide("acceptForSession") == {"action": "accept", "content": {}}
    assert found.decide("decline") == {"action": "decline", "content": None}
    assert found.cancelled() == {"action": "cancel", "content": None}


@pytest.mark.parametrize("persist", ["session", ["session", "always"]])
def test_an_approval_that_may_be_remembered_is(persist: Any) -> None:
    params: dict[str, Any] = {"requestedSchema": {"properties": {}}, "_meta": {"persist": persist}}
    assert decided(ELICITATION, "acceptForSession", **params)["_meta"] == {"persist": "session"}
    assert "_meta" not in decided(ELICITATION, "accept", **params)


def test_what_nobody_here_can_do_is_shown_and_refused() -> None:
    talk = Talk()
    request_id, events = talk.ask(TOOL_CALL, tool="mine", callId="c")
    assert request_id is None
    assert types(events) == [
        "request.opened",
        "session.state.changed",
        "request.resolved",
        "session.state.changed",
    ]
    assert events[0].payload.request_type == "dynamic_tool_call"
    assert events[0].payload.detail == "mine"
    _, events = talk.ask(TOKENS, reason="unauthorized")
    assert events[0].payload.request_type == "auth_tokens_refresh"
    assert talk.ask("attestation/generate") == (None, [])
    assert talk.ask("brand/new") == (None, [])


def test_a_request_of_an_ended_turn_is_refused() -> None:
    talk = Talk()
    talk.end()
    assert talk.ask(COMMAND, turnId=TURN) == (None, [])


def test_a_sub_agents_request_belongs_to_no_turn_and_names_it() -> None:
    talk = Talk()
    talk.spawn()
    talk.start("commandExecution", "c", CHILD)
    request_id, drafts = talk.mapping.ask(1, COMMAND, {"threadId": CHILD, "itemId": "c"})
    events = talk.take(drafts)
    assert events[0].turn_id is None
    assert events[0].payload.args == {"agentId": CHILD}
    talk.end()
    assert request_id in talk.mapping.asks
    ended = talk.say("turn/completed", CHILD, turn={"status": "interrupted"})
    assert types(ended)[0] == "request.resolved"
    assert talk.mapping.asks == {}


def test_the_end_of_a_turn_resolves_what_was_open() -> None:
    talk = Talk()
    talk.ask(COMMAND)
    talk.ask(USER_INPUT, questions=[{"id": "q", "question": "?"}])
    ended = types(talk.end())
    assert ended.count("request.resolved") == 1
    assert ended.count("user-input.resolved") == 1
    assert talk.mapping.asks == {}


def test_a_request_between_turns_belongs_to_none() -> None:
    _, events = Talk(in_turn=False).ask(COMMAND)
    assert events[0].turn_id is None


def test_codex_may_withdraw_what_it_asked() -> None:
    talk = Talk()
    talk.ask(COMMAND, 3)
    talk.ask(USER_INPUT, 4, questions=[{"id": "q", "question": "?"}])
    assert types(talk.say("serverRequest/resolved", requestId=3))[0] == "request.resolved"
    assert types(talk.say("serverRequest/resolved", requestId=4))[0] == "user-input.resolved"
    assert talk.say("serverRequest/resolved", requestId=4) == []


def test_open_requests_are_bounded() -> None:
    talk = Talk()
    for number in range(OPEN_REQUESTS):
        assert talk.ask(COMMAND, number)[0] is not None
    assert talk.ask(COMMAND, "one more") == (None, [])


def test_questions_without_a_question_are_refused() -> None:
    assert Talk().ask(USER_INPUT, questions=[]) == (None, [])


def test_raw_shows_the_request() -> None:
    _, events = Talk("state").ask(COMMAND, 5, command="x")
    assert events[0].raw is not None
    assert (events[0].raw.source, events[0].raw.method) == ("codex.app-server.request", COMMAND)


@pytest.mark.parametrize(
    ("mode", "type_", "granted"),
    [
        ("full-access", "command_execution_approval", True),
        ("auto-accept-edits", "file_change_approval", True),
        ("auto-accept-edits", "apply_patch_approval", True),
        ("auto-accept-edits", "command_execution_approval", False),
        ("auto", "file_change_approval", False),
        ("approval-required", "file_change_approval", False),
        ("full-access", None, False),
    ],
)
def test_a_mode_grants_what_it_says(mode: Any, type_: Any, granted: bool) -> None:
    assert granted_by_mode(mode, type_) is granted


def test_what_a_decision_was_is_said() -> None:
    talk = Talk()
    request_id, _ = talk.ask(FILE_CHANGE)
    resolved = talk.take(talk.mapping.answered(request_id, "acceptForSession"))
    assert only(resolved[:1]).decision == "acceptForSession"
