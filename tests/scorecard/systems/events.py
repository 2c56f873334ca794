"""The sidecar's events (docs/EVENTS.md) as receipts and facts. Imports nothing of sidecar/."""

from typing import Any

from tests.scorecard.model import Fact, Receipt
from tests.scorecard.observe.writes import PIECE, RECALL

TAIL_CHARS = 80
"""Of a delta kept for the next one: an id may be cut in two."""

_TURNS = {"turn.started": "turn-started", "turn.completed": "turn-ended"}
_ASKS = {
    "request.opened": "request",
    "user-input.requested": "request",
    "request.resolved": "resolved",
    "user-input.resolved": "resolved",
}


class Reading:
    """Takes events in order; keeps what they say."""

    def __init__(self) -> None:
        self.receipts: list[Receipt] = []
        self.facts: list[Fact] = []
        self._tails: dict[tuple[str, str], str] = {}

    def take(self, event: dict[str, Any], at_ns: int) -> None:
        """Take one event."""
        if event["type"] == "content.delta":
            self._text(event, at_ns)
            return
        told = _told(event["type"], event["payload"], event)
        if told is not None:
            self.facts.append(Fact(event["threadId"], *told, at_ns, event))

    def _text(self, event: dict[str, Any], at_ns: int) -> None:
        key = event["threadId"], event.get("itemId", "")
        text = self._tails.pop(key, "") + event["payload"]["delta"]
        if (recalled := RECALL.search(event["payload"]["delta"])) is not None:
            self.facts.append(Fact(event["threadId"], "recall", recalled[1], at_ns, event))
        end = 0
        for match in PIECE.finditer(text):
            self.receipts.append(Receipt(event["threadId"], match[1], at_ns))
            end = match.end()
        if (start := text.rfind("[", max(end, len(text) - TAIL_CHARS))) >= 0:
            self._tails[key] = text[max(start - 1, end) :]


def _told(type_: str, payload: dict[str, Any], event: dict[str, Any]) -> tuple[str, str] | None:
    """Return the kind and the text of a fact; None for what no row asks for."""
    detail = payload.get("detail")
    kind = str(detail.get("kind", "")) if isinstance(detail, dict) else ""
    if type_ == "session.state.changed":
        return _state(payload, kind)
    if type_ in _TURNS:
        return _TURNS[type_], str(payload.get("state", ""))
    if type_ in _ASKS:
        return _ASKS[type_], str(event.get("requestId", ""))
    if type_ == "session.exited":
        return "exited", str(payload.get("reason", ""))
    if type_ == "runtime.warning":
        return "warning", kind or str(payload["message"])
    return None


def _state(payload: dict[str, Any], kind: str) -> tuple[str, str] | None:
    state = str(payload["state"])
    if kind in ("restarting", "gave-up"):
        return kind, kind
    words = {"ready": "ready", "stopped": "stopped", "error": "error"}
    return (words[state], kind or str(payload.get("reason", ""))) if state in words else None
