"""Params of the bridge's methods, and the table of methods (PROTOCOL §5).

Owns shapes and flags. Who carries a method out stands in sidecar/bridge/methods.
"""

from typing import Annotated, Any, Literal

import msgspec

from sidecar.contract.base import NON_BLANK, Count, NonBlank, Positive, Slug, Wire
from sidecar.contract.limits import THREAD_ID_CHARS
from sidecar.contract.results import (
    DiagnosticsResult,
    Done,
    Empty,
    EventsPage,
    McpServers,
    MetricsResult,
    ModelList,
    ProviderList,
    SendTurnResult,
    SessionList,
    SessionResult,
    SetConfigResult,
    StopAllResult,
    ThreadTurns,
    Tree,
)
from sidecar.contract.snapshot import SessionView, Snapshot
from sidecar.contract.vocabulary import (
    ApprovalPolicy,
    Decision,
    InteractionMode,
    Lane,
    RestartPolicy,
    RestartStrategy,
    RuntimeMode,
    SandboxMode,
)

__all__ = [
    "METHODS",
    "Attachment",
    "EventsReadParams",
    "InterruptParams",
    "McpParams",
    "MethodSpec",
    "ModelSelection",
    "NoParams",
    "OptionalThreadParams",
    "ProviderParams",
    "RespondToRequestParams",
    "RespondToUserInputParams",
    "RestartSpec",
    "RollbackParams",
    "SendTurnParams",
    "SendTurnResult",
    "SessionLimits",
    "SessionRestartParams",
    "SessionStartParams",
    "SessionStopParams",
    "SessionView",
    "SetConfigParams",
    "ShutdownParams",
    "SnapshotParams",
    "SubscribeParams",
    "ThreadParams",
]


class ModelSelection(Wire, frozen=True):
    model: NonBlank
    instance_id: Slug | None = None
    options: dict[str, Any] | None = None


class RestartSpec(Wire, frozen=True):
    """OTP's child spec as a client may set it; times in ms unless named in seconds."""

    policy: RestartPolicy = "transient"
    strategy: RestartStrategy = "one_for_one"
    max_restarts: Count = 3
    max_seconds: Positive = 60
    significant: bool = False
    shutdown_ms: Count | None = None


class SessionLimits(Wire, frozen=True):
    memory_soft_bytes: Positive | None = None
    memory_hard_bytes: Positive | None = None
    """Not below the soft one."""
    start_ms: Positive | None = None
    stall_ms: Positive | None = None
    idle_ms: Count | None = None

    def __post_init__(self) -> None:
        soft, hard = self.memory_soft_bytes, self.memory_hard_bytes
        if soft is not None and hard is not None and soft > hard:
            raise ValueError(f"memorySoftBytes ({soft}) is above memoryHardBytes ({hard})")


class Attachment(Wire, frozen=True):
    type: Literal["image"]
    mime_type: NonBlank
    name: NonBlank | None = None
    data: bytes | None = None
    path: NonBlank | None = None


NewThreadId = Annotated[
    str, msgspec.Meta(min_length=1, max_length=THREAD_ID_CHARS, pattern=NON_BLANK)
]
"""A threadId that the client makes up. Elsewhere a longer one merely names no session."""


class NoParams(Wire, frozen=True):
    pass


class ThreadParams(Wire, frozen=True):
    thread_id: NonBlank


class SessionStartParams(Wire, frozen=True):
    """Start a session, or resume the stopped one of the same threadId."""

    idempotency_key: NonBlank
    thread_id: NewThreadId
    provider: Slug
    runtime_mode: RuntimeMode
    provider_instance_id: Slug | None = None
    cwd: NonBlank | None = None
    model_selection: ModelSelection | None = None
    options: dict[str, Any] | None = None
    env: dict[str, str] | None = None
    approval_policy: ApprovalPolicy | None = None
    sandbox_mode: SandboxMode | None = None
    resume_cursor: Any = None
    parent: NonBlank | None = None
    restart: RestartSpec | None = None
    limits: SessionLimits | None = None
    coalesce_ms: Count | None = None


class SendTurnParams(Wire, frozen=True):
    idempotency_key: NonBlank
    thread_id: NonBlank
    input: NonBlank | None = None
    attachments: list[Attachment] | None = None
    model_selection: ModelSelection | None = None
    interaction_mode: InteractionMode | None = None
    options: dict[str, Any] | None = None


class InterruptParams(Wire, frozen=True):
    thread_id: NonBlank
    turn_id: NonBlank | None = None
    cascade: bool = True


class RespondToRequestParams(Wire, frozen=True):
    idempotency_key: NonBlank
    thread_id: NonBlank
    request_id: NonBlank
    decision: Decision
    option_id: NonBlank | None = None


