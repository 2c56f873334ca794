"""What Codex says beside the conversation, each method in our words."""

from typing import Any

import pytest

from sidecar.providers.codex.mapping import notices
from sidecar.providers.codex.mapping.notices import settings_of
from tests.providers.codex.talk import MAIN, Talk, only, types

RUN = {"id": "h", "eventName": "preToolUse", "sourcePath": "/hooks.json"}


@pytest.mark.parametrize(
    ("method", "params", "type_", "payload"),
    [
        ("thread/name/updated", {"threadName": "N"}, "thread.metadata.updated", {"name": "N"}),
        (
            "thread/goal/updated",
            {"goal": {"objective": "x"}},
            "thread.metadata.updated",
            {"metadata": {"goal": {"objective": "x"}}},
        ),
        ("thread/archived", {}, "thread.state.changed", {"state": "archived"}),
        ("thread/unarchived", {}, "thread.state.changed", {"state": "active"}),
        ("thread/closed", {}, "thread.state.changed", {"state": "closed"}),
        ("thread/compacted", {}, "thread.state.changed", {"state": "compacted"}),
        ("turn/diff/updated", {"diff": "+x"}, "turn.diff.updated", {"unified_diff": "+x"}),
        (
            "hook/started",
            {"run": RUN},
            "hook.started",
            {"hook_id": "h", "hook_name": "/hooks.json", "hook_event": "preToolUse"},
        ),
        (
            "hook/started",
            {"run": {"id": "h", "eventName": "stop", "statusMessage": "Lint"}},
            "hook.started",
            {"hook_name": "Lint"},
        ),
        (
            "hook/started",
            {"run": {"id": "h", "eventName": "stop"}},
            "hook.started",
            {"hook_name": "stop"},
        ),
        (
            "hook/completed",
            {"run": {**RUN, "status": "completed", "entries": [{"text": "a"}, {"text": "b"}]}},
            "hook.completed",
            {"outcome": "success", "output": "a\nb"},
        ),
        (
            "hook/completed",
            {"run": {**RUN, "status": "blocked"}},
            "hook.completed",
            {"outcome": "error"},
        ),
        (
            "hook/completed",
            {"run": {**RUN, "status": "stopped"}},
            "hook.completed",
            {"outcome": "cancelled"},
        ),
        (
            "mcpServer/startupStatus/updated",
            {"name": "m", "status": "failed", "error": "e", "failureReason": None},
            "mcp.status.updated",
            {"status": {"name": "m", "status": "failed", "error": "e"}},
        ),
        (
            "mcpServer/oauthLogin/completed",
            {"name": "m", "success": False, "error": "e"},
            "mcp.oauth.completed",
            {"name": "m", "success": False, "error": "e"},
        ),
        (
            "item/mcpToolCall/progress",
            {"itemId": "i", "message": "half"},
            "tool.progress",
            {"summary": "half", "tool_use_id": "i"},
        ),
        (
            "account/updated",
            {"authMode": "chatgpt", "planType": None},
            "account.updated",
            {"account": {"authMode": "chatgpt"}},
        ),
        (
            "account/login/completed",
            {"success": True},
            "auth.status",
            {"is_authenticating": False, "error": None},
        ),
        ("account/login/completed", {"success": False}, "auth.status", {"error": "login failed"}),
        (
            "account/login/completed",
            {"success": False, "error": "e"},
            "auth.status",
            {"error": "e"},
        ),
        (
            "modelProvider/authRecoveryStarted",
            {"message": "m"},
            "auth.status",
            {"is_authenticating": True, "output": ["m"]},
        ),
        (
            "modelProvider/authRecoveryCompleted",
            {},
            "auth.status",
            {"is_authenticating": False, "output": None},
        ),
        (
            "model/rerouted",
            {"fromModel": "a", "toModel": "b", "reason": "r"},
            "model.rerouted",
            {"from_model": "a", "to_model": "b", "reason": "r"},
        ),
        (
            "model/rerouted",
            {"fromModel": "a", "toModel": "b"},
            "model.rerouted",
            {"reason": "not told"},
        ),
        ("warning", {"message": "w"}, "runtime.warning", {"message": "w"}),
        ("guardianWarning", {"message": "w"}, "runtime.warning", {"detail": {"kind": "guardian"}}),
        (
            "windows/worldWritableWarning",
            {"samplePaths": ["C:/x"]},
            "runtime.warning",
            {"detail": {"kind": "world-writable", "paths": ["C:/x"]}},
        ),
        ("deprecationNotice", {"summary": "s"}, "deprecation.notice", {"summary": "s"}),
        (
            "configWarning",
            {"summary": "s", "details": "d", "path": "/p"},
            "config.warning",
            {"summary": "s", "details": "d", "path": "/p"},
        ),
        (
            "item/autoApprovalReview/completed",
            {"review": {"status": "denied", "rationale": "r"}, "action": {"type": "command"}},
            "tool.denied",
            {"tool_name": "command", "reason": "r"},
        ),
        (
            "item/autoApprovalReview/completed",
            {"review": {"status": "timedOut"}, "targetItemId": "i"},
            "tool.denied",
            {"tool_name": "unknown", "tool_use_id": "i"},
        ),
        (
            "thread/realtime/started",
            {"realtimeSessionId": "r"},
            "thread.realtime.started",
            {"realtime_session_id": "r"},
        ),
        ("thread/realtime/itemAdded", {"item": {}}, "thread.realtime.item-added", {"item": {}}),
        (
            "thread/realtime/outputAudio/delta",
            {"audio": {"data": "x"}},
            "thread.realtime.audio.delta",
            {"audio": {"data": "x"}},
        ),
        ("thread/realtime/error", {"message": "m"}, "thread.realtime.error", {"message": "m"}),
        ("thread/realtime/error", {}, "thread.realtime.error", {"message": "no reason given"}),
        ("thread/realtime/closed", {"reason": "r"}, "thread.realtime.closed", {"reason": "r"}),
        (
            "thread/settings/updated",
            {"threadSettings": {"model": "m", "collaborationMode": {"mode": "plan"}}},
            "session.configured",
            {"config": {"model": "m", "interactionMode": "plan"}},
        ),
    ],
)
def test_a_notice_is_said(
    method: str, params: dict[str, Any], type_: str, payload: dict[str, Any]
) -> None:
    events = Talk().say(method, **params)
    assert types(events) == [type_]
    for key, value in payload.items():
        assert getattr(events[0].payload, key) == value


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("thread/name/updated", {"threadName": " "}),
        ("thread/settings/updated", {"threadSettings": None}),
        ("turn/diff/updated", {"diff": None}),
        ("hook/started", {"run": {"id": "h"}}),
        ("hook/started", {"run": None}),
        ("hook/completed", {"run": {}}),
        ("item/mcpToolCall/progress", {"message": ""}),
        ("model/rerouted", {"fromModel": "a"}),
        ("model/rerouted", {"toModel": "a"}),
        ("warning", {"message": "\ufeff"}),
        ("deprecationNotice", {"summary": None}),
        ("configWarning", {}),
        ("item/autoApprovalReview/completed", {"review": {"status": "approved"}}),
        ("thread/status/changed", {"status": {"type": "idle"}}),
        ("brand/new", {}),
    ],
)
def test_what_says_nothing_says_nothing(method: str, params: dict[str, Any]) -> None:
    assert Talk().say(method, **params) == []


