"""How the running turn ends: by itself, by an interrupt, or because its model cannot be reached.

Holds the end of an interrupted turn back until its sub-agents are quiet and what it has started is
dead. Owns the timers of a turn and the one task that ends it.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from sidecar.contract.errors import Overloaded, ProviderProcessFailed, ProviderRequestFailed
from sidecar.core.conversation import Ending
from sidecar.providers.base import SessionContext
from sidecar.providers.codex.asking import Desk
from sidecar.providers.codex.deadlines import Deadlines
from sidecar.providers.codex.guard import TurnGuard
from sidecar.providers.codex.link import CodexLink
from sidecar.providers.codex.mapping import CodexMapping, ending_of, in_words
from sidecar.providers.codex.mcp import reload_mcp


class TurnEnds:
    """The end of each turn of one session."""

    def __init__(
        self,
        context: SessionContext,
        link: CodexLink,
        mapping: CodexMapping,
        desk: Desk,
        deadlines: Deadlines,
    ) -> None:
        self._context = context
        self._link = link
        self._mapping = mapping
        self.guard = TurnGuard(context)
        self._desk = desk
        self._deadlines = deadlines
        self._interrupted: str | None = None
        self._verdict: Ending | None = None
        self._quiet_agents = asyncio.Event()
        self._ending: asyncio.Task[None] | None = None
        self._over = asyncio.Event()
        self._over.set()
        self._restarting: asyncio.Task[None] | None = None
        self._cancel_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._stall_words = ""

    # What ends a turn

    def interrupt(self) -> None:
        """Ask Codex to end the running turn with its sub-agents; a second call does nothing."""
        turn_id = self._mapping.conversation.turn_id
        if turn_id is None or self._interrupted == turn_id or self._is_ending():
            return
        self._interrupted = turn_id
        self._over.clear()
        self._ask_to_end(self._mapping.thread_id, turn_id)
        self._ask_agents_to_end(turn_id)
        self._desk.withdraw(self._mapping.thread_id)
        self._cancel_timer = self._later(self._deadlines.cancel_s, self._abandon)

    def completed(self, turn: dict[str, Any]) -> None:
        """Take turn/completed of the main thread."""
        turn_id = self._mapping.conversation.turn_id
        if turn_id is None or turn.get("id") != turn_id or self._is_ending():
            return
        ending = self._verdict or ending_of(turn)
        if ending.state == "interrupted" or self._interrupted == turn_id:
            self._end_whole(ending)
        else:
            self._finish(ending)

    def told(self, method: str, params: dict[str, Any]) -> None:
        """Take any other notification: a sub-agent may be quiet now, the model out of reach."""
        if not self._mapping.agents.running(self._mapping.conversation.turn_id):
            self._quiet_agents.set()
        if method == "error" and params.get("willRetry") is True:
            self._stalls(params)
        elif method.startswith("item/"):
            self.progressed(params)

    def progressed(self, params: dict[str, Any]) -> None:
        """The main thread has got on: its model is in reach."""
        if params.get("threadId") == self._mapping.thread_id:
            self._stall_timer = _stopped(self._stall_timer)

    async def settled(self) -> None:
        """Wait until an interrupted turn has ended whole; within its deadlines."""
        if self._ending is not None:
            await asyncio.wait({self._ending})

    async def over(self) -> None:
        """Wait until a turn that was asked to end has ended whole: it takes no input any more.

        Never while reading: what is read ends it.
        """
        await self._over.wait()
        await self.settled()

    def close(self) -> None:
        """Nothing will come any more: stop timers and task."""
        self._over.set()
        self._stop_timers()
        for task in (self._ending, self._restarting):
            if task is not None:
                task.cancel()

    # Timers

    def _stalls(self, params: dict[str, Any]) -> None:
        if params.get("threadId") != self._mapping.thread_id:
            return
        self._stall_words = in_words(params.get("error"))
        if self._stall_timer is None and self._mapping.conversation.turn_id is not None:
            self._stall_timer = self._later(self._deadlines.reconnect_s, self._give_up)

    def _give_up(self) -> None:
        """The model was out of reach for too long: end the turn as failed."""
        self._stall_timer = None
        seconds = self._deadlines.reconnect_s
        message = f"The model could not be reached for {seconds:g} s: {self._stall_words}"
        self._verdict = Ending("failed", "model-unreachable", error_message=message)
        self.interrupt()

    def _abandon(self) -> None:
        """End a turn that Codex does not end; what it still says of it is dropped."""
        self._cancel_timer = None
        if self._interrupted is None or self._is_ending():
            return
        seconds = self._deadlines.cancel_s
        message = f"Codex did not end the interrupted turn within {seconds:g} s"
        warning = self._mapping.conversation.warning(message, {"kind": "cancel-ignored"})
        self._context.emit(warning)
        self._end_whole(self._verdict or Ending("interrupted", "interrupted"))

    # The end itself

    def _end_whole(self, ending: Ending) -> None:
        """End a turn once nothing of it runs any more."""
        self._stop_timers()
        self._quiet_agents.clear()
        self._ending = asyncio.get_running_loop().create_task(self._stop_and_finish(ending))

    async def _stop_and_finish(self, ending: Ending) -> None:
        turn_id = self._mapping.conversation.turn_id
        if turn_id is not None and self._mapping.agents.running(turn_id):
            if self._interrupted is None:
                self._ask_agents_to_end(turn_id)
            await self._wait_for_agents()
        try:
            await self.guard.stop(self._deadlines.stop_s)
        except ProviderProcessFailed as error:
            message = f"The turn was interrupted, but what it started lives on: {error.message}"
            ending = Ending("failed", "not-stopped", ending.usage, message)
        self._finish(ending)
        if self.guard.hit_servers:  # beside the end: nobody waits for it with the output unread
            self._restarting = asyncio.get_running_loop().create_task(self._restart_servers())

    async def _wait_for_agents(self) -> None:
        try:
            async with asyncio.timeout(self._deadlines.agents_s):
                await self._quiet_agents.wait()
        except TimeoutError:
            self._context.log("warning", "codex.agents-busy")

    async def _restart_servers(self) -> None:
        try:
            await reload_mcp(self._link, self._deadlines.call_s)
        except (ProviderRequestFailed, ProviderProcessFailed, Overloaded) as error:
            self._context.log("warning", "codex.mcp-reload", error=error.message)

    def _finish(self, ending: Ending) -> None:
        self._stop_timers()
        self._interrupted = self._verdict = None
        self._over.set()
        self._desk.withdraw(self._mapping.thread_id)
        self._context.emit(self._mapping.end_turn(ending))

    # Within

    def _is_ending(self) -> bool:
        return self._ending is not None and not self._ending.done()

    def _ask_agents_to_end(self, turn_id: str) -> None:
        """Ask the sub-agents of a turn to end; those of earlier turns go on."""
        for agent in self._mapping.agents.running(turn_id):
            self._ask_to_end(agent.thread_id, agent.turn_id or "")
            self._desk.withdraw(agent.thread_id)

    def _ask_to_end(self, thread_id: str, turn_id: str) -> None:
        """Ask for an interrupt without waiting: turn/completed tells."""
        try:
            self._link.send("turn/interrupt", {"threadId": thread_id, "turnId": turn_id})
        except (ProviderProcessFailed, Overloaded) as error:
            self._context.log("warning", "codex.interrupt", error=error.message)

    def _later(self, delay_s: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(delay_s, call)

    def _stop_timers(self) -> None:
        self._cancel_timer = _stopped(self._cancel_timer)
        self._stall_timer = _stopped(self._stall_timer)


def _stopped(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    """Cancel a timer; None takes its place."""
    if timer is not None:
        timer.cancel()
    return None