class RespondToUserInputParams(Wire, frozen=True):
    idempotency_key: NonBlank
    thread_id: NonBlank
    request_id: NonBlank
    answers: dict[str, str | list[str]]


class SetConfigParams(Wire, frozen=True):
    thread_id: NonBlank
    key: NonBlank
    value: Any


class SessionStopParams(Wire, frozen=True):
    thread_id: NonBlank
    cascade: bool = True
    deadline_ms: Count | None = None


class SessionRestartParams(Wire, frozen=True):
    idempotency_key: NonBlank
    thread_id: NonBlank


class RollbackParams(Wire, frozen=True):
    thread_id: NonBlank
    num_turns: Positive


class OptionalThreadParams(Wire, frozen=True):
    thread_id: NonBlank | None = None


class ProviderParams(Wire, frozen=True):
    provider: Slug | None = None
    provider_instance_id: Slug | None = None
    refresh: bool = False
    """Look again, whatever is remembered."""


class McpParams(Wire, frozen=True):
    thread_id: NonBlank
    name: NonBlank | None = None
    config: Any = None


class SnapshotParams(Wire, frozen=True):
    threads: list[NonBlank] | None = None


class EventsReadParams(Wire, frozen=True):
    after: Count
    limit: Positive = 1000
    threads: list[NonBlank] | None = None


class SubscribeParams(Wire, frozen=True):
    threads: list[NonBlank] | None = None
    after: Count | None = None


class ShutdownParams(Wire, frozen=True):
    deadline_ms: Count | None = None


class MethodSpec(Wire, frozen=True):
    """One row of PROTOCOL §5.

    `lane`: `ordered` requests of one session run one after the other; `express` ones never wait
    behind them; `free` ones belong to no session.
    """

    name: str
    params: type[Wire]
    result: type[Wire]
    lane: Lane
    deadline_s: float
    idempotent: bool = False
    mutating: bool = False


def _m(
    name: str,
    params: type[Wire],
    result: type[Wire],
    lane: Lane = "free",
    *,
    deadline_s: float = 30.0,
    idempotent: bool = False,
    mutating: bool = False,
) -> MethodSpec:
    return MethodSpec(
        name=name,
        params=params,
        result=result,
        lane=lane,
        deadline_s=deadline_s,
        idempotent=idempotent,
        mutating=mutating or idempotent,
    )


_ROWS = (
    _m(
        "session.start",
        SessionStartParams,
        SessionResult,
        "ordered",
        deadline_s=120.0,
        idempotent=True,
    ),
    _m(
        "session.sendTurn",
        SendTurnParams,
        SendTurnResult,
        "ordered",
        deadline_s=60.0,
        idempotent=True,
    ),
    _m("session.interrupt", InterruptParams, Done, "express", mutating=True),
    _m("session.respondToRequest", RespondToRequestParams, Done, "express", idempotent=True),
    _m("session.respondToUserInput", RespondToUserInputParams, Done, "express", idempotent=True),
    _m("session.setConfig", SetConfigParams, SetConfigResult, "ordered", mutating=True),
    _m("session.stop", SessionStopParams, Done, "express", deadline_s=60.0, mutating=True),
    _m(
        "session.restart",
        SessionRestartParams,
        SessionResult,
        "ordered",
        deadline_s=120.0,
        idempotent=True,
    ),
    _m("session.get", ThreadParams, SessionView),
    _m("session.list", NoParams, SessionList),
    _m("session.stopAll", NoParams, StopAllResult, deadline_s=60.0, mutating=True),
    _m("session.readThread", ThreadParams, ThreadTurns, "ordered"),
    _m("session.rollbackThread", RollbackParams, ThreadTurns, "ordered", mutating=True),
    _m("tree.get", OptionalThreadParams, Tree),
    _m("provider.list", ProviderParams, ProviderList),
    _m("provider.status", ProviderParams, ProviderList),
    _m("provider.models", ProviderParams, ModelList),
    _m("mcp.status", McpParams, McpServers, "ordered"),
    _m("mcp.add", McpParams, McpServers, "ordered", mutating=True),
    _m("mcp.connect", McpParams, McpServers, "ordered", mutating=True),
    _m("mcp.disconnect", McpParams, McpServers, "ordered", mutating=True),
    _m("snapshot.get", SnapshotParams, Snapshot),
    _m("events.read", EventsReadParams, EventsPage),
    _m("subscribe", SubscribeParams, Empty),
    _m("metrics.get", NoParams, MetricsResult),
    _m("diagnostics.get", OptionalThreadParams, DiagnosticsResult),
    _m("sidecar.shutdown", ShutdownParams, Done, mutating=True),
)

METHODS: dict[str, MethodSpec] = {row.name: row for row in _ROWS}
"""Every method of the bridge but `hello`, by name."""
