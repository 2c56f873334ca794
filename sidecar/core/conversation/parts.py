"""What a conversation keeps of each open thing, and every bound of it."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from sidecar.contract.events import ProviderRefs
from sidecar.contract.events.task import Linkage
from sidecar.contract.vocabulary import ItemStatus, ItemType, RequestType, TurnState

OPEN_ITEMS = 1024
"""Items open at once; one more closes the oldest. Real turns have a handful; an agent that never
finishes its tool calls must not grow this map for ever."""

OPEN_REQUESTS = 256
"""Requests open at once; one more is not opened, and its asker must be refused."""

OPEN_TASKS = 256
"""Tasks open at once; one more ends the oldest as stopped. As many as the fold keeps."""

REMEMBERED_IDS = 4096
"""Closed turn, item, request and task ids kept, so that a late word about one changes nothing."""

DELTA_CHARS = 8 * 1024 * 1024
"""Longest text of one delta; a longer one is cut into several. Four bytes a character at most keep
an event far below contract.limits.TRANSFER_BYTES."""

BaseState = Literal["starting", "ready", "stopped", "error"]
"""States that are said; `running` and `waiting` follow from what is open."""

ITEM_STATUS_AT_TURN_END: Final[dict[TurnState, ItemStatus]] = {
    "completed": "completed",
    "failed": "failed",
    "interrupted": "failed",
    "cancelled": "failed",
}
DECLINING: Final = frozenset({"decline", "cancel"})


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
    """An item that was started and not completed. A background one belongs to no turn."""

    item_type: ItemType
    turn_id: str | None
    title: str | None = None
    refs: ProviderRefs | None = None
    agent_id: str | None = None
    parent_tool_use_id: str | None = None
    background: bool = False


@dataclass(slots=True)
class OpenRequest:
    """A request that was opened and not resolved. `item_id` names the item that it holds up.

    `request_type` is None for questions (user-input.requested).
    """

    request_type: RequestType | None
    turn_id: str | None
    item_id: str | None = None
    refs: ProviderRefs | None = None
    background: bool = False


@dataclass(slots=True)
class OpenTask:
    """A task that was started and not completed; its linkage is repeated on each row."""

    linkage: Linkage
    description: str | None = None


@dataclass(slots=True)
class Memory:
    """The last REMEMBERED_IDS ids that were closed."""

    ids: OrderedDict[tuple[str, str], None] = field(default_factory=OrderedDict)

    def add(self, kind: str, id_: str) -> None:
        """Remember that the thing is closed."""
        self.ids[kind, id_] = None
        if len(self.ids) > REMEMBERED_IDS:
            self.ids.popitem(last=False)

    def has(self, kind: str, id_: str) -> bool:
        """Tell whether the thing is known to be closed."""
        return (kind, id_) in self.ids
