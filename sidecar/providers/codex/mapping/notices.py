"""What Codex says beside the conversation: settings, account, limits, MCP, hooks, warnings. Pure.

One small function a method, in one table. A thread's own notices count for the main thread alone;
those that name no thread are about the whole program.
"""

from collections.abc import Callable
from typing import Any, Final

from sidecar.contract.base import Wire
from sidecar.contract.events.session import (
    RealtimeAudioDelta,
    RealtimeClosed,
    RealtimeError,
    RealtimeItemAdded,
    RealtimeStarted,
    SessionConfigured,
    ThreadMetadataUpdated,
    ThreadStateChanged,
)
from sidecar.contract.events.side import (
    AccountUpdated,
    AuthStatus,
    ConfigWarning,
    DeprecationNotice,
    HookCompleted,
    HookStarted,
    McpOauthCompleted,
    McpStatusUpdated,
    ModelRerouted,
    RuntimeWarned,
    ToolDenied,
    ToolProgress,
)
from sidecar.contract.events.turn import PlanStep, TurnDiffUpdated, TurnPlanUpdated
from sidecar.contract.vocabulary import HookOutcome, PlanStepStatus, ThreadState
from sidecar.providers.shapes import DETAIL_CHARS, a_map, maps, text
from sidecar.providers.text import clipped, portable, whole

DIFF_CHARS = 2 * 1024 * 1024
"""Longest diff passed on; a longer one is cut. It comes again with each change of a turn."""

PLAN_STEPS = 256
"""Steps of a plan passed on."""

Said = tuple[str, Wire]
Params = dict[str, Any]

_HOOK_OUTCOMES: Final[dict[str, HookOutcome]] = {"completed": "success", "stopped": "cancelled"}
_STEP_STATUSES: Final[dict[str, PlanStepStatus]] = {
    "inProgress": "inProgress",
    "completed": "completed",
}
_SETTINGS: Final = {
    "model": "model",
    "modelProvider": "modelProvider",
    "effort": "effort",
    "reasoningEffort": "effort",
    "serviceTier": "serviceTier",
    "approvalPolicy": "approvalPolicy",
    "approvalsReviewer": "approvalsReviewer",
    "sandbox": "sandbox",
    "sandboxPolicy": "sandbox",
    "cwd": "cwd",
    "personality": "personality",
}


def settings_of(said: Params) -> dict[str, Any]:
    """Return what is in force for a thread, from the answer that opened it or from its update."""
    found = {name: portable(said[key]) for key, name in _SETTINGS.items() if said.get(key)}
    mode = text(a_map(said.get("collaborationMode")).get("mode"))
    return found | ({"interactionMode": mode} if mode else {})


def notice(method: str, params: Params) -> Said | None:
    """Return type and payload of what a notification says, None if it says nothing to us."""
    teller = _TELLERS.get(method)
    return teller(params) if teller is not None else None


def _settings(params: Params) -> Said | None:
    config = settings_of(a_map(params.get("threadSettings")))
    return ("session.configured", SessionConfigured(config=config)) if config else None


def _plan(params: Params) -> Said | None:
    steps = []
    for row in maps(params.get("plan"))[:PLAN_STEPS]:
        step = text(row.get("step"), DETAIL_CHARS)
        if step is not None:
            status = _STEP_STATUSES.get(str(row.get("status")), "pending")
            steps.append(PlanStep(step=step, status=status))
    explanation = text(params.get("explanation"), DETAIL_CHARS)
    return "turn.plan.updated", TurnPlanUpdated(plan=steps, explanation=explanation)


def _diff(params: Params) -> Said | None:
    diff = params.get("diff")
    if not isinstance(diff, str):
        return None
    return "turn.diff.updated", TurnDiffUpdated(unified_diff=clipped(whole(diff), DIFF_CHARS))


def _name(params: Params) -> Said | None:
    name = text(params.get("threadName"))
    return ("thread.metadata.updated", ThreadMetadataUpdated(name=name)) if name else None


def _goal(params: Params) -> Said:
    metadata = {"goal": portable(params.get("goal"))}
    return "thread.metadata.updated", ThreadMetadataUpdated(metadata=metadata)


def _thread_state(state: ThreadState) -> Callable[[Params], Said]:
    return lambda _: ("thread.state.changed", ThreadStateChanged(state=state))


def _hook_started(params: Params) -> Said | None:
    run = a_map(params.get("run"))
    id_, event = text(run.get("id")), text(run.get("eventName"))
    if id_ is None or event is None:
        return None
    name = text(run.get("statusMessage")) or text(run.get("sourcePath")) or event
    return "hook.started", HookStarted(hook_id=id_, hook_name=name, hook_event=event)


def _hook_completed(params: Params) -> Said | None:
    run = a_map(params.get("run"))
    id_ = text(run.get("id"))
    if id_ is None:
        return None
    lines = [text(entry.get("text"), DETAIL_CHARS) for entry in maps(run.get("entries"))]
    output = text("\n".join(filter(None, lines)), DETAIL_CHARS)
    outcome = _HOOK_OUTCOMES.get(str(run.get("status")), "error")
    return "hook.completed", HookCompleted(hook_id=id_, outcome=outcome, output=output)


def _mcp_status(params: Params) -> Said:
    keys = ("name", "status", "error", "failureReason")
    status = {key: portable(params[key]) for key in keys if params.get(key) is not None}
    return "mcp.status.updated", McpStatusUpdated(status=status)


