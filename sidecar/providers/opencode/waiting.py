"""Turns that wait for the running one, in order. Pure.

OpenCode itself would take a prompt into the running turn; here it gets one at a time, so that each
turn has an end of its own.
"""

from collections import deque
from dataclasses import dataclass
from typing import Any, Final

from sidecar.contract.errors import Overloaded
from sidecar.providers.opencode.prompt import Chosen

WAITING: Final = 8
"""Turns that may wait; a person types ahead two or three."""


@dataclass(slots=True)
class Prompt:
    """A turn that was asked for. A cancelled one is begun and ended, and never sent."""

    turn_id: str
    body: dict[str, Any]
    chosen: Chosen
    cancelled: bool = False


class Waiting:
    """The queue."""

    def __init__(self) -> None:
        self._prompts: deque[Prompt] = deque()

    def add(self, prompt: Prompt) -> None:
        """Put a turn at the end. Raises Overloaded when there is no room."""
        if sum(not waiting.cancelled for waiting in self._prompts) >= WAITING:
            raise Overloaded(f"Cannot start a turn: {WAITING} wait already", limit=WAITING)
        self._prompts.append(prompt)

    def next(self) -> Prompt | None:
        """Take the first turn off."""
        return self._prompts.popleft() if self._prompts else None

    def cancel(self, turn_id: str | None = None) -> bool:
        """Cancel a waiting turn, or all; tell whether there was one."""
        found = [p for p in self._prompts if turn_id in (None, p.turn_id)]
        for prompt in found:
            prompt.cancelled = True
        return bool(found)

    def __bool__(self) -> bool:
        return bool(self._prompts)
