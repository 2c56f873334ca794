"""What the fold keeps of a session: plain mutable Structs, dumped as they are."""

from typing import Any, Literal

import msgspec

from sidecar.contract.snapshot import (
    ActiveItem,
    ActiveTurn,
    PendingRequest,
    Restarts,
    SessionSnapshot,
)
from sidecar.contract.vocabulary import (
    STATUS_OF_STATE,
    ItemStatus,
    ItemType,
    RuntimeMode,
    SessionState,
)
from sidecar.core.fold.text import TextWindow


class ItemFold(msgspec.Struct):
    """An item. `phase`: mentioned by a delta alone, open (started or updated), or done."""

    item_type: ItemType
    status: ItemStatus = "inProgress"
    phase: Literal["mentioned", "open", "done"] = "mentioned"
    turn_id: str | None = None

    @property
    def open(self) -> bool:
        """Whether it waits for its item.completed."""
        return self.phase == "open"


class TurnFold(msgspec.Struct):
    """The running turn, its items by id in order of first mention, and its text."""

    turn_id: str
    started_at: str
    items: dict[str, ItemFold] = {}
    text: TextWindow = msgspec.field(default_factory=TextWindow)
    items_dropped: bool = False

    def snapshot(self) -> ActiveTurn:
        """Return what a snapshot shows of it."""
        streams = self.text.streams()
        return ActiveTurn(
            turn_id=self.turn_id,
            started_at=self.started_at,
            items=[
                ActiveItem(
                    item_id=item_id,
                    item_type=item.item_type,
                    status=item.status,
                    text=streams.get(item_id, {}),
                )
                for item_id, item in self.items.items()
            ],
            truncated=self.items_dropped or self.text.truncated,
        )


class SessionFold(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One session. Belongs to its Fold: read it, never change it."""

    thread_id: str
    provider: str
    generation: int
    created_at: str
    updated_at: str
    provider_instance_id: str | None = None
    state: SessionState = "starting"
    exited: bool = False
    runtime_mode: RuntimeMode = "approval-required"
    cwd: str | None = None
    model: str | None = None
    parent: str | None = None
    resume_cursor: Any = None
    last_error: str | None = None
    usage: Any = None
    restarts: Restarts = Restarts()
    parked: bool = False
    turn: TurnFold | None = None
    loose_items: dict[str, ItemFold] = {}
    requests: dict[str, PendingRequest] = {}
    tasks: dict[str, dict[str, Any]] = {}

    def begin_generation(
        self, generation: int, provider: str, provider_instance_id: str | None
    ) -> None:
        """Forget what belonged to the generation before (G3)."""
        self.generation = generation
        self.provider = provider
        self.provider_instance_id = provider_instance_id
        self.state = "starting"
        self.exited = False
        self.cwd = None
        self.parent = None
        self.restarts = Restarts()
        self.parked = False
        self.drop_open()

    def drop_open(self) -> None:
        """Forget the turn and all that is open."""
        self.turn = None
        self.loose_items = {}
        self.requests = {}
        self.tasks = {}

    def open_items(self) -> list[tuple[str, ItemFold]]:
        """Return the items that are not completed, oldest first."""
        inside = self.turn.items if self.turn is not None else {}
        return [
            (item_id, item)
            for items in (self.loose_items, inside)
            for item_id, item in items.items()
            if item.open
        ]

    def snapshot(self, children: list[str]) -> SessionSnapshot:
        """Return the session as a snapshot carries it."""
        turn = self.turn
        return SessionSnapshot(
            provider=self.provider,
            thread_id=self.thread_id,
            status=STATUS_OF_STATE[self.state],
            runtime_mode=self.runtime_mode,
            created_at=self.created_at,
            updated_at=self.updated_at,
            provider_instance_id=self.provider_instance_id,
            cwd=self.cwd,
            model=self.model,
            resume_cursor=self.resume_cursor,
            active_turn_id=turn.turn_id if turn else None,
            last_error=self.last_error,
            generation=self.generation,
            restarts=self.restarts,
            parent=self.parent,
            children=children,
            active_turn=turn.snapshot() if turn else None,
            pending_requests=dict(self.requests),
            tasks={task_id: dict(task) for task_id, task in self.tasks.items()},
            usage=self.usage,
            parked=self.parked,
        )
