"""One session's conversation as a provider mapping tells it: turns, items, requests, state.

Holds the invariants by construction, whatever order a mapping calls in: each turn is started and
completed once; each item is started before it is updated and completed once; each request is
resolved once; state follows from what is open; no string is blank. Knows no provider and no clock,
and makes no ids: they are handed in.

State is derived:  a request is open → waiting;  a turn runs → running;  else the base state.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from sidecar.contract.base import Wire
from sidecar.contract.events import ProviderRefs
from sidecar.contract.events.request import RequestOpened, RequestOption, RequestResolved
from sidecar.contract.events.session import SessionStateChanged
from sidecar.contract.events.side import RuntimeWarned
from sidecar.contract.events.turn import ContentDelta, ItemLifecycle, TurnCompleted, TurnStarted
from sidecar.contract.vocabulary import (
    ItemStatus,
    ItemType,
    RequestType,
    SessionState,
    StreamKind,
    TurnState,
)
from sidecar.core.drafts import Draft

OPEN_ITEMS = 1024
"""Items open at once; one more closes the oldest. Real turns have a handful; an agent that never
finishes its tool calls must not grow this map for ever."""

OPEN_REQUESTS = 256
"""Requests open at once; one more is not opened, and its asker must be refused."""

REMEMBERED_IDS = 4096
"""Closed turn, item and request ids kept, so that a late word about one of them changes nothing."""

DELTA_CHARS = 8 * 1024 * 1024
"""Longest text of one delta; a longer one is cut into several. Four bytes a character at most keep
an event far below contract.limits.TRANSFER_BYTES."""

BaseState = Literal["starting", "ready", "stopped", "error"]
"""States that are said; `running` and `waiting` follow from what is open."""

_ITEM_OF_STREAM: Final[dict[StreamKind, ItemType]] = {
    "assistant_text": "assistant_message",
    "reasoning_text": "reasoning",
    "reasoning_summary_text": "reasoning",
    "plan_text": "plan",
    "command_output": "command_execution",
    "file_change_output": "file_change",
    "unknown": "unknown",
}
_ITEM_STATUS_AT_TURN_END: Final[dict[TurnState, ItemStatus]] = {
    "completed": "completed",
    "failed": "failed",
    "interrupted": "failed",
    "cancelled": "failed",
}
_DECLINING: Final = frozenset({"decline", "cancel"})


def nonblank(text: object) -> str | None:
    """Return `text` if a trimming decoder would keep something of it, else None.

    JavaScript trims U+FEFF, which Python does not count as space.
    """
    if not isinstance(text, str) or not text.replace("\ufeff", " ").strip():
        return None
    return text


class Ending(NamedTuple):
    """How a turn ended, with what the provider said about it."""

    state: TurnState
    stop_reason: str | None = None
    usage: Any = None
    error_message: str | None = None
    model_usage: dict[str, Any] | None = None
    total_cost_usd: float | None = None


@dataclass(slots=True)
class OpenItem:
    """An item that was started and not completed."""

    item_type: ItemType
    turn_id: str | None
    title: str | None = None
    refs: ProviderRefs | None = None


@dataclass(slots=True)
class OpenRequest:
    """A request that was opened and not resolved. `item_id` names the item that it holds up."""

    request_type: RequestType
    turn_id: str | None
    item_id: str | None = None
    refs: ProviderRefs | None = None


@dataclass(slots=True)
class _Memory:
    """The last REMEMBERED_IDS ids that were closed."""

    ids: OrderedDict[tuple[str, str], None] = field(default_factory=OrderedDict)

    def add(self, kind: str, id_: str) -> None:
        self.ids[kind, id_] = None
        if len(self.ids) > REMEMBERED_IDS:
            self.ids.popitem(last=False)

    def has(self, kind: str, id_: str) -> bool:
        return (kind, id_) in self.ids


class Conversation:
    """Tracks one session; every method returns the drafts that its call makes true, in order."""

    def __init__(self) -> None:
        self.turn_id: str | None = None
        self.items: dict[str, OpenItem] = {}
        self.requests: dict[str, OpenRequest] = {}
        self._base: BaseState | None = None
        self._announced: SessionState | None = None
        self._closed = _Memory()

    # Session

    def state(self, base: BaseState, reason: str | None = None, detail: Any = None) -> list[Draft]:
        """Set the base state; said at once unless it changes nothing and has no reason."""
        self._base = base
        return self._settle(reason=nonblank(reason), detail=detail)

    def say(self, type_: str, payload: Wire, refs: ProviderRefs | None = None) -> list[Draft]:
        """Return one draft that needs no tracking, stamped with the running turn."""
        return [Draft(type=type_, payload=payload, turn_id=self.turn_id, refs=refs)]

    def warning(self, message: str, detail: Any = None) -> list[Draft]:
        """Say a runtime.warning; nothing for a blank message."""
        if nonblank(message) is None:
            return []
        return self.say("runtime.warning", RuntimeWarned(message=message, detail=detail))

    # Turns

    def begin_turn(
        self,
        turn_id: str,
        model: str | None = None,
        effort: str | None = None,
        refs: ProviderRefs | None = None,
    ) -> list[Draft]:
        """Start a turn. A running one is interrupted first; a used or blank id does nothing."""
        if (
            nonblank(turn_id) is None
            or self.turn_id == turn_id
            or self._closed.has("turn", turn_id)
        ):
            return []
        drafts = self.end_turn(Ending("interrupted", "superseded"))
        drafts += self._close_items("completed")
        self.turn_id = turn_id
        self._base = "ready"
        started = TurnStarted(model=nonblank(model), effort=nonblank(effort))
        drafts += self.say("turn.started", started, refs)
        return drafts + self._settle()

    def end_turn(self, ending: Ending) -> list[Draft]:
        """End the running turn: requests resolved, items completed, turn.completed, state ready.

        Items that still waited for an answer are declined: they never ran. Nothing without a turn.
        """
        if self.turn_id is None:
            return []
        held = {request.item_id for request in self.requests.values() if request.item_id}
        drafts = self._cancel_requests()
        drafts += self._close_items(_ITEM_STATUS_AT_TURN_END[ending.state], held)
        payload = TurnCompleted(
            state=ending.state,
            stop_reason=nonblank(ending.stop_reason),
            usage=ending.usage,
            model_usage=ending.model_usage,
            total_cost_usd=ending.total_cost_usd,
            error_message=nonblank(ending.error_message),
        )
        drafts += self.say("turn.completed", payload)
        self._closed.add("turn", self.turn_id)
        self.turn_id = None
        return drafts + self._settle()

    # Items

    def start_item(
        self,
        item_id: str,
        item_type: ItemType,
        *,
        title: str | None = None,
        detail: str | None = None,
        data: Any = None,
        refs: ProviderRefs | None = None,
    ) -> list[Draft]:
        """Start an item. An open one is updated instead; a closed or blank id does nothing."""
        if nonblank(item_id) is None or self._closed.has("item", item_id):
            return []
        if item_id in self.items:
            return self.update_item(item_id, title=title, detail=detail, data=data)
        drafts: list[Draft] = []
        if len(self.items) >= OPEN_ITEMS:
            drafts += self.complete_item(next(iter(self.items)), "failed")
        self.items[item_id] = OpenItem(item_type, self.turn_id, nonblank(title), refs)
        return [*drafts, self._item("item.started", item_id, "inProgress", detail, data)]

    def update_item(
        self,
        item_id: str,
        *,
        title: str | None = None,
        detail: str | None = None,
        data: Any = None,
    ) -> list[Draft]:
        """Say what is new about an open item; nothing for an item that is not open."""
        item = self.items.get(item_id)
        if item is None:
            return []
        item.title = nonblank(title) or item.title
        return [self._item("item.updated", item_id, "inProgress", detail, data)]

    def complete_item(
        self,
        item_id: str,
        status: ItemStatus = "completed",
        *,
        title: str | None = None,
        detail: str | None = None,
        data: Any = None,
    ) -> list[Draft]:
        """Complete an open item; nothing for an item that is not open. inProgress is completed."""
        item = self.items.get(item_id)
        if item is None:
            return []
        item.title = nonblank(title) or item.title
        final: ItemStatus = "completed" if status == "inProgress" else status
        draft = self._item("item.completed", item_id, final, detail, data)
        del self.items[item_id]
        self._closed.add("item", item_id)
        return [draft]

    def delta(self, item_id: str, stream: StreamKind, text: str) -> list[Draft]:
        """Add text to an item; an unknown item is started, a closed one takes nothing more."""
        if not text or nonblank(item_id) is None or self._closed.has("item", item_id):
            return []
        drafts: list[Draft] = []
        if item_id not in self.items:
            drafts = self.start_item(item_id, _ITEM_OF_STREAM[stream])
        turn_id = self.items[item_id].turn_id
        for start in range(0, len(text), DELTA_CHARS):
            piece = ContentDelta(stream_kind=stream, delta=text[start : start + DELTA_CHARS])
            drafts.append(
                Draft(type="content.delta", payload=piece, turn_id=turn_id, item_id=item_id)
            )
        return drafts

    # Requests

    def open_request(
        self,
        request_id: str,
        request_type: RequestType,
        *,
        item_id: str | None = None,
        detail: str | None = None,
        args: Any = None,
        options: list[RequestOption] | None = None,
        refs: ProviderRefs | None = None,
    ) -> list[Draft]:
        """Open a request; a used or blank id, or one over the bound, is not in `requests` then."""
        known = request_id in self.requests or self._closed.has("request", request_id)
        if known or nonblank(request_id) is None or len(self.requests) >= OPEN_REQUESTS:
            return []
        request = OpenRequest(request_type, self.turn_id, nonblank(item_id), refs)
        self.requests[request_id] = request
        payload = RequestOpened(
            request_type=request_type,
            detail=nonblank(detail),
            args=args,
            options=options or None,
        )
        return [self._request("request.opened", request_id, request, payload), *self._settle()]

    def resolve_request(
        self, request_id: str, decision: str | None, resolution: Any = None
    ) -> list[Draft]:
        """Resolve an open request; nothing for one that is not open.

        An item that it held up is completed as declined when the decision declines it.
        """
        request = self.requests.pop(request_id, None)
        if request is None:
            return []
        self._closed.add("request", request_id)
        payload = RequestResolved(
            request_type=request.request_type, decision=nonblank(decision), resolution=resolution
        )
        drafts = [self._request("request.resolved", request_id, request, payload)]
        if request.item_id and decision in _DECLINING:
            drafts += self.complete_item(request.item_id, "declined")
        return drafts + self._settle()

    # Within

    def _cancel_requests(self) -> list[Draft]:
        drafts = []
        for request_id, request in self.requests.items():
            payload = RequestResolved(request_type=request.request_type, decision="cancel")
            drafts.append(self._request("request.resolved", request_id, request, payload))
            self._closed.add("request", request_id)
        self.requests.clear()
        return drafts

    def _close_items(
        self, status: ItemStatus, declined: set[str] | frozenset[str] = frozenset()
    ) -> list[Draft]:
        drafts = []
        for item_id in list(self.items):
            drafts += self.complete_item(item_id, "declined" if item_id in declined else status)
        return drafts

    def _settle(self, reason: str | None = None, detail: Any = None) -> list[Draft]:
        state = self._derived()
        if state is None or (state == self._announced and reason is None and detail is None):
            return []
        self._announced = state
        payload = SessionStateChanged(state=state, reason=reason, detail=detail)
        return self.say("session.state.changed", payload)

    def _derived(self) -> SessionState | None:
        if self._base in ("stopped", "error"):
            return self._base
        if self.requests:
            return "waiting"
        return "running" if self.turn_id is not None else self._base

    def _item(
        self, type_: str, item_id: str, status: ItemStatus, detail: str | None, data: Any
    ) -> Draft:
        item = self.items[item_id]
        payload = ItemLifecycle(
            item_type=item.item_type,
            status=status,
            title=item.title,
            detail=nonblank(detail),
            data=data,
        )
        return Draft(
            type=type_, payload=payload, turn_id=item.turn_id, item_id=item_id, refs=item.refs
        )

    @staticmethod
    def _request(type_: str, request_id: str, request: OpenRequest, payload: Wire) -> Draft:
        return Draft(
            type=type_,
            payload=payload,
            turn_id=request.turn_id,
            item_id=request.item_id,
            request_id=request_id,
            refs=request.refs,
        )
