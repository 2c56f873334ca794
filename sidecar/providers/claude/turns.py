"""The turns of one session: the one that runs, those that wait, and how each comes to its end.

Owns the order: one runs, at most QUEUED wait; a result ends the one that runs. An interrupted turn
ends once what it has started is dead. Never reads: the session hands results over.

When a turn that Claude begins by itself (a background command has ended) crosses with one that was
just sent, the first result ends the sent one, and its own answer becomes a turn that begins by
itself: nothing is lost but the name.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from sidecar.contract.base import Json
from sidecar.contract.errors import Overloaded, ProviderProcessFailed, SidecarError
from sidecar.contract.methods import SendTurnParams
from sidecar.core.conversation import Ending
from sidecar.core.drafts import Draft
from sidecar.providers.base import SessionContext, TreeNote
from sidecar.providers.claude.deadlines import Deadlines
from sidecar.providers.claude.link import ClaudeLink
from sidecar.providers.claude.mapping import ClaudeMapping, ending_of
from sidecar.providers.claude.settings import Settings
from sidecar.providers.shapes import a_map, text

QUEUED = 8
"""Turns that may wait behind the running one; a person queues two or three."""

CANCELLED = Ending("cancelled", "cancelled")


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


class Turns:
    """See the module. `emit` says what becomes true, `warn` what goes wrong."""

    def __init__(
        self,
        context: SessionContext,
        mapping: ClaudeMapping,
        settings: Settings,
        deadlines: Deadlines,
        *,
        emit: Callable[[Sequence[Draft]], None],
        warn: Callable[[str, Json], None],
    ) -> None:
        self._context = context
        self._mapping = mapping
        self._settings = settings
        self._deadlines = deadlines
        self._emit = emit
        self._warn = warn
        self._link: ClaudeLink | None = None
        self._queue: deque[Turn] = deque()
        self._running: Running | None = None
        self._starting: Turn | None = None
        self._due: tuple[Ending, dict[str, Any]] | None = None
        self._owed_results = 0
        self._backgrounds = 0
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = False

    def attach(self, link: ClaudeLink) -> None:
        """Take the process that works on the turns."""
        self._link = link

    @property
    def interrupting(self) -> bool:
        """Whether the running turn was interrupted and has not ended."""
        return self._running is not None and self._running.interrupting

    @property
    def abandoned(self) -> bool:
        """Whether Claude still speaks of a turn that was ended without it: nobody listens."""
        return self._owed_results > 0

    # What a client asks for

    async def send(self, turn: Turn) -> None:
        """Give a turn to Claude, or let it wait.

        Raises Overloaded when too many wait, and what its settings raise.
        """
        idle = self._starting is None and self._mapping.conversation.turn_id is None
        if idle and not self._queue:
            await self._begin(turn)
        elif len(self._queue) >= QUEUED:
            raise Overloaded(f"Cannot queue a turn: {QUEUED} are waiting", limit=QUEUED)
        else:
            self._queue.append(turn)

    def interrupt(self, turn_id: str | None) -> None:
        """Ask Claude to end the running turn, and let none of the waiting ones run.

        The id of a waiting turn cancels that one alone.
        """
        if self._starting is not None and turn_id in (None, self._starting.turn_id):
            self._starting.cancelled = True
            if turn_id is None:
                self._cancel_waiting()
        if turn_id is not None and self._cancel_waiting(turn_id):
            return
        running = self._running
        if running is None or turn_id not in (None, running.turn_id):
            return
        self._cancel_waiting()
        if not running.interrupting:
            self._ask_to_end(running)
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._deadlines.cancel_s, self._late, running)

    def cancel(self) -> None:
        """Ask Claude to stop; whoever calls sees to the rest."""
        self._cancel_waiting()
        if self._running is not None and not self._running.interrupting:
            self._ask_to_end(self._running)

    def end(self) -> None:
        """Claude has ended: the supervisor ends what runs; what never began ends here."""
        self._ended = True
        self._stop_timer()
        for task in self._tasks:
            task.cancel()
        if not self._queue:
            return
        ending = Ending("failed", "error", error_message="Claude ended before the turn did")
        if self.interrupting:
            ending = Ending("interrupted", "interrupted")
        self._emit(self._mapping.end_turn(ending))
        while self._queue:
            self._end_unbegun(self._queue.popleft(), CANCELLED)

    # What Claude says

    def result(self, result: dict[str, Any]) -> None:
        """End the running turn at once, or make it due for `settle`."""
        if self._owed_results:
            self._owed_results -= 1
            return
        running = self._running
        if running is None:
            self._context.log("debug", "claude.stray_result", subtype=text(result.get("subtype")))
            return
        ending = ending_of(result, interrupting=running.interrupting)
        if ending.state == "interrupted":
            self._due = (ending, result)
        else:
            self._finish(ending, result)

    async def settle(self) -> None:
        """End the interrupted turn that is due; nothing that it has started lives then."""
        if self._due is not None:
            (ending, result), self._due = self._due, None
            await self._finish_interrupted(ending, result)

    def before(self, message: dict[str, Any]) -> None:
        """Look at a message before it is mapped.

        A turn that begins after its interrupt is interrupted again: that had come too early.
        """
        begins = message.get("subtype") == "init"
        if begins:
            self._owed_results = 0  # whatever ran before is over
        begins = begins or a_map(message.get("event")).get("type") == "message_start"
        if begins and self.interrupting:
            self._up().notify("interrupt")

    def after(self) -> None:
        """Notice what Claude has begun by itself: a turn, or something in the background."""
        turn_id = self._mapping.conversation.turn_id
        begun = turn_id is not None and self._running is None
        if begun and turn_id is not None:
            self._running = Running(turn_id)
        backgrounds = self._mapping.agents.background
        if self._running is not None and (begun or backgrounds > self._backgrounds):
            self._spawn(self._note(self._running))
        self._backgrounds = backgrounds

    # Within

    async def _begin(self, turn: Turn) -> None:
        """Give a turn to Claude. Raises what its settings raise; it was not begun then."""
        self._starting = turn
        try:
            await self._settings.for_turn(turn.params)
            note = await self._context.note_tree()
        finally:
            self._starting = None
        if self._mapping.conversation.turn_id is not None:
            self._queue.appendleft(turn)  # Claude has begun one by itself meanwhile
        elif turn.cancelled:
            self._end_unbegun(turn, CANCELLED)
        else:
            self._up().prompt(turn.content)
            self._running = Running(turn.turn_id, note)
            self._emit(self._mapping.begin_turn(turn.turn_id))

    async def _next(self) -> None:
        """Begin the next of the waiting turns; those that cannot be begun end as failed."""
        while self._queue and not self._ended and self._mapping.conversation.turn_id is None:
            turn = self._queue.popleft()
            if turn.cancelled:
                self._end_unbegun(turn, CANCELLED)
                continue
            try:
                await self._begin(turn)
            except SidecarError as error:
                self._end_unbegun(turn, Ending("failed", "error", error_message=error.message))

    def _end_unbegun(self, turn: Turn, ending: Ending) -> None:
        self._emit(self._mapping.begin_turn(turn.turn_id))
        self._emit(self._mapping.end_turn(ending))

    def _ask_to_end(self, running: Running) -> None:
        running.interrupting = True
        self._up().notify("interrupt")

    def _cancel_waiting(self, turn_id: str | None = None) -> bool:
        """Cancel one waiting turn, or all; tell whether there was any."""
        found = [turn for turn in self._queue if turn_id in (None, turn.turn_id)]
        for turn in found:
            turn.cancelled = True
        return bool(found)

    async def _finish_interrupted(self, ending: Ending, result: dict[str, Any]) -> None:
        running = self._running
        self._stop_timer()
        if running is not None and running.note is not None:
            try:
                await self._context.stop_since(running.note, self._deadlines.stop_s)
            except ProviderProcessFailed as error:
                self._warn(error.message, {"kind": "interrupt-survivors"})
        if self._running is running:
            self._finish(ending, result)

    def _finish(self, ending: Ending, result: dict[str, Any]) -> None:
        self._running = None
        self._stop_timer()
        self._emit(self._mapping.end_turn(ending, result))
        if self._queue and not self._ended:
            self._spawn(self._next())

    def _late(self, running: Running) -> None:
        self._timer = None
        self._spawn(self._abandon(running))

    async def _abandon(self, running: Running) -> None:
        """End a turn that Claude does not end; what it still says of it is dropped."""
        if self._running is not running:
            return
        seconds = self._deadlines.cancel_s
        message = f"Claude did not end the interrupted turn within {seconds:g} s"
        self._warn(message, {"kind": "cancel-ignored"})
        self._owed_results += 1
        await self._finish_interrupted(Ending("interrupted", "interrupted"), {})

    async def _note(self, running: Running) -> None:
        """Spare what lives now from an interrupt of the turn."""
        running.note = await self._context.note_tree()

    def _up(self) -> ClaudeLink:
        if self._link is None:
            raise ProviderProcessFailed("Claude is not up")
        return self._link

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
