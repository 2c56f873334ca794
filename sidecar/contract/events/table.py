"""The one table of event types: name, payload, and the flags that decide how an event is carried.

`durable`    it gets a sequence number and is journalled; otherwise it travels as `ephemeral`.
`fold`       it changes the snapshot's state beyond the text of the running turn.
`mergeable`  adjacent ones of the same item and stream may be joined before they have a sequence.

JSON Schema, TypeScript and the tables of docs/EVENTS.md are generated from here
(sidecar/contract/generate), and a test fails when they are stale.
"""

from sidecar.contract.base import Wire
from sidecar.contract.events import request, session, side, task, turn


class EventSpec(Wire, frozen=True):
    """One row: the wire name, the payload's Struct, the flags."""

    name: str
    payload: type[Wire]
    durable: bool = True
    fold: bool = True
    mergeable: bool = False


def _row(
    name: str,
    payload: type[Wire],
    *,
    durable: bool = True,
    fold: bool = False,
    mergeable: bool = False,
) -> EventSpec:
    return EventSpec(name=name, payload=payload, durable=durable, fold=fold, mergeable=mergeable)


_ROWS = (
    _row("session.started", session.SessionStarted, fold=True),
    _row("session.configured", session.SessionConfigured, fold=True),
    _row("session.state.changed", session.SessionStateChanged, fold=True),
    _row("session.exited", session.SessionExited, fold=True),
    _row("thread.started", session.ThreadStarted, fold=True),
    _row("thread.state.changed", session.ThreadStateChanged, fold=True),
    _row("thread.metadata.updated", session.ThreadMetadataUpdated, fold=True),
    _row("thread.token-usage.updated", session.ThreadTokenUsageUpdated, fold=True),
    _row("thread.realtime.started", session.RealtimeStarted),
    _row("thread.realtime.item-added", session.RealtimeItemAdded),
    _row("thread.realtime.audio.delta", session.RealtimeAudioDelta, durable=False),
    _row("thread.realtime.error", session.RealtimeError),
    _row("thread.realtime.closed", session.RealtimeClosed),
    _row("turn.started", turn.TurnStarted, fold=True),
    _row("turn.completed", turn.TurnCompleted, fold=True),
    _row("turn.aborted", turn.TurnAborted),
    _row("turn.plan.updated", turn.TurnPlanUpdated, fold=True),
    _row("turn.proposed.delta", turn.TurnProposedDelta, mergeable=True),
    _row("turn.proposed.completed", turn.TurnProposedCompleted),
    _row("turn.diff.updated", turn.TurnDiffUpdated),
    _row("item.started", turn.ItemLifecycle, fold=True),
    _row("item.updated", turn.ItemLifecycle, fold=True),
    _row("item.completed", turn.ItemLifecycle, fold=True),
    _row("content.delta", turn.ContentDelta, mergeable=True),
    _row("request.opened", request.RequestOpened, fold=True),
    _row("request.resolved", request.RequestResolved, fold=True),
    _row("user-input.requested", request.UserInputRequested, fold=True),
    _row("user-input.resolved", request.UserInputResolved, fold=True),
    _row("task.started", task.TaskStarted, fold=True),
    _row("task.progress", task.TaskProgress),
    _row("task.updated", task.TaskUpdated, fold=True),
    _row("task.completed", task.TaskCompleted, fold=True),
    _row("hook.started", side.HookStarted),
    _row("hook.progress", side.HookProgress, durable=False),
    _row("hook.completed", side.HookCompleted),
    _row("tool.progress", side.ToolProgress, durable=False),
    _row("tool.summary", side.ToolSummary),
    _row("tool.denied", side.ToolDenied),
    _row("auth.status", side.AuthStatus),
    _row("account.updated", side.AccountUpdated),
    _row("account.rate-limits.updated", side.RateLimitsUpdated),
    _row("mcp.status.updated", side.McpStatusUpdated),
    _row("mcp.oauth.completed", side.McpOauthCompleted),
    _row("model.rerouted", side.ModelRerouted),
    _row("config.warning", side.ConfigWarning),
    _row("deprecation.notice", side.DeprecationNotice),
    _row("files.persisted", side.FilesPersisted),
    _row("runtime.warning", side.RuntimeWarned),
    _row("runtime.error", side.RuntimeFailed, fold=True),
)

EVENTS: dict[str, EventSpec] = {row.name: row for row in _ROWS}
"""Every event type that may cross the bridge, by wire name."""
