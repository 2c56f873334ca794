"""What each event type changes in its session. The rules stand in the package's docstring.

A rule takes the session and an event that G1 to G4 let through; it never raises for what an event
says.
"""

from collections.abc import Callable
from typing import Any, Final, get_args

import msgspec

from sidecar.contract.events import Event
from sidecar.contract.events.request import RequestOpened, UserInputRequested
from sidecar.contract.events.session import (
    SessionConfigured,
    SessionExited,
    SessionStateChanged,
    ThreadTokenUsageUpdated,
)
from sidecar.contract.events.side import RuntimeFailed
from sidecar.contract.events.task import TaskCompleted, TaskStarted, TaskUpdated
from sidecar.contract.events.turn import (
    ContentDelta,
    ItemLifecycle,
    TurnCompleted,
    TurnProposedDelta,
    TurnStarted,
)
from sidecar.contract.snapshot import PendingRequest, Restarts
from sidecar.contract.vocabulary import RuntimeMode, StreamKind
from sidecar.core.fold import bounds
from sidecar.core.fold.bounds import drop_first, text_or_none, weight
from sidecar.core.fold.state import ItemFold, SessionFold, TurnFold
from sidecar.core.streams import ITEM_OF_STREAM

Rule = Callable[[SessionFold, Event[Any]], None]

_RUNTIME_MODES: Final = frozenset(get_args(RuntimeMode))
_PROPOSED: Final[StreamKind] = "plan_text"


# Session


def _configured(session: SessionFold, event: Event[SessionConfigured]) -> None:
    config = event.payload.config
    facts = config.get("session")
    if isinstance(facts, dict):
        if facts.get("runtimeMode") in _RUNTIME_MODES:
            session.runtime_mode = facts["runtimeMode"]
        session.cwd = text_or_none(facts.get("cwd")) or session.cwd
        session.model = text_or_none(facts.get("model")) or session.model
        parent = text_or_none(facts.get("parent"))
        if parent is not None and parent != session.thread_id:
            session.parent = parent
    session.model = text_or_none(config.get("model")) or session.model
    if "resumeCursor" in config:
        cursor = config["resumeCursor"]
        session.resume_cursor = cursor if weight(cursor) <= bounds.CURSOR_BYTES else None


def _state_changed(session: SessionFold, event: Event[SessionStateChanged]) -> None:
    payload = event.payload
    session.state = payload.state
    if payload.state == "error" and payload.reason is not None:
        _set_error(session, payload.reason)
    detail = payload.detail if isinstance(payload.detail, dict) else {}
    kind = detail.get("kind")
    count, gave_up = session.restarts.count, session.restarts.gave_up
    backoff_until = None
    if kind in ("restarting", "gave-up"):
        said = detail.get("count")
        count = said if type(said) is int and said >= 0 else count
        gave_up = kind == "gave-up"
        backoff_until = None if gave_up else text_or_none(detail.get("backoffUntil"))
    session.restarts = Restarts(count=count, backoff_until=backoff_until, gave_up=gave_up)
    session.parked = session.parked or kind == "parked"


def _exited(session: SessionFold, event: Event[SessionExited]) -> None:
    payload = event.payload
    failed = payload.exit_kind == "error"
    session.state = "error" if failed else "stopped"
    if failed and payload.reason is not None:
        _set_error(session, payload.reason)
    session.restarts = msgspec.structs.replace(session.restarts, backoff_until=None)
    session.exited = True
    session.drop_open()


def _runtime_error(session: SessionFold, event: Event[RuntimeFailed]) -> None:
    _set_error(session, event.payload.message)


def _usage(session: SessionFold, event: Event[ThreadTokenUsageUpdated]) -> None:
    session.usage = _plain(event.payload.usage)


def _touch(_session: SessionFold, _event: Event[Any]) -> None:
    """Nothing but updatedAt (S6)."""


def _set_error(session: SessionFold, message: str) -> None:
    session.last_error = message[: bounds.ERROR_CHARS]


# Turn


def _turn_started(session: SessionFold, event: Event[TurnStarted]) -> None:
    if event.turn_id is None:
        return
    _end_turn(session)
    session.turn = TurnFold(event.turn_id, event.created_at)
    session.state = "running"
    session.last_error = None
    session.model = event.payload.model or session.model


def _turn_completed(session: SessionFold, event: Event[TurnCompleted]) -> None:
    if not _belongs(session, event):
        return
    _end_turn(session)
    if session.state in ("running", "waiting"):
        session.state = "ready"
    if event.payload.state == "failed" and event.payload.error_message is not None:
        _set_error(session, event.payload.error_message)


def _end_turn(session: SessionFold) -> None:
    """Drop the running turn; what is open in it becomes loose."""
    if session.turn is None:
        return
    for item_id, item in session.turn.items.items():
        if item.open:
            session.loose_items[item_id] = item
            drop_first(session.loose_items, bounds.LOOSE_ITEMS)
    session.turn = None


def _belongs(session: SessionFold, event: Event[Any]) -> bool:
    turn = session.turn
    return turn is not None and event.turn_id in (None, turn.turn_id)


# Items


