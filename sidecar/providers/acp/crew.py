"""The tasks that run beside the reading of one agent: its requests, its terminals, slow ends.

Owns their lives: none outlives the reading. Never knows what they do.
"""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any


class Crew:
    """`async with Crew() as crew`: what crew.run has started is over behind the block.

    An error in one of them ends the block, and is raised by it.
    """

    def __init__(self) -> None:
        self._group: asyncio.TaskGroup | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Crew":
        self._group = await asyncio.TaskGroup().__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        group, self._group = self._group, None
        for task in self._tasks:
            task.cancel()
        if group is None:
            return
        try:
            await group.__aexit__(kind, error, trace)
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None

    def run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
        """Run `work`; None, and it is not begun, when the reading is over."""
        if self._group is None:
            work.close()
            return None
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def __len__(self) -> int:
        return len(self._tasks)
