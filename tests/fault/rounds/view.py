"""What the first client knows of each session, kept up as events come."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

from tests.support.client import SidecarClient
from tests.support.received import Received

LOOK_S = 0.01


class Thread:
    """One session as its events tell it."""

    def __init__(self) -> None:
        self.generation = 0
        self.up = False
        self.exited = False
        self.exits = 0
        self.turns: dict[str, str] = {}
        """Completed turns and how they ended."""
        self.asked: dict[str, int] = {}
        """Open requests and their generation."""

    def take(self, event: dict[str, Any]) -> None:
        """Take the next event of the thread."""
        kind, payload = event["type"], event["payload"]
        if event["generation"] > self.generation:
            self.generation, self.exited, self.up = event["generation"], False, False
        match kind:
            case "session.state.changed":
                self.up = payload["state"] in ("ready", "running", "waiting")
            case "session.exited":
                self.exited, self.up = True, False
                self.exits += 1
            case "turn.completed":
                self.turns[event["turnId"]] = payload["state"]
            case "request.opened":
                self.asked[event["requestId"]] = self.generation
            case "request.resolved":
                self.asked.pop(event["requestId"], None)


class View:
    """All sessions, read from a client's list of events as it grows."""

    def __init__(self, client: SidecarClient, threads: Iterable[str]) -> None:
        self._client = client
        self._seen = 0
        self.threads = {thread: Thread() for thread in threads}

    def look(self) -> None:
        """Take what has come since the last look."""
        events: list[Received] = self._client.events
        while self._seen < len(events):
            event = events[self._seen].event
            self._seen += 1
            self.threads.setdefault(event["threadId"], Thread()).take(event)

    async def until(self, reached: Callable[[], bool], deadline_s: float) -> bool:
        """Wait until `reached`; False at the deadline."""
        end = time.monotonic() + deadline_s
        self.look()
        while not reached():
            if time.monotonic() >= end:
                return False
            await asyncio.sleep(LOOK_S)
            self.look()
        return True
