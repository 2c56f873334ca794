"""The turns of one session that are not begun yet, and the one that runs.

Owns the order of turns: one runs, at most QUEUED wait. Never writes and never emits.
"""

from collections import deque
from dataclasses import dataclass
from typing import Any

from sidecar.contract.errors import Overloaded
from sidecar.contract.methods import SendTurnParams
from sidecar.providers.base import TreeNote

QUEUED = 8
"""Turns that may wait behind the running one; a person queues two or three."""


@dataclass(slots=True)
class Turn:
    """A turn that a client has sent. A cancelled one is begun and ended when its time comes."""

    turn_id: str
    content: list[dict[str, Any]]
    params: SendTurnParams
    cancelled: bool = False


@dataclass(slots=True)
class Running:
    """The turn that Claude works on, and what the session's tree was when it began."""

    turn_id: str
    note: TreeNote | None = None
    interrupting: bool = False


class Queue:
    """The turns that wait."""

    def __init__(self) -> None:
        self._turns: deque[Turn] = deque()

    def __len__(self) -> int:
        return len(self._turns)

    def add(self, turn: Turn) -> None:
        """Let a turn wait. Raises Overloaded when too many do."""
        if len(self._turns) >= QUEUED:
            raise Overloaded(f"Cannot queue a turn: {QUEUED} are waiting", limit=QUEUED)
        self._turns.append(turn)

    def put_back(self, turn: Turn) -> None:
        """Let a turn be the next again."""
        self._turns.appendleft(turn)

    def next(self) -> Turn | None:
        """Take the turn whose time has come."""
        return self._turns.popleft() if self._turns else None

    def cancel(self, turn_id: str | None = None) -> bool:
        """Cancel one waiting turn, or all; tell whether there was any."""
        found = [turn for turn in self._turns if turn_id in (None, turn.turn_id)]
        for turn in found:
            turn.cancelled = True
        return bool(found)
