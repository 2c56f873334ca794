"""What Claude says beside the conversation."""

from typing import Any

import pytest

from tests.providers.claude.talk import Talk, types


def test_hooks_are_told_from_start_to_end() -> None:
    talk = Talk()
    (started,) = talk.system(
        "hook_started", hook_id="h", hook_name="PreToolUse:Bash", hook_event="PreToolUse"
    )
    assert (started.payload.hook_id, started.payload.hook_event) == ("h", "PreToolUse")
    (progress,) = talk.system("hook_progress", hook_id="h", output="", stdout="a\ud83d", stderr=7)
    assert (progress.payload.stdout, progress.payload.output) == ("a�", None)
    (ended,) = talk.system("hook_response", hook_id="h", outcome="success", exit_code=0, output="x")
    assert (ended.payload.outcome, ended.payload.exit_code) == ("success", 0)
    (ended,) = talk.system("hook_response", hook_id="g", outcome="exploded")
    assert ended.payload.outcome == "error"


def test_a_compaction_is_an_item_and_a_state() -> None:
    talk = Talk()
    (started,) = talk.system("status", status="compacting")
    assert started.payload.item_type == "context_compaction"
    assert talk.system("status", status="compacting") == []
    (ended,) = talk.system("status", status=None, compact_result="success")
    assert ended.payload.status == "completed"
    metadata = {"trigger": "manual", "pre_tokens": 120, "post_tokens": 65, "duration_ms": 9}
    (state,) = talk.system("compact_boundary", compact_metadata=metadata)
    assert (state.payload.state, state.payload.before_tokens) == ("compacted", 120)
    assert (state.payload.after_tokens, state.payload.detail["trigger"]) == (65, "manual")


def test_a_compaction_that_fails_says_why() -> None:
    talk = Talk()
    talk.system("status", status="compacting")
    (ended,) = talk.system("status", compact_result="failed", compact_error="too long")
    assert (ended.payload.status, ended.payload.detail) == ("failed", "too long")
    assert talk.system("status", compact_result="failed") == []


def test_a_boundary_alone_ends_the_compaction() -> None:
    talk = Talk()
    talk.system("status", status="compacting")
    assert types(talk.system("compact_boundary")) == ["item.completed", "thread.state.changed"]


def test_a_status_says_the_permission_mode() -> None:
    talk = Talk()
    (said,) = talk.system("status", status=None, permissionMode="plan")
    assert said.payload.config == {"permissionMode": "plan"}
    assert talk.mapping.permission_mode == "plan"
    assert talk.system("status", status="requesting") == []


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"attempt": 1, "max_retries": 3, "error_status": 500, "error": "server_error"},
            "(status 500, server_error); trying again, 1 of 3",
        ),
        ({}, "(no reason given); trying again"),
    ],
)
def test_a_retry_is_a_warning(fields: dict[str, Any], words: str) -> None:
    (warning,) = Talk().system("api_retry", **fields)
    assert warning.payload.message.endswith(words)
    assert warning.payload.detail["kind"] == "retrying"


def test_a_denied_tool_is_told_with_its_reason() -> None:
    (denied,) = Talk().system("permission_denied", tool_name="Bash", message="no", agent_id="a")
    assert (denied.payload.tool_name, denied.payload.reason) == ("Bash", "no")
    assert denied.payload.agent_id == "a"


def test_tools_tell_their_progress_and_are_summed_up() -> None:
    talk = Talk()
    (progress,) = talk.said("tool_progress", tool_name="Bash", elapsed_time_seconds=3)
    assert progress.payload.elapsed_seconds == 3.0
    (progress,) = talk.said("tool_progress", elapsed_time_seconds=True)
    assert progress.payload.elapsed_seconds is None
    (summary,) = talk.said("tool_use_summary", summary="read it", preceding_tool_use_ids=["a", 7])
    assert summary.payload.preceding_tool_use_ids == ["a"]
    (summary,) = talk.said("tool_use_summary", summary="read it")
    assert summary.payload.preceding_tool_use_ids is None


def test_the_account_tells_of_itself() -> None:
    talk = Talk()
    (limits,) = talk.said("rate_limit_event", rate_limit_info={"status": "rejected"})
    assert limits.payload.rate_limits == {"status": "rejected"}
    (auth,) = talk.said("auth_status", isAuthenticating=True, output=["a\ud83d", 7], error="bad")
    assert (auth.payload.output, auth.payload.error) == (["a�"], "bad")
    (auth,) = talk.said("auth_status", output="x")
    assert auth.payload.output is None


def test_another_model_is_told() -> None:
    talk = Talk()
    (said,) = talk.system("model_refusal_fallback", original_model="a", fallback_model="b")
    assert (said.payload.from_model, said.payload.to_model) == ("a", "b")
    (said,) = talk.system("model_fallback", from_model="a", to_model="b", content="busy")
    assert said.payload.reason == "busy"


def test_commands_and_files_are_told() -> None:
    talk = Talk()
    (said,) = talk.system("commands_changed", commands=[{"name": "x"}, 7])
    assert said.payload.config == {"commands": [{"name": "x"}]}
    (said,) = talk.system(
        "files_persisted",
        files=[{"filename": "a", "file_id": "1"}, {"filename": "b"}],
        failed=[{"filename": "c", "error": "full"}, {"error": "x"}],
    )
    assert [(f.filename, f.file_id) for f in said.payload.files] == [("a", "1")]
    assert [(f.filename, f.error) for f in said.payload.failed] == [("c", "full")]


def test_troubles_are_warnings() -> None:
    talk = Talk()
    (said,) = talk.system("informational", level="warning", content="careful")
    assert said.payload.message == "careful"
    assert talk.system("informational", level="info", content="careful") == []
    (said,) = talk.system("session_writes_lost", error_code="ENOSPC")
    assert "ENOSPC" in said.payload.message


def test_the_output_of_a_local_command_is_text() -> None:
    talk = Talk()
    events = talk.system("local_command_output", content="42")
    assert types(events) == ["item.started", "content.delta", "item.completed"]
    assert talk.system("local_command_output", content=7) == []


@pytest.mark.parametrize(
    ("type_", "fields"),
    [
        ("system", {}),
        ("system", {"subtype": "hook_started"}),
        ("system", {"subtype": "hook_progress"}),
        ("system", {"subtype": "hook_response"}),
        ("system", {"subtype": "permission_denied"}),
        ("system", {"subtype": "model_fallback"}),
        ("system", {"subtype": "thinking_tokens", "estimated_tokens": 7}),
        ("rate_limit_event", {}),
        ("tool_use_summary", {"summary": " "}),
        ("keep_alive", {}),
        ("of_the_future", {"x": 1}),
    ],
)
def test_what_says_nothing_to_us_makes_nothing(type_: str, fields: dict[str, Any]) -> None:
    assert Talk().said(type_, **fields) == []
