"""The invariants of one session's event stream, held against each event as it comes."""

from typing import Any

from sidecar.contract.events import EVENTS, Event
from sidecar.contract.events.task import Linkage


class Balance:
    """Fails at the event that breaks an invariant. Uses nothing of the code under test."""

    def __init__(self) -> None:
        self.turn: str | None = None
        self.turns: set[str] = set()
        self.items: dict[str, str | None] = {}
        self.ended_items: set[str] = set()
        self.requests: dict[str, str | None] = {}
        self.ended_requests: set[str] = set()
        self.in_turn: set[str] = set()
        """Open items and requests that carry a turnId: the turn's end must find none."""
        self.tasks: dict[str, Any] = {}
        self.ended_tasks: set[str] = set()
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
        assert not self.in_turn, f"a turn ended with open {self.in_turn}"
        self.turn = None

    def _item_started(self, event: Event[Any]) -> None:
        item = event.item_id
        assert item and item not in self.items and item not in self.ended_items
        assert event.turn_id in (self.turn, None)
        self.items[item] = event.payload.item_type
        if event.turn_id is not None:
            self.in_turn.add(f"item {item}")

    def _item_updated(self, event: Event[Any]) -> None:
        assert event.item_id in self.items, "an update of no open item"
        assert event.payload.item_type == self.items[event.item_id]

    def _item_completed(self, event: Event[Any]) -> None:
        assert event.item_id in self.items, "the end of no open item"
        assert event.payload.status in ("completed", "failed", "declined")
        del self.items[event.item_id]
        self.in_turn.discard(f"item {event.item_id}")
        self.ended_items.add(event.item_id)

    def _content_delta(self, event: Event[Any]) -> None:
        assert event.item_id in self.items, "text of no open item"
        assert event.payload.delta

    def _request_opened(self, event: Event[Any]) -> None:
        self._asked(event, event.payload.request_type)

    def _request_resolved(self, event: Event[Any]) -> None:
        self._answered(event, event.payload.request_type)

    def _user_input_requested(self, event: Event[Any]) -> None:
        assert event.payload.questions
        self._asked(event, "questions")

    def _user_input_resolved(self, event: Event[Any]) -> None:
        self._answered(event, "questions")

    def _asked(self, event: Event[Any], kind: str) -> None:
        request = event.request_id
        assert request and request not in self.requests and request not in self.ended_requests
        self.requests[request] = kind
        if event.turn_id is not None:
            assert event.turn_id == self.turn
            self.in_turn.add(f"request {request}")

    def _answered(self, event: Event[Any], kind: str) -> None:
        assert event.request_id in self.requests, "the end of no open request"
        assert kind == self.requests.pop(event.request_id)
        self.in_turn.discard(f"request {event.request_id}")
        self.ended_requests.add(event.request_id)

    def _task_started(self, event: Event[Any]) -> None:
        task = event.payload.task_id
        assert task not in self.tasks and task not in self.ended_tasks
        self.tasks[task] = _linkage(event.payload)

    def _task_progress(self, event: Event[Any]) -> None:
        assert self.tasks.get(event.payload.task_id) == _linkage(event.payload)

    _task_updated = _task_progress

    def _task_completed(self, event: Event[Any]) -> None:
        assert self.tasks.pop(event.payload.task_id) == _linkage(event.payload)
        self.ended_tasks.add(event.payload.task_id)

    def _session_state_changed(self, event: Event[Any]) -> None:
        self.state = event.payload.state
        if self.state == "waiting":
            assert self.requests
        elif self.state == "running":
            assert self.turn is not None
        elif self.state == "ready":
            assert self.turn is None
            assert not self.requests


def _linkage(payload: Any) -> Linkage:
    return Linkage(**{name: getattr(payload, name) for name in Linkage.__struct_fields__})


_FREE = frozenset({"data", "args", "detail", "resolution", "config", "usage", "raw", "delta"})


def _no_empty_string(payload: Any) -> None:
    for name in payload.__struct_fields__:
        value = getattr(payload, name)
        if name not in _FREE and isinstance(value, str):
            assert value.replace("\ufeff", "").strip(), f"{name} is blank"
