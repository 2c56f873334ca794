"""The running turn of a session: its prompt, its cancel, its end.

    idle ── begin ──► PROMPTED ── answered ──────────────────────────► idle
                         │                                              ▲
                         └─ cancel ─► CANCELLING ─ answered, deadline ─► STOPPING ── tree dead ─┘

A cancelled turn ends only when nothing that it started still runs: some agents report its end while
their shell goes on.
"""

import asyncio
from enum import Enum, auto
from typing import Any

from sidecar.contract.base import Json
from sidecar.contract.errors import ProviderProcessFailed
from sidecar.core.conversation import Ending
from sidecar.providers.acp.asking import Asking
from sidecar.providers.acp.crew import Crew
from sidecar.providers.acp.deadlines import STOP_TREE_S, Deadlines
from sidecar.providers.acp.handshake import Handshake
from sidecar.providers.acp.link import AcpLink
from sidecar.providers.acp.mapping import ending_of_error, ending_of_result
from sidecar.providers.acp.terminals import Terminals
from sidecar.providers.acp.voice import Voice
from sidecar.providers.acp.wire import AUTH_REQUIRED, Response
from sidecar.providers.base import TreeNote


class Stage(Enum):
    """Where the turn is."""

    IDLE = auto()
    PROMPTED = auto()
    CANCELLING = auto()
    STOPPING = auto()


class Turns:
    """The turns of one session, one at a time."""

    def __init__(
        self,
        voice: Voice,
        link: AcpLink,
        crew: Crew,
        *,
        asking: Asking,
        terminals: Terminals,
        deadlines: Deadlines,
    ) -> None:
        self.stage = Stage.IDLE
        self.abandoned: set[int] = set()
        """Prompts whose turns we have ended, and that the agent may still answer."""
        self._voice = voice
        self._link = link
        self._crew = crew
        self._asking = asking
        self._terminals = terminals
        self._deadlines = deadlines
        self._prompt: int | None = None
        self._session_id = ""
        self._handshake = Handshake({})
        self._login_hint: str | None = None
        self._note: TreeNote | None = None
        self._timer: asyncio.TimerHandle | None = None

    def open(self, session_id: str, handshake: Handshake, login_hint: str | None) -> None:
        """Note whose turns they are."""
        self._session_id, self._handshake, self._login_hint = session_id, handshake, login_hint

    @property
    def running(self) -> str | None:
        """The id of the running turn."""
        return self._voice.mapping.conversation.turn_id

    def begin(self, turn_id: str, blocks: Json, model: str | None, note: TreeNote) -> None:
        """Hand a turn to the agent. `note` is what the session's processes were before."""
        prompt = {"sessionId": self._session_id, "prompt": blocks}
        self._prompt = self._link.send("session/prompt", prompt)
        self._note = note
        self.stage = Stage.PROMPTED
        self._voice.emit(self._voice.mapping.begin_turn(turn_id, model))

    def cancel(self) -> None:
        """Cancel the running turn: first the turn, then what it waits for, or it would go on."""
        if self.stage is not Stage.PROMPTED:
            return
        self.stage = Stage.CANCELLING
        self._link.notify("session/cancel", {"sessionId": self._session_id})
        self._asking.withdraw_all()
        turn_id = self.running
        if turn_id is not None:
            self._crew.run(self._terminals.stop_turn(turn_id))

    def cancel_in_time(self) -> None:
        """Do cancel; at the deadline the turn ends whatever the agent does."""
        self.cancel()
        if self.stage is Stage.CANCELLING and self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._deadlines.cancel_s, self._abandon)

    def answered(self, response: Response) -> bool:
        """Take the answer to a prompt, which ends its turn; False if it answers none of ours."""
        if response.id in self.abandoned:
            self.abandoned.discard(response.id)
            return True
        if response.id != self._prompt:
            return False
        interrupting = self.stage is Stage.CANCELLING
        if response.error is None:
            ending = ending_of_result(response.result, interrupting=interrupting)
        else:
            ending = ending_of_error(response.error, interrupting=interrupting)
            if ending.state == "failed" and response.error.code == AUTH_REQUIRED:
                words = self._handshake.login_words(response.error, self._login_hint)
                ending = ending._replace(error_message=words)
        self._finish(ending, response.result)
        return True

    def stop_timer(self) -> None:
        """Forget the deadline of a cancel."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _abandon(self) -> None:
        """End a turn that the agent does not end; what it still says of it is dropped."""
        if self._prompt is None:
            return
        self.abandoned.add(self._prompt)
        seconds = self._deadlines.cancel_s
        message = f"The agent did not end the cancelled turn within {seconds:g} s"
        self._voice.warn(message, {"kind": "cancel-ignored"})
        self._finish(Ending("interrupted", "cancelled"))

    def _finish(self, ending: Ending, result: Json = None) -> None:
        self._prompt = None
        self.stop_timer()
        self._asking.withdraw_all()
        if self.stage is not Stage.CANCELLING:
            self._end(ending, result)
            return
        self.stage = Stage.STOPPING
        self._crew.run(self._end_when_dead(ending, result))

    async def _end_when_dead(self, ending: Ending, result: Json) -> None:
        context = self._voice.context
        if self._note is not None:
            try:
                killed = await context.stop_since(self._note, STOP_TREE_S)
            except ProviderProcessFailed as error:
                message = f"Something that the cancelled turn started still runs: {error.message}"
                self._voice.warn(message, {"kind": "survivors"})
            else:
                context.log("debug", "acp.tree_stopped", killed=killed)
        self._end(ending, result)

    def _end(self, ending: Ending, result: Any) -> None:
        self.stage = Stage.IDLE
        self._note = None
        self._voice.emit(self._voice.mapping.end_turn(ending, result))
