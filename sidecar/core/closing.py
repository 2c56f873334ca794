"""What ends a cut generation: every open thing gets its end, session.exited is last.

Pure: from the fold of a session to drafts, used when a host ends, is killed, or when a start finds
that the last run was cut. Nothing for a session whose generation has exited.
"""

from typing import Any, Final

import msgspec

from sidecar.contract.events.request import RequestResolved, UserInputResolved
from sidecar.contract.events.session import SessionExited, SessionStateChanged
from sidecar.contract.events.task import Linkage, TaskCompleted
from sidecar.contract.events.turn import ItemLifecycle, TurnCompleted, TurnStarted
from sidecar.contract.limits import STDERR_TAIL_CHARS
from sidecar.contract.snapshot import PendingRequest
from sidecar.contract.vocabulary import ExitKind, TurnState
from sidecar.core.drafts import Draft
from sidecar.core.fold import SessionFold

REASON_CHARS: Final = 1_000
"""Code points of an exit's reason: a sentence; what the program said is in the stderr tail."""


class ExitFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Why and how a generation ended.

    `kind` graceful (asked for) or error. `detail` goes into the last session.state.changed, e.g.
    {kind: "gave-up", …}. `turn_state` overrides what a cut turn ends with: interrupted when
    graceful, else failed.
    """

    kind: ExitKind
    reason: str
    recoverable: bool
    stderr_tail: str | None = None
    turn_state: TurnState | None = None
    detail: Any = None
    lost_turns: tuple[str, ...] = ()
    """Turns that were promised and never began: each is started, and ends as a cut one does."""


def closing_drafts(session: SessionFold, facts: ExitFacts) -> list[Draft]:
    """Return, in order, the ends of items, requests, tasks and turn, then state and exit.

    They must be appended in one commit. Balanced whatever was open; [] for an exited session.
    """
    if session.exited:
        return []
    reason = clean(facts.reason, REASON_CHARS)
    return [
        *_items(session),
        *[_request(request_id, asked, reason) for request_id, asked in session.requests.items()],
        *[_task(task) for task in session.tasks.values()],
        *_turn(session, facts, reason),
        *[draft for turn_id in facts.lost_turns for draft in _lost(turn_id, facts, reason)],
        *_exit(facts, reason),
    ]


def clean(text: str | None, bound_chars: int) -> str | None:
    """Return the end of `text` that fits, encodable; None if it is blank.

    A lone surrogate becomes "?": it may come from a provider's bytes and has no UTF-8.
    """
    if text is None:
        return None
    kept = text[-bound_chars:].encode("utf-8", "replace").decode("utf-8").strip()
    return kept or None


def _items(session: SessionFold) -> list[Draft]:
    return [
        Draft(
            type="item.completed",
            payload=ItemLifecycle(item_type=item.item_type, status="failed"),
            turn_id=item.turn_id,
            item_id=item_id,
        )
        for item_id, item in session.open_items()
    ]


def _request(request_id: str, asked: PendingRequest, reason: str | None) -> Draft:
    if asked.type == "user-input.requested":
        return Draft(
            type="user-input.resolved",
            payload=UserInputResolved(answers={}),
            turn_id=asked.turn_id,
            request_id=request_id,
        )
    return Draft(
        type="request.resolved",
        payload=RequestResolved(
            request_type=asked.payload["requestType"],
            decision="cancel",
            resolution={"reason": reason} if reason else None,
        ),
        turn_id=asked.turn_id,
        request_id=request_id,
    )


def _task(task: dict[str, Any]) -> Draft:
    """End a task; its linkage is repeated as on each row of it."""
    linkage = {name: task[name] for name in _LINKAGE if name in task}
    payload = msgspec.convert(
        {**linkage, "taskId": task["taskId"], "status": "stopped"}, TaskCompleted
    )
    return Draft(type="task.completed", payload=payload)


def _turn(session: SessionFold, facts: ExitFacts, reason: str | None) -> list[Draft]:
    return [] if session.turn is None else [_cut(session.turn.turn_id, facts, reason)]


def _lost(turn_id: str, facts: ExitFacts, reason: str | None) -> list[Draft]:
    started = Draft(type="turn.started", payload=TurnStarted(), turn_id=turn_id)
    return [started, _cut(turn_id, facts, reason)]


def _cut(turn_id: str, facts: ExitFacts, reason: str | None) -> Draft:
    state = facts.turn_state or ("interrupted" if facts.kind == "graceful" else "failed")
    payload = TurnCompleted(state=state, error_message=reason if state == "failed" else None)
    return Draft(type="turn.completed", payload=payload, turn_id=turn_id)


def _exit(facts: ExitFacts, reason: str | None) -> list[Draft]:
    state = SessionStateChanged(
        state="stopped" if facts.kind == "graceful" else "error",
        reason=reason,
        detail=facts.detail,
    )
    exited = SessionExited(
        reason=reason,
        recoverable=facts.recoverable,
        exit_kind=facts.kind,
        stderr_tail=clean(facts.stderr_tail, STDERR_TAIL_CHARS),
    )
    return [
        Draft(type="session.state.changed", payload=state),
        Draft(type="session.exited", payload=exited),
    ]


_LINKAGE: Final = tuple(field.encode_name for field in msgspec.structs.fields(Linkage))
