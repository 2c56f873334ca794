"""The fold: what a journal of events says about every session now (PROTOCOL §4, snapshot.state).

Pure and deterministic: the same events in the same order give the same snapshot, in this fold and
in electron-glue's. The golden files tests/fixtures/fold/*.json hold both to the rules below.

General

G1  Only types flagged `fold` in the table of events count, and content.delta and
    turn.proposed.delta. Every other type changes nothing.
G2  An event for an unknown thread creates the session: provider, providerInstanceId, generation
    from the event, createdAt = its createdAt, state starting, runtimeMode approval-required (the
    strictest) until told otherwise. Sessions keep the order in which they were created.
G3  An event of a lower generation than the session's changes nothing. One of a higher generation
    first begins that generation: provider and providerInstanceId from the event, state starting,
    not exited, not parked, restarts = none, no cwd, parent, turn, open items, requests, tasks. The
    rest stays (createdAt, model, resumeCursor, usage, lastError).
G4  After session.exited, further events of the same generation change nothing.
G5  A counted event sets updatedAt = its createdAt, unless it is one of the two deltas.
G6  status follows from state: starting → connecting, ready → ready, running and waiting → running,
    error → error, stopped → closed.

Session

S1  session.configured, key `session` of config (a map): runtimeMode (if it is a known one), cwd,
    model, parent: a string that is not blank sets the field, anything else leaves it; a session is
    never its own parent. Key `model`: likewise. Key `resumeCursor`, if present: sets it, null
    clears it; one that weighs more than CURSOR_BYTES clears it.
S2  session.state.changed sets state. If state is error and there is a reason: lastError = reason.
    If detail is a map with kind "restarting": restarts = {count: detail.count (a non-negative
    integer, else unchanged), backoffUntil: detail.backoffUntil (a string that is not blank, else
    null), gaveUp: false}. With kind "gave-up": gaveUp = true, backoffUntil = null, count likewise.
    Otherwise: backoffUntil = null. With kind "parked": parked = true.
S3  session.exited: state = error if exitKind is error, else stopped; with exitKind error and a
    reason, lastError = reason; backoffUntil = null; turn, items, requests, tasks are dropped.
S4  runtime.error: lastError = message.
S5  thread.token-usage.updated: usage = payload.usage.
S6  session.started, thread.started, thread.state.changed, thread.metadata.updated and
    turn.plan.updated change nothing but updatedAt.
S7  lastError keeps its first ERROR_CHARS code points.
S8  children of a session: every session that names it as parent, in their order of creation.

Turn

T1  turn.started with a turnId: activeTurn = {turnId, startedAt: createdAt, no items}; open items
    of a turn that was still active become loose (I4); state = running; lastError = none;
    payload.model, if any, is the session's model. Without a turnId: nothing.
T2  turn.completed whose turnId is the active one's, or absent, with a turn active: activeTurn =
    none; its open items become loose; state running or waiting → ready; with state failed and an
    errorMessage, lastError = errorMessage. Otherwise: nothing.

Items of the active turn, in order of first mention

I1  An event *belongs* to the active turn if there is one and the event's turnId is its, or absent.
I2  item.started: the item (new or known) is open; itemType = payload's; status = payload.status,
    else inProgress. item.updated: itemType = payload's; status = payload.status, else as it was
    (inProgress for a new one); the item is open unless it was completed.
I3  item.completed: the item (new or known) is completed; itemType = payload's; status =
    payload.status, else completed.
I4  An item event that does not belong to the active turn touches the *loose* items alone: started
    and updated (as I2) put it there, completed removes it. Loose items are in no snapshot; they
    are there so that an exit can complete them. An item event that belongs to the active turn
    first takes the item over, as the turn's youngest, if it is loose.
I5  An item event without an itemId changes nothing.
I6  Above TURN_ITEMS the first item that is not open is dropped, else the first; the turn is then
    truncated. Above LOOSE_ITEMS the first is dropped.

Text

X1  content.delta that belongs to the active turn appends to stream payload.streamKind of item
    itemId, else of item "<turnId>:<streamKind>". turn.proposed.delta: stream plan_text, item
    itemId, else "<turnId>:plan_text".
X2  An item first mentioned by a delta has status inProgress, is not open, and has as itemType:
    assistant_text → assistant_message, reasoning_text and reasoning_summary_text → reasoning,
    plan_text → plan, command_output → command_execution, file_change_output → file_change,
    unknown → unknown.
X3  A *run* is adjacent text of one item and stream. Kept is, of the turn's text in order of
    arrival, the last TEXT_RUNS runs, and of those the longest end in whole characters of at most
    ACTIVE_TEXT_BYTES of UTF-8. If anything is not kept, the turn is truncated.
X4  A stream of which nothing is kept is not in `text`. Text of an item that was dropped (I6) counts
    for X3 and is not shown.

Requests and tasks

R1  request.opened and user-input.requested with a requestId: pendingRequests[requestId] = {type:
    the event's, payload, createdAt, turnId: the event's if any}; a known id is replaced in place.
R2  request.resolved and user-input.resolved: the requestId is removed.
R3  A payload that weighs more than PAYLOAD_BYTES is kept as {requestType} or as {questions: []}.
    Above PENDING_REQUESTS the first is dropped. (A host opens fewer: core/conversation.)
K1  task.started: tasks[taskId] = {status: "running", startedAt: createdAt, …payload}.
K2  task.updated: the payload's keys over those that are known; an unknown task begins as in K1.
K3  task.completed: the task is removed.
K4  A task that weighs more than TASK_BYTES is kept as {taskId, status, startedAt}. Above TASKS the
    first is dropped.
W   The weight of a value: a string its UTF-8 bytes, binary its bytes, any other scalar 8, a list or
    map 8 and the weight of all that is in it, keys too.

Sessions that ended

E1  They stay until a later generation. Above EXITED_SESSIONS of those that are not parked, and
    above PARKED_SESSIONS of those that are, the one that exited first is forgotten.
E2  Of the last FORGOTTEN threads that were forgotten the generation is remembered: an event of it
    or of an earlier one changes nothing.
"""

from sidecar.core.fold.fold import Fold, FoldFormatError
from sidecar.core.fold.state import ItemFold, SessionFold, TurnFold

__all__ = ["Fold", "FoldFormatError", "ItemFold", "SessionFold", "TurnFold"]