def _mcp_login(params: Params) -> Said:
    payload = McpOauthCompleted(
        success=params.get("success") is True,
        name=text(params.get("name")),
        error=text(params.get("error"), DETAIL_CHARS),
    )
    return "mcp.oauth.completed", payload


def _mcp_progress(params: Params) -> Said | None:
    message = text(params.get("message"), DETAIL_CHARS)
    if message is None:
        return None
    return "tool.progress", ToolProgress(summary=message, tool_use_id=text(params.get("itemId")))


def _account(params: Params) -> Said:
    keys = ("authMode", "planType")
    account = {key: text(params.get(key)) for key in keys if text(params.get(key))}
    return "account.updated", AccountUpdated(account=account)


def _login(params: Params) -> Said:
    error = None if params.get("success") is True else text(params.get("error")) or "login failed"
    return "auth.status", AuthStatus(is_authenticating=False, error=error)


def _recovery(authenticating: bool) -> Callable[[Params], Said]:
    def tell(params: Params) -> Said:
        message = text(params.get("message"), DETAIL_CHARS)
        payload = AuthStatus(
            is_authenticating=authenticating, output=[message] if message else None
        )
        return "auth.status", payload

    return tell


def _rerouted(params: Params) -> Said | None:
    was, now = text(params.get("fromModel")), text(params.get("toModel"))
    if was is None or now is None:
        return None
    reason = text(params.get("reason")) or "not told"
    return "model.rerouted", ModelRerouted(from_model=was, to_model=now, reason=reason)


def _warning(kind: str) -> Callable[[Params], Said | None]:
    def tell(params: Params) -> Said | None:
        message = text(params.get("message"), DETAIL_CHARS)
        if message is None:
            return None
        return "runtime.warning", RuntimeWarned(message=message, detail={"kind": kind})

    return tell


def _world_writable(params: Params) -> Said:
    message = "Directories that everybody may write to weaken the sandbox"
    detail = {"kind": "world-writable", "paths": portable(params.get("samplePaths"))}
    return "runtime.warning", RuntimeWarned(message=message, detail=detail)


def _deprecation(params: Params) -> Said | None:
    summary = text(params.get("summary"), DETAIL_CHARS)
    if summary is None:
        return None
    details = text(params.get("details"), DETAIL_CHARS)
    return "deprecation.notice", DeprecationNotice(summary=summary, details=details)


def _config_warning(params: Params) -> Said | None:
    summary = text(params.get("summary"), DETAIL_CHARS)
    if summary is None:
        return None
    payload = ConfigWarning(
        summary=summary,
        details=text(params.get("details"), DETAIL_CHARS),
        path=text(params.get("path")),
        range=portable(params.get("range")),
    )
    return "config.warning", payload


def _reviewed(params: Params) -> Said | None:
    """Codex's own reviewer has decided about an action; only what it denies is news."""
    review = a_map(params.get("review"))
    if review.get("status") not in ("denied", "timedOut"):
        return None
    payload = ToolDenied(
        tool_name=text(a_map(params.get("action")).get("type")) or "unknown",
        tool_use_id=text(params.get("targetItemId")),
        reason=text(review.get("rationale"), DETAIL_CHARS),
    )
    return "tool.denied", payload


def _realtime_started(params: Params) -> Said:
    payload = RealtimeStarted(realtime_session_id=text(params.get("realtimeSessionId")))
    return "thread.realtime.started", payload


def _realtime_item(params: Params) -> Said:
    return "thread.realtime.item-added", RealtimeItemAdded(item=portable(params.get("item")))


def _realtime_audio(params: Params) -> Said:
    return "thread.realtime.audio.delta", RealtimeAudioDelta(audio=portable(params.get("audio")))


def _realtime_error(params: Params) -> Said:
    message = text(params.get("message"), DETAIL_CHARS) or "no reason given"
    return "thread.realtime.error", RealtimeError(message=message)


def _realtime_closed(params: Params) -> Said:
    return "thread.realtime.closed", RealtimeClosed(reason=text(params.get("reason")))


_TELLERS: Final[dict[str, Callable[[Params], Said | None]]] = {
    "account/login/completed": _login,
    "account/updated": _account,
    "configWarning": _config_warning,
    "deprecationNotice": _deprecation,
    "guardianWarning": _warning("guardian"),
    "hook/completed": _hook_completed,
    "hook/started": _hook_started,
    "item/autoApprovalReview/completed": _reviewed,
    "item/mcpToolCall/progress": _mcp_progress,
    "mcpServer/oauthLogin/completed": _mcp_login,
    "mcpServer/startupStatus/updated": _mcp_status,
    "model/rerouted": _rerouted,
    "modelProvider/authRecoveryCompleted": _recovery(authenticating=False),
    "modelProvider/authRecoveryStarted": _recovery(authenticating=True),
    "thread/archived": _thread_state("archived"),
    "thread/closed": _thread_state("closed"),
    "thread/compacted": _thread_state("compacted"),
    "thread/goal/updated": _goal,
    "thread/name/updated": _name,
    "thread/realtime/closed": _realtime_closed,
    "thread/realtime/error": _realtime_error,
    "thread/realtime/itemAdded": _realtime_item,
    "thread/realtime/outputAudio/delta": _realtime_audio,
    "thread/realtime/started": _realtime_started,
    "thread/settings/updated": _settings,
    "thread/unarchived": _thread_state("active"),
    "turn/diff/updated": _diff,
    "turn/plan/updated": _plan,
    "warning": _warning("codex"),
    "windows/worldWritableWarning": _world_writable,
}
