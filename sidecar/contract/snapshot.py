"""A session as a client sees it: the adapter's view, and the fold that a snapshot carries.

Owns shapes alone (PROTOCOL §4, EVENTS adapter). How they are folded stands in sidecar/core/fold.
"""

from typing import Any

from sidecar.contract.base import NonBlank, Slug, Wire
from sidecar.contract.vocabulary import ItemStatus, ItemType, RuntimeMode, SessionStatus


class SessionView(Wire, frozen=True):
    """A session as the adapter of docs/EVENTS.md describes it."""

    provider: Slug
    thread_id: NonBlank
    status: SessionStatus
    runtime_mode: RuntimeMode
    created_at: NonBlank
    updated_at: NonBlank
    provider_instance_id: Slug | None = None
    cwd: NonBlank | None = None
    model: NonBlank | None = None
    resume_cursor: Any = None
    active_turn_id: NonBlank | None = None
    last_error: NonBlank | None = None


class ActiveItem(Wire, frozen=True):
    """An item of the running turn; `text` is what was streamed, by stream kind."""

    item_id: str
    item_type: ItemType
    status: ItemStatus
    text: dict[str, str] = {}


class ActiveTurn(Wire, frozen=True):
    """The running turn; `truncated` when the front of its text was dropped (ACTIVE_TEXT_BYTES)."""

    turn_id: str
    started_at: str
    items: list[ActiveItem] = []
    truncated: bool = False


class PendingRequest(Wire, frozen=True):
    """An unanswered request.opened or user-input.requested (`type` says which)."""

    type: str
    payload: Any
    created_at: str
    turn_id: str | None = None


class Restarts(Wire, frozen=True):
    """How often the session was restarted within its window, and what comes next."""

    count: int = 0
    backoff_until: str | None = None
    gave_up: bool = False


class SessionSnapshot(SessionView, frozen=True, kw_only=True):
    """One session in a snapshot: the view, and what a UI needs to go on from here."""

    generation: int
    restarts: Restarts
    parent: str | None = None
    children: list[str] = []
    active_turn: ActiveTurn | None = None
    pending_requests: dict[str, PendingRequest] = {}
    tasks: dict[str, Any] = {}
    usage: Any = None
    parked: bool = False
    """Whether it has no process until its next call."""


class SnapshotState(Wire, frozen=True):
    """Every session that the client asked for, by threadId."""

    sessions: dict[str, SessionSnapshot]


class Snapshot(Wire, frozen=True):
    """The fold of the journal at seq `at`."""

    at: int
    epoch: int
    state: SnapshotState