def _item_event(session: SessionFold, event: Event[ItemLifecycle]) -> None:
    if event.item_id is None:
        return
    if not _belongs(session, event):
        _loose_item(session, event, event.item_id)
        return
    turn = session.turn
    assert turn is not None
    taken_over = session.loose_items.pop(event.item_id, None)
    item = turn.items.get(event.item_id) or taken_over
    if item is None:
        item = ItemFold(event.payload.item_type)
    item.turn_id = event.turn_id or item.turn_id  # one in the background keeps none
    turn.items.setdefault(event.item_id, item)
    _change_item(item, event)
    _bound_items(turn)


def _loose_item(session: SessionFold, event: Event[ItemLifecycle], item_id: str) -> None:
    if event.type == "item.completed":
        session.loose_items.pop(item_id, None)
        return
    item = session.loose_items.get(item_id)
    if item is None:
        item = ItemFold(event.payload.item_type, turn_id=event.turn_id)
        session.loose_items[item_id] = item
    _change_item(item, event)
    drop_first(session.loose_items, bounds.LOOSE_ITEMS)


def _change_item(item: ItemFold, event: Event[ItemLifecycle]) -> None:
    payload = event.payload
    item.item_type = payload.item_type
    if event.type == "item.started":
        item.status = payload.status or "inProgress"
        item.phase = "open"
    elif event.type == "item.updated":
        item.status = payload.status or item.status
        item.phase = "done" if item.phase == "done" else "open"
    else:
        item.status = payload.status or "completed"
        item.phase = "done"


def _bound_items(turn: TurnFold) -> None:
    if len(turn.items) <= bounds.TURN_ITEMS:
        return
    not_open = (item_id for item_id, item in turn.items.items() if not item.open)
    del turn.items[next(not_open, next(iter(turn.items)))]
    turn.items_dropped = True


# Text


def _content_delta(session: SessionFold, event: Event[ContentDelta]) -> None:
    _stream(session, event, event.payload.stream_kind, event.payload.delta)


def _proposed_delta(session: SessionFold, event: Event[TurnProposedDelta]) -> None:
    _stream(session, event, _PROPOSED, event.payload.delta)


def _stream(session: SessionFold, event: Event[Any], kind: StreamKind, delta: str) -> None:
    turn = session.turn
    if turn is None or (event.turn_id is not None and event.turn_id != turn.turn_id):
        return
    item_id = event.item_id or f"{turn.turn_id}:{kind}"
    if item_id not in turn.items:
        turn.items[item_id] = ItemFold(ITEM_OF_STREAM[kind], turn_id=turn.turn_id)
        _bound_items(turn)
    turn.text.append(item_id, kind, delta)


# Requests and tasks


def _request_opened(
    session: SessionFold, event: Event[RequestOpened] | Event[UserInputRequested]
) -> None:
    if event.request_id is None:
        return
    payload = _plain(event.payload)
    if weight(payload) > bounds.PAYLOAD_BYTES:
        small: tuple[str, Any] = ("questions", [])
        if isinstance(event.payload, RequestOpened):
            small = ("requestType", event.payload.request_type)
        payload = dict([small])
    session.requests[event.request_id] = PendingRequest(
        type=event.type, payload=payload, created_at=event.created_at, turn_id=event.turn_id
    )
    drop_first(session.requests, bounds.PENDING_REQUESTS)


def _request_resolved(session: SessionFold, event: Event[Any]) -> None:
    if event.request_id is not None:
        session.requests.pop(event.request_id, None)


def _task_event(session: SessionFold, event: Event[TaskStarted] | Event[TaskUpdated]) -> None:
    task_id = event.payload.task_id
    task = {"status": "running", "startedAt": event.created_at}
    if event.type == "task.updated":
        task = session.tasks.get(task_id, task)
    task = {**task, **_plain(event.payload)}
    if weight(task) > bounds.TASK_BYTES:
        task = {key: task[key] for key in ("taskId", "status", "startedAt")}
    session.tasks[task_id] = task
    drop_first(session.tasks, bounds.TASKS)


def _task_completed(session: SessionFold, event: Event[TaskCompleted]) -> None:
    session.tasks.pop(event.payload.task_id, None)


def _plain(value: Any) -> Any:
    """Return a payload as the map that stood on the wire, without absent keys."""
    return msgspec.to_builtins(value, builtin_types=(bytes,))


DELTAS: Final[dict[str, Rule]] = {
    "content.delta": _content_delta,
    "turn.proposed.delta": _proposed_delta,
}
"""The types that are folded though not flagged: they move no updatedAt (G5)."""

RULES: Final[dict[str, Rule]] = {
    "session.started": _touch,
    "session.configured": _configured,
    "session.state.changed": _state_changed,
    "session.exited": _exited,
    "thread.started": _touch,
    "thread.state.changed": _touch,
    "thread.metadata.updated": _touch,
    "thread.token-usage.updated": _usage,
    "turn.started": _turn_started,
    "turn.completed": _turn_completed,
    "turn.plan.updated": _touch,
    "item.started": _item_event,
    "item.updated": _item_event,
    "item.completed": _item_event,
    "request.opened": _request_opened,
    "request.resolved": _request_resolved,
    "user-input.requested": _request_opened,
    "user-input.resolved": _request_resolved,
    "task.started": _task_event,
    "task.updated": _task_event,
    "task.completed": _task_completed,
    "runtime.error": _runtime_error,
}
"""One rule for each type that the table of events flags `fold`."""
