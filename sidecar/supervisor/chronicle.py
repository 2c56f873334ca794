"""The log's lines about sessions: their life, turns, requests, ends. A line an event that matters.

Never what was said: no prompt, no answer, no title of a request. A delta costs one look at a table.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from sidecar.contract.events import Event
from sidecar.observe.log import Log

REASON_CHARS: Final = 1_000
"""What of a reason the log has; the event has all of it."""

Fields = Mapping[str, Any]
_SESSION_FIELDS = ("resume", "parent", "model", "runtimeMode")


class Chronicle:
    """Tells what was appended to the journal, each line with the event's correlation."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def note(self, event: Event[Any]) -> None:
        """Write the line of an event, if its type has one."""
        tell = _TOLD.get(event.type)
        fields = tell(event.payload) if tell is not None else None
        if fields is None:
            return
        self._log.write(
            _level(event),
            event.type,
            thread=event.thread_id,
            generation=event.generation,
            turn=event.turn_id,
            request=event.request_id,
            **{name: value for name, value in fields.items() if value is not None},
        )


def _level(event: Event[Any]) -> str:
    """Return how much an event asks for attention: who reads warnings alone sees each failure."""
    payload = event.payload
    match event.type:
        case "runtime.error":
            return "error"
        case "runtime.warning":
            return "warning"
        case "session.exited":
            return "error" if payload.exit_kind == "error" else "info"
        case "session.state.changed":
            return "warning" if payload.state == "error" else "info"
        case "turn.completed":
            return "warning" if payload.state == "failed" else "info"
    return "info"


def _configured(payload: Any) -> Fields | None:
    """Tell how a generation begins; what is configured later is no part of its life."""
    session = payload.config.get("session")
    if not isinstance(session, dict) or "runtimeMode" not in session:
        return None
    return {name: session.get(name) for name in _SESSION_FIELDS}


def _state(payload: Any) -> Fields:
    return {"state": payload.state, "reason": _cut(payload.reason), "detail": _own(payload.detail)}


def _exited(payload: Any) -> Fields:
    return {
        "exitKind": payload.exit_kind,
        "reason": _cut(payload.reason),
        "recoverable": payload.recoverable,
        "stderrTail": payload.stderr_tail,
    }


def _warned(payload: Any) -> Fields:
    """Tell that there was a warning, of the sidecar's own with its figures; never its text."""
    return {"detail": _own(payload.detail)}


def _own(detail: Any) -> Any:
    """Return a detail of the sidecar's own: `kind` and figures. A provider's may be anything."""
    if not isinstance(detail, dict) or not isinstance(detail.get("kind"), str):
        return None
    return {
        key: _own(value) if isinstance(value, dict) else value
        for key, value in detail.items()
        if isinstance(value, str | int | float | dict)
    }


def _cut(reason: str | None) -> str | None:
    return None if reason is None else reason[:REASON_CHARS]


_TOLD: Final[dict[str, Callable[[Any], Fields | None]]] = {
    "session.configured": _configured,
    "session.state.changed": _state,
    "session.exited": _exited,
    "turn.started": lambda _: {},
    "turn.completed": lambda payload: {"state": payload.state},
    "turn.aborted": lambda _: {},
    "request.opened": lambda payload: {"requestType": payload.request_type},
    "request.resolved": lambda payload: {"decision": payload.decision},
    "user-input.requested": lambda _: {},
    "user-input.resolved": lambda _: {},
    "runtime.warning": _warned,
    "runtime.error": lambda payload: {"class": payload.error_class},
}
"""Type → what its line says beside the correlation."""
