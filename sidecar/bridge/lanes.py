"""The order of requests to one session, over all connections (PROTOCOL §5, P5.9).

Owns who is next. Never knows what a request does.
"""

import asyncio
from collections import deque
from types import TracebackType
from typing import Self


class Lanes:
    """One queue a thread; a thread without requests costs nothing."""

    def __init__(self) -> None:
        self._queues: dict[str, deque[Turn]] = {}

    def queue(self, thread_id: str) -> "Turn":
        """Take a place now; `async with` it to wait until everybody before has left."""
        turn = Turn(self, thread_id)
        queue = self._queues.setdefault(thread_id, deque())
        queue.append(turn)
        if queue[0] is turn:
            turn.come()
        return turn

    def leave(self, turn: "Turn") -> None:
        """Give a place up, whether its turn had come or not."""
        queue = self._queues.get(turn.thread_id)
        if queue is None or turn not in queue:
            return
        queue.remove(turn)
        if queue:
            queue[0].come()
        else:
            del self._queues[turn.thread_id]

    def __len__(self) -> int:
        return len(self._queues)


class Turn:
    """A place in a queue."""

    def __init__(self, lanes: Lanes, thread_id: str) -> None:
        self.thread_id = thread_id
        self._lanes = lanes
        self._has_come = asyncio.Event()

    def come(self) -> None:
        """Note that nobody is before it any more."""
        self._has_come.set()

    async def __aenter__(self) -> Self:
        try:
            await self._has_come.wait()
        except asyncio.CancelledError:
            self._lanes.leave(self)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lanes.leave(self)
