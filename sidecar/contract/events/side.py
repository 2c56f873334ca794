"""Payloads beside the conversation: hooks, tools, account, MCP, files, warnings and errors."""

from typing import Any

import msgspec

from sidecar.contract.base import NonBlank, Wire
from sidecar.contract.vocabulary import ErrorClass, HookOutcome


class HookStarted(Wire, frozen=True):
    hook_id: NonBlank
    hook_name: NonBlank
    hook_event: NonBlank


class HookProgress(Wire, frozen=True):
    hook_id: NonBlank
    output: str | None = None
    stdout: str | None = None
    stderr: str | None = None


class HookCompleted(Wire, frozen=True):
    hook_id: NonBlank
    outcome: HookOutcome
    output: str | None = None
    stdout: str | None = None
    stderr: str | None = None
    exit_code: int | None = None


class ToolProgress(Wire, frozen=True):
    tool_use_id: NonBlank | None = None
    tool_name: NonBlank | None = None
    summary: NonBlank | None = None
    elapsed_seconds: float | None = None


class ToolSummary(Wire, frozen=True):
    summary: NonBlank
    preceding_tool_use_ids: list[NonBlank] | None = None


class ToolDenied(Wire, frozen=True):
    tool_name: NonBlank
    tool_use_id: NonBlank | None = None
    reason: NonBlank | None = None
    agent_id: NonBlank | None = None


class AuthStatus(Wire, frozen=True):
    is_authenticating: bool | None = None
    output: list[str] | None = None
    error: NonBlank | None = None


class AccountUpdated(Wire, frozen=True):
    account: Any


class RateLimitsUpdated(Wire, frozen=True):
    rate_limits: Any


class McpStatusUpdated(Wire, frozen=True):
    status: Any


class McpOauthCompleted(Wire, frozen=True):
    success: bool
    name: NonBlank | None = None
    error: NonBlank | None = None


class ModelRerouted(Wire, frozen=True):
    from_model: NonBlank
    to_model: NonBlank
    reason: NonBlank


class ConfigWarning(Wire, frozen=True):
    summary: NonBlank
    details: NonBlank | None = None
    path: NonBlank | None = None
    range: Any = None


class DeprecationNotice(Wire, frozen=True):
    summary: NonBlank
    details: NonBlank | None = None


class PersistedFile(Wire, frozen=True):
    filename: NonBlank
    file_id: NonBlank


class FailedFile(Wire, frozen=True):
    filename: NonBlank
    error: NonBlank


class FilesPersisted(Wire, frozen=True):
    files: list[PersistedFile]
    failed: list[FailedFile] | None = None


class RuntimeWarned(Wire, frozen=True):
    """Payload of runtime.warning."""

    message: NonBlank
    detail: Any = None


class RuntimeFailed(Wire, frozen=True):
    """Payload of runtime.error."""

    message: NonBlank
    error_class: ErrorClass | None = msgspec.field(name="class", default=None)
    detail: Any = None
