"""Input handed to Codex: it steers the running turn, or starts the next one.

Owns which start is under way, and what the turn that it begins was set to.
"""

import asyncio

from sidecar.contract.base import Json
from sidecar.contract.errors import ProviderRequestFailed
from sidecar.providers.codex.catalog import Choice
from sidecar.providers.codex.deadlines import Deadlines
from sidecar.providers.codex.ends import TurnEnds
from sidecar.providers.codex.link import CodexLink
from sidecar.providers.codex.mapping import CodexMapping
from sidecar.providers.codex.settings import Settings
from sidecar.providers.shapes import a_map, text


class Sender:
    """Hands the turns of one thread over."""

    def __init__(
        self,
        link: CodexLink,
        mapping: CodexMapping,
        settings: Settings,
        ends: TurnEnds,
        deadlines: Deadlines,
    ) -> None:
        self._link = link
        self._mapping = mapping
        self._settings = settings
        self._ends = ends
        self._call_s = deadlines.call_s
        self._starting: asyncio.Future[None] | None = None
        self.chosen = Choice()
        """What the turn that was started last was set to."""

    @property
    def is_starting(self) -> bool:
        """Whether a turn/start is unanswered."""
        return self._starting is not None

    async def started(self) -> None:
        """Wait until no turn/start is unanswered; within its deadline."""
        if self._starting is not None:
            await asyncio.wait({self._starting}, timeout=self._call_s)

    async def send(self, items: list[Json], changes: dict[str, Json], choice: Choice) -> str:
        """Hand input over; return the id of the turn that takes it. Raises ProviderRequestFailed.

        `changes` are settings: those that come with input for a running turn hold from the next on.
        """
        turn_id = await self._steer(items, changes)
        return turn_id or await self._start(items, changes, choice)

    async def _steer(self, items: list[Json], changes: dict[str, Json]) -> str | None:
        """Put input into the running turn; None without one, or if it ended meanwhile."""
        running = self._mapping.conversation.turn_id
        if running is None:
            return None
        await self._settings.update(changes, self._call_s)
        params: dict[str, Json] = {
            "threadId": self._mapping.thread_id,
            "expectedTurnId": running,
            "input": items,
        }
        response = await self._link.call("turn/steer", params, self._call_s)
        if response.error is not None:
            await self._ends.over()
            if self._mapping.conversation.turn_id != running:
                return None
        self._link.result_of(response)
        return running

    async def _start(self, items: list[Json], changes: dict[str, Json], choice: Choice) -> str:
        """Start a turn and return its id; it is begun when Codex's answer is read."""
        self.chosen = choice
        starting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._starting = starting
        try:
            await self._ends.guard.note()
            params: dict[str, Json] = {
                "threadId": self._mapping.thread_id,
                "input": items,
                **changes,
            }
            result = await self._link.result("turn/start", params, self._call_s)
        finally:
            self._starting = None
            starting.set_result(None)
        turn_id = text(a_map(result.get("turn")).get("id"))
        if turn_id is None:
            raise ProviderRequestFailed("Codex started a turn without an id", method="turn/start")
        return turn_id