def test_a_plan_is_a_list_of_steps() -> None:
    rows = [
        {"step": "a", "status": "completed"},
        {"step": "b", "status": "inProgress"},
        {"step": "c", "status": "new word"},
        {"step": " "},
        "no step",
    ]
    plan = only(Talk().say("turn/plan/updated", plan=rows, explanation="why"))
    assert [(s.step, s.status) for s in plan.plan] == [
        ("a", "completed"),
        ("b", "inProgress"),
        ("c", "pending"),
    ]
    assert plan.explanation == "why"


def test_a_long_diff_and_plan_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "DIFF_CHARS", 4)
    monkeypatch.setattr(notices, "PLAN_STEPS", 1)
    assert only(Talk().say("turn/diff/updated", diff="123456")).unified_diff == "123…"
    plan = only(Talk().say("turn/plan/updated", plan=[{"step": "a"}, {"step": "b"}]))
    assert len(plan.plan) == 1


def test_settings_are_told_by_either_message_of_codex() -> None:
    opened = {"model": "m", "reasoningEffort": "high", "sandbox": {"type": "readOnly"}}
    assert settings_of(opened) == {
        "model": "m",
        "effort": "high",
        "sandbox": {"type": "readOnly"},
    }
    assert settings_of({}) == {}


def test_a_notice_of_the_whole_program_names_no_thread() -> None:
    assert types(Talk().say("deprecationNotice", None, summary="s")) == ["deprecation.notice"]
    assert MAIN
