"""The invariants of one session's event stream, held against each event as it comes."""

from typing import Any

from sidecar.contract.events import EVENTS, Event


class Balance:
    """Fails at the event that breaks an invariant. Uses nothing of the code under test."""

    def __init__(self) -> None:
        self.turn: str | None = None
        self.turns: set[str] = set()
        self.items: dict[str, str | None] = {}
        self.ended_items: set[str] = set()
        self.requests: dict[str, str | None] = {}
        self.ended_requests: set[str] = set()
        self.state: str | None = None

    def apply(self, event: Event[Any]) -> None:
        """Take the next event."""
        assert event.type in EVENTS
        _no_empty_string(event.payload)
        handler = getattr(self, "_" + event.type.replace(".", "_").replace("-", "_"), None)
        if handler is not None:
            handler(event)

    def closed(self) -> bool:
        """Tell whether nothing is open."""
        return self.turn is None and not self.items and not self.requests

    def _turn_started(self, event: Event[Any]) -> None:
        assert self.turn is None, "a turn started inside a turn"
        assert event.turn_id and event.turn_id not in self.turns, "a turn started twice"
        self.turn = event.turn_id
        self.turns.add(event.turn_id)

    def _turn_completed(self, event: Event[Any]) -> None:
        assert event.turn_id == self.turn is not None, "the end of a turn that does not run"
        assert not self.items, f"a turn ended with open items {self.items}"
        assert not self.requests, f"a turn ended with open requests {self.requests}"
        self.turn = None

    def _item_started(self, event: Event[Any]) -> None:
        item = event.item_id
        assert item and item not in self.items and item not in self.ended_items
        assert event.turn_id == self.turn
        self.items[item] = event.payload.item_type

    def _item_updated(self, event: Event[Any]) -> None:
        assert event.item_id in self.items, "an update of no open item"
        assert event.payload.item_type == self.items[event.item_id]

    def _item_completed(self, event: Event[Any]) -> None:
        assert event.item_id in self.items, "the end of no open item"
        assert event.payload.status in ("completed", "failed", "declined")
        del self.items[event.item_id]
        self.ended_items.add(event.item_id)

    def _content_delta(self, event: Event[Any]) -> None:
        assert event.item_id in self.items, "text of no open item"
        assert event.payload.delta

    def _request_opened(self, event: Event[Any]) -> None:
        request = event.request_id
        assert request and request not in self.requests and request not in self.ended_requests
        self.requests[request] = event.payload.request_type

    def _request_resolved(self, event: Event[Any]) -> None:
        assert event.request_id in self.requests, "the end of no open request"
        assert event.payload.request_type == self.requests.pop(event.request_id)
        self.ended_requests.add(event.request_id)

    def _session_state_changed(self, event: Event[Any]) -> None:
        self.state = event.payload.state
        if self.state == "waiting":
            assert self.requests
        elif self.state == "running":
            assert self.turn is not None
        elif self.state == "ready":
            assert self.turn is None
            assert not self.requests


_FREE = frozenset({"data", "args", "detail", "resolution", "config", "usage", "raw", "delta"})


def _no_empty_string(payload: Any) -> None:
    for name in payload.__struct_fields__:
        value = getattr(payload, name)
        if name not in _FREE and isinstance(value, str):
            assert value.replace("\ufeff", "").strip(), f"{name} is blank"
