"""What the writer's thread has to tell, carried to the event loop.

The writer sets facts and queues answers; one callback on the loop takes all there are: many commits
during one turn of the loop cost one wake-up. No lock: the flag is cleared before the facts are
read, so a fact set meanwhile either is read or asks for another callback.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from sidecar.journal.types import JournalState


@dataclass(frozen=True, slots=True)
class Facts:
    """What is true of the database now; replaced as a whole."""

    head: int
    oldest: int
    state: JournalState = "ok"
    message: str | None = None


class Outbox:
    """`facts` and answers go in on the writer's thread and come out on the loop's."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self._answers: SimpleQueue[tuple[asyncio.Future[Any], Any, BaseException | None]] = (
            SimpleQueue()
        )
        self._asked = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_news: Callable[[Facts], None] = lambda _facts: None

    def attach(self, loop: asyncio.AbstractEventLoop, on_news: Callable[[Facts], None]) -> None:
        """Name the loop, and who is called on it with the newest facts."""
        self._loop = loop
        self._on_news = on_news

    def tell(self, facts: Facts) -> None:
        """Replace the facts (writer's thread)."""
        self.facts = facts
        self._wake()

    def answer(
        self, future: asyncio.Future[Any], result: Any = None, error: BaseException | None = None
    ) -> None:
        """Settle a future of the loop (writer's thread)."""
        self._answers.put((future, result, error))
        self._wake()

    def take(self) -> None:
        """Deliver all there is (loop's thread); nothing new is no news."""
        self._asked = False
        self._on_news(self.facts)
        while not self._answers.empty():
            future, result, error = self._answers.get()
            if future.done():
                continue  # whoever asked was cancelled; the commit stands
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)

    def _wake(self) -> None:
        if self._asked or self._loop is None:
            return
        self._asked = True
        try:
            with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
                self._loop.call_soon_threadsafe(self.take)
        except MemoryError:
            self._asked = False  # the next news asks, or the loop takes it unasked
