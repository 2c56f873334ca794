"""The running turn and those behind it: begun, followed, interrupted, ended.

    idle ── submit ──► running ── over / deadline ──► tools dead ──► ended ── next of the queue ──►
                          └── interrupt, too many retries ── abort ──┘

Owns the order of these. Reading the server's events is the session's, their meaning the mapping's.
"""

from collections.abc import Callable, Sequence

from sidecar.contract.errors import ProviderProcessFailed, ProviderRequestFailed, SidecarError
from sidecar.core.conversation import Ending
from sidecar.core.drafts import Draft
from sidecar.providers.base import SessionContext, TreeNote
from sidecar.providers.opencode.deadlines import Deadlines
from sidecar.providers.opencode.mapping import OpencodeMapping
from sidecar.providers.opencode.mapping.permissions import Permission
from sidecar.providers.opencode.mapping.questions import Asked
from sidecar.providers.opencode.prompt import PLAN_AGENT
from sidecar.providers.opencode.remote import Remote
from sidecar.providers.opencode.waiting import Prompt, Waiting


class Running:
    """The turns of one session. `emit` sends drafts."""

    def __init__(
        self,
        context: SessionContext,
        mapping: OpencodeMapping,
        emit: Callable[[Sequence[Draft]], None],
        deadlines: Deadlines,
        max_retries: int,
    ) -> None:
        self.remote: Remote | None = None
        self.waiting = Waiting()
        self._context = context
        self._mapping = mapping
        self._emit = emit
        self._deadlines = deadlines
        self._max_retries = max_retries
        self._prompt: Prompt | None = None
        self._beginning: Prompt | None = None
        self._note: TreeNote | None = None
        self._begun_ms = 0
        self._interrupted = False
        self._gave_up = False
        self._abort_missed = False
        self._end_by_ms: int | None = None

    def up(self) -> Remote:
        """Return the session on the server. Raises ProviderProcessFailed before it is open."""
        if self.remote is None:
            raise ProviderProcessFailed("The OpenCode session is not open")
        return self.remote

    @property
    def turn_id(self) -> str | None:
        """The running turn."""
        return self._mapping.conversation.turn_id

    @property
    def plans(self) -> bool:
        """Whether the running turn is in plan mode."""
        return self._prompt is not None and self._prompt.chosen.agent == PLAN_AGENT

    async def begin(self, prompt: Prompt) -> None:
        """Hand a turn to the server. Raises what it answers; then there is no turn.

        One that was interrupted meanwhile is begun, and interrupted at once.
        """
        remote = self.up()
        self._beginning = prompt
        try:
            self._note = await self._context.note_tree()
            await remote.prompt(prompt.body)
        finally:
            self._beginning = None
        self._prompt = prompt
        self._begun_ms = self._context.now_ms()
        self._interrupted = self._gave_up = self._abort_missed = False
        self._end_by_ms = None
        chosen = prompt.chosen
        self._emit(self._mapping.begin_turn(prompt.turn_id, chosen.model, chosen.variant))
        if prompt.cancelled:
            await self.interrupt()

    def interrupt_beginning(self, turn_id: str | None) -> None:
        """Interrupt the turn that is being handed over, if it is the one that is meant."""
        prompt = self._beginning
        if prompt is not None and turn_id in (None, prompt.turn_id):
            prompt.cancelled = True

    async def interrupt(self) -> None:
        """Ask the server to end the running turn; at the deadline we end it."""
        self._interrupted = True
        self.waiting.cancel()
        await self._abort()

    async def leave(self) -> None:
        """Ask the server to stop working, quickly; the session is being stopped."""
        if self.turn_id is None or self.remote is None:
            return
        self._interrupted = True
        self.waiting.cancel()
        await self.remote.abort(self._deadlines.leave_s)

    def patience_s(self) -> float | None:
        """Return how long silence may last until `look` is due; None for ever."""
        if self.turn_id is None:
            return None
        if self._end_by_ms is not None or self._mapping.turn.in_doubt:
            return self._deadlines.doubt_s
        return self._deadlines.quiet_s

    async def follow(self) -> None:
        """Do what the last event asks for: give up, abort again, end the turn, begin another."""
        turn = self._mapping.turn
        if self.turn_id is None:
            return
        if self._abort_missed and turn.working:
            await self._abort()
        if turn.retries > self._max_retries and not self._gave_up and not self._interrupted:
            self._gave_up = True
            await self._abort()
        if turn.over or self._is_late():
            await self._finish()

    async def look(self) -> None:
        """Nothing was heard for a while: ask the server whether the turn still runs."""
        if self.turn_id is None:
            return
        turn = self._mapping.turn
        waited_ms = self._context.now_ms() - self._begun_ms
        begun = turn.working or turn.in_doubt or self._interrupted
        if begun or waited_ms >= self._deadlines.begin_s * 1000:
            try:
                if await self.up().is_idle():
                    turn.settled()
            except (ProviderRequestFailed, ProviderProcessFailed) as error:
                self._context.log("warning", "opencode.no_status", error=error.message)
        await self.follow()

    # The end of a turn

    async def _abort(self) -> None:
        """Ask the server to stop. It hears nothing before it has begun to work: then once more."""
        self._abort_missed = not self._mapping.turn.working
        if self._end_by_ms is None:
            self._end_by_ms = self._context.now_ms() + int(self._deadlines.cancel_s * 1000)
        try:
            await self.up().abort()
        except (ProviderRequestFailed, ProviderProcessFailed) as error:
            self._context.log("warning", "opencode.abort_failed", error=error.message)

    def _is_late(self) -> bool:
        return self._end_by_ms is not None and self._context.now_ms() >= self._end_by_ms

    async def _finish(self) -> None:
        """End the turn, once what it has left behind is gone; then begin the next."""
        turn = self._mapping.turn
        if self._is_late() and not turn.over:
            seconds = self._deadlines.cancel_s
            message = f"OpenCode did not end the aborted turn within {seconds:g} s"
            self._warn(message, {"kind": "cancel-ignored"})
        ending = self._ending()
        if ending.state != "completed":
            await self._reject_open()
            await self._stop_tools()
        self._prompt = None
        self._end_by_ms = None
        self._emit(self._mapping.end_turn(ending))
        await self._next()

    def _ending(self) -> Ending:
        turn = self._mapping.turn
        ending = turn.ending()
        if self._interrupted:
            return ending._replace(state="interrupted", stop_reason="aborted", error_message=None)
        if self._gave_up:
            words = turn.retry_message or "no reason given"
            message = f"The model request failed {self._max_retries + 1} times: {words}"
            return ending._replace(state="failed", stop_reason="error", error_message=message)
        return ending

    async def _reject_open(self) -> None:
        """Reject what the turn still asked: an aborted session leaves it open for ever."""
        remote = self.up()
        asking = self._mapping.asking
        open_: list[Permission | Asked] = [*asking.permissions.values(), *asking.questions.values()]
        for asked in open_:
            try:
                await remote.reject(asked)
            except (ProviderRequestFailed, ProviderProcessFailed) as error:
                self._context.log("warning", "opencode.not_rejected", error=error.message)

    async def _stop_tools(self) -> None:
        """Kill what the turn has started: what left its shell's session outlives an abort."""
        if self._note is None:
            return
        try:
            await self._context.stop_since(self._note, self._deadlines.tools_s)
        except ProviderProcessFailed as error:
            self._warn(error.message, {"kind": "tools-survive"})

    async def _next(self) -> None:
        """Begin the next turn of the queue; those that were cancelled, or fail, end here."""
        while self.turn_id is None and (prompt := self.waiting.next()) is not None:
            if prompt.cancelled:
                self._end_unbegun(prompt, Ending("cancelled", "cancelled"))
                continue
            try:
                await self.begin(prompt)
            except SidecarError as error:
                self._end_unbegun(prompt, Ending("failed", "error", error_message=error.message))

    def _end_unbegun(self, prompt: Prompt, ending: Ending) -> None:
        self._emit(self._mapping.begin_turn(prompt.turn_id))
        self._emit(self._mapping.end_turn(ending))

    # Within

    def _warn(self, message: str, detail: object) -> None:
        self._emit(self._mapping.conversation.warning(message, detail))
