"""What one session still has to hear of the shared event stream.

Owns the bound. The stream is read for all sessions at once, so nobody waits for a session that has
no credit: its events wait here, and when they are too many they are dropped for one `Resync`,
upon which the session reads its state over HTTP again. Nothing is lost but the pace of some text.
"""

import asyncio
from collections import deque
from typing import Final, NamedTuple

from sidecar.contract.limits import MIB
from sidecar.providers.opencode.wire import Event

INBOX_EVENTS: Final = 8192
"""Events that may wait: some minutes of a fast model's deltas."""

INBOX_BYTES: Final = 24 * MIB
"""Bytes of these events as they came; one event may be over it, or it could never be heard."""


class Resync(NamedTuple):
    """Events were lost here, for `reason`: what stands must be read again."""

    reason: str


class Closed(NamedTuple):
    """The server is gone; nothing follows."""

    reason: str


class Inbox:
    """A queue with one reader."""

    def __init__(self, max_events: int = INBOX_EVENTS, max_bytes: int = INBOX_BYTES) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._waiting: deque[tuple[Event | Resync, int]] = deque()
        self._held_bytes = 0
        self._closed: Closed | None = None
        self._changed = asyncio.Event()
        self._woken = False

    def put(self, event: Event) -> None:
        """Queue an event; when there is no room, it and what waits become one Resync."""
        if self._closed is not None:
            return
        full = len(self._waiting) >= self._max_events
        if self._waiting and (full or self._held_bytes + event.size_bytes > self._max_bytes):
            self._waiting.clear()
            self._held_bytes = 0
            self._push(Resync("the session fell behind"), 0)
        else:
            self._push(event, event.size_bytes)

    def resync(self, reason: str) -> None:
        """Say that events may be missing behind what waits; once is enough."""
        said = bool(self._waiting) and isinstance(self._waiting[-1][0], Resync)
        if self._closed is None and not said:
            self._push(Resync(reason), 0)

    def wake(self) -> None:
        """Let the reader look again at what it waits for: `get` returns None once."""
        self._woken = True
        self._changed.set()

    def close(self, reason: str) -> None:
        """Let the reader hear what waits, then that the server is gone."""
        if self._closed is None:
            self._closed = Closed(reason)
            self._changed.set()

    async def get(self) -> Event | Resync | Closed | None:
        """Wait for the next one; Closed for ever once the server is gone."""
        while not self._waiting:
            if self._closed is not None:
                return self._closed
            if self._woken:
                self._woken = False
                return None
            self._changed.clear()
            await self._changed.wait()
        item, size_bytes = self._waiting.popleft()
        self._held_bytes -= size_bytes
        return item

    def _push(self, item: Event | Resync, size_bytes: int) -> None:
        self._waiting.append((item, size_bytes))
        self._held_bytes += size_bytes
        self._changed.set()
