"""The closed word lists of the contract (docs/EVENTS.md, docs/PROTOCOL.md), one name a list."""

from typing import Literal

SessionState = Literal["starting", "ready", "running", "waiting", "stopped", "error"]
ThreadState = Literal["active", "idle", "archived", "closed", "compacted", "error"]
TurnState = Literal["completed", "failed", "interrupted", "cancelled"]
ExitKind = Literal["graceful", "error"]
ItemStatus = Literal["inProgress", "completed", "failed", "declined"]
PlanStepStatus = Literal["pending", "inProgress", "completed"]
TaskStatus = Literal[
    "pending", "running", "waiting", "idle", "completed", "failed", "cancelled", "interrupted"
]
TaskEnd = Literal["completed", "failed", "stopped"]
HookOutcome = Literal["success", "error", "cancelled"]
StreamKind = Literal[
    "assistant_text",
    "reasoning_text",
    "reasoning_summary_text",
    "plan_text",
    "command_output",
    "file_change_output",
    "unknown",
]
ItemType = Literal[
    "user_message",
    "assistant_message",
    "reasoning",
    "plan",
    "command_execution",
    "file_change",
    "mcp_tool_call",
    "dynamic_tool_call",
    "collab_agent_tool_call",
    "web_search",
    "image_view",
    "review_entered",
    "review_exited",
    "context_compaction",
    "error",
    "unknown",
]
RequestType = Literal[
    "command_execution_approval",
    "file_read_approval",
    "file_change_approval",
    "apply_patch_approval",
    "exec_command_approval",
    "tool_user_input",
    "dynamic_tool_call",
    "auth_tokens_refresh",
    "unknown",
]
Decision = Literal["accept", "acceptForSession", "decline", "cancel"]
ErrorClass = Literal[
    "provider_error", "transport_error", "permission_error", "validation_error", "unknown"
]
ApprovalPolicy = Literal["untrusted", "on-failure", "on-request", "never"]
SandboxMode = Literal["read-only", "workspace-write", "danger-full-access"]
RuntimeMode = Literal["approval-required", "auto-accept-edits", "auto", "full-access"]
InteractionMode = Literal["default", "plan"]
SessionStatus = Literal["connecting", "ready", "running", "error", "closed"]
RestartPolicy = Literal["permanent", "transient", "temporary"]
RestartStrategy = Literal["one_for_one", "one_for_all", "rest_for_one"]
AgentKind = Literal["agent", "background"]
SessionModelSwitch = Literal["in-session", "restart-session", "unsupported"]
Support = Literal["none", "basic", "full"]
AuthState = Literal["ok", "missing", "unknown"]
NodeKind = Literal["session", "subagent", "process"]
Lane = Literal["ordered", "express", "free"]
StartFailure = Literal["locked", "bad_bootstrap", "data_dir", "schema_newer", "port"]
GapReason = Literal["other_log", "too_old", "rewound"]
JournalState = Literal["ok", "full", "failed"]
GoodbyeReason = Literal["replaced", "shutdown", "silent"]
EphemeralTopic = Literal["event", "metrics", "progress"]

STATUS_OF_STATE: dict[SessionState, SessionStatus] = {
    "starting": "connecting",
    "ready": "ready",
    "running": "running",
    "waiting": "running",
    "error": "error",
    "stopped": "closed",
}
"""How a session's status follows from its state (EVENTS, adapter)."""
