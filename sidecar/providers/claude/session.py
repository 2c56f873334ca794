"""One conversation with one Claude process: the shell around wire and mapping.

Owns the start, with a new conversation where the old one is unknown, what comes before the session
is announced, and the answers to permissions. Which turn runs stands in `turns`. Never decides what
a message means: that is the mapping.
"""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from sidecar.contract.base import Json
from sidecar.contract.errors import (
    ProviderProcessFailed,
    ProviderRequestFailed,
    ValidationFailed,
)
from sidecar.contract.methods import (
    McpParams,
    RespondToRequestParams,
    RespondToUserInputParams,
    SendTurnParams,
    SendTurnResult,
)
from sidecar.core.conversation import Conversation
from sidecar.core.drafts import Draft
from sidecar.providers.base import ProviderSession, SessionContext
from sidecar.providers.claude.deadlines import Deadlines
from sidecar.providers.claude.forms import (
    Session,
    command_of,
    initialize_of,
    permission_mode,
)
from sidecar.providers.claude.link import ClaudeLink
from sidecar.providers.claude.mapping import (
    Choice,
    ClaudeMapping,
    Grants,
    answered,
    permission_of,
)
from sidecar.providers.claude.options import read_options
from sidecar.providers.claude.prompt import prompt_content, session_id_of
from sidecar.providers.claude.settings import PLAN, Settings
from sidecar.providers.claude.turns import Turn, Turns
from sidecar.providers.claude.wire import Answered, Asked, Message, Said, Withdrawn
from sidecar.providers.lines import Malformed
from sidecar.providers.link import DRAIN_DEADLINE_S
from sidecar.providers.noise import Complaints
from sidecar.providers.shapes import DETAIL_CHARS, text

HELD_MESSAGES = 1024
"""Messages kept until the session is announced: start hooks say a handful."""

_CONTENT: Final = frozenset({"stream_event", "assistant", "user"})
"""Messages that are part of what was said in a turn."""


class ClaudeSession(ProviderSession):
    """See ProviderSession. One Claude process, or one runner; one conversation."""

    def __init__(self, context: SessionContext, deadlines: Deadlines | None = None) -> None:
        super().__init__(context)
        start = context.spec.start
        limits = start.limits
        asked = Deadlines(start_s=limits.start_ms / 1000) if limits and limits.start_ms else None
        self._deadlines = deadlines or asked or Deadlines()
        self._options = read_options(context.spec.provider_settings, start.options)
        self._mapping = ClaudeMapping(Conversation(), context.new_id, context.spec.raw)
        self._settings = Settings(self._mapping, self._emit, self._options, self._deadlines)
        self._noise = Complaints(self._warn, context.now_ms)
        self._grants = Grants()
        self._turns = Turns(
            context,
            self._mapping,
            self._settings,
            self._deadlines,
            emit=self._emit,
            warn=self._warn,
        )
        self._link: ClaudeLink | None = None
        self._resume = session_id_of(context.spec.resume_cursor)
        self._refused = False
        self._begun_anew = asyncio.Event()
        self._held: list[Said] = []
        self._live = False
        self._ended = False
        self._cursor: str | None = None

    # Life

    def cwd(self) -> str:
        """Return the absolute directory that Claude works in; the user's home by default."""
        cwd = self.context.spec.start.cwd
        path = Path(cwd) if cwd else Path.home()
        if not path.is_absolute() or not path.is_dir():
            raise ValidationFailed(f"Cannot start Claude: cwd {path} is no absolute directory")
        return str(path)

    def session(self) -> Session:
        """Return what the process is told of the session."""
        start = self.context.spec.start
        selection = start.model_selection
        chosen = (selection.options or {}) if selection else {}
        return Session(
            self.cwd(),
            permission_mode(self._options, start.runtime_mode, may_bypass=self._may_bypass()),
            self._resume,
            selection.model if selection else None,
            text(chosen.get("effort")) or self._options.effort,
        )

    async def launch(self) -> None:
        """Start Claude or the runner."""
        command = command_of(self._options, self.session(), self.context.spec)
        self._link = ClaudeLink(await self.context.spawn(command))

    async def pump(self) -> str:
        """Read Claude until it ends; one that cannot resume is followed by one that begins anew."""
        try:
            while True:
                link = self._up()
                reason = await self._read(link)
                link.close()
                if self._live or not self._refused or self._resume is None:
                    return reason
                self._resume = None
                await self.launch()
                self._begun_anew.set()
        finally:
            self._end()

    async def _read(self, link: ClaudeLink) -> str:
        data = b"-"
        while data:
            data = await link.process.read()
            for message in link.receive(data):
                self._take(message)
                await self._turns.settle()
            if not await link.drained():
                return f"Claude has left its input unread for {DRAIN_DEADLINE_S:g} s"
            await self.context.flow()
        return "Claude closed its output"

    async def initialise(self) -> None:
        """Shake hands, connect MCP servers, announce the session."""
        if self.context.spec.resume_cursor is not None and self._resume is None:
            self._not_resumed("the resume cursor is not one of a Claude session")
        resumed, link = self._resume, self._up()
        try:
            answer = await self._initialize()
        except (ProviderProcessFailed, ProviderRequestFailed) as error:
            if not self._refused:
                raise
            self._not_resumed(error.message)
            resumed = None
            link.process.close_stdin()
            async with asyncio.timeout(self._deadlines.start_s):
                await self._begun_anew.wait()
            answer = await self._initialize()
        if self._ended:
            raise ProviderProcessFailed("Claude ended while its session was opened")
        told = self.session()
        self._settings.attach(self._up(), told.permission_mode, told.model, told.effort)
        self._turns.attach(self._up())
        await self._settings.begin()
        self._emit(self._mapping.started(answer, resumed, told.model))
        self._live = True
        if resumed is not None:
            self._publish(resumed)
        held, self._held = self._held, []
        for said in held:
            self._said(said)

    async def _initialize(self) -> dict[str, Any]:
        fields = initialize_of(self._options, self.session())
        return await self._up().call("initialize", self._deadlines.start_s, **fields)

    async def cancel(self) -> None:
        """Ask Claude to stop working; the stop ladder goes on whatever it does."""
        if self._live:
            self._turns.cancel()

    def _end(self) -> None:
        """The output has ended: nothing is answered any more."""
        self._ended = True
        self._live = False
        self._noise.close()
        self._up().close()
        self._turns.end()

    # Calls

    def unanswered(self) -> list[str]:
        """Name what the provider has yet to answer."""
        return self._link.unanswered if self._link else []

    async def send_turn(self, params: SendTurnParams) -> SendTurnResult:
        """Hand a turn to Claude, or let it wait behind the running one."""
        self._must_be_live()
        turn = Turn(self.context.new_id("turn"), await prompt_content(params), params)
        await self._turns.send(turn)
        return SendTurnResult(
            thread_id=self.context.spec.thread_id,
            turn_id=turn.turn_id,
            resume_cursor={"sessionId": self._cursor} if self._cursor else None,
        )

    async def interrupt(self, turn_id: str | None) -> None:
        """Ask Claude to end the running turn, and let none of the waiting ones run.

        The id of a waiting turn cancels that one alone. A no-op when none runs.
        """
        self._turns.interrupt(turn_id)

    async def respond_to_request(self, params: RespondToRequestParams) -> None:
        """Answer a permission by decision or option id."""
        permission = self._mapping.permissions.get(params.request_id)
        if permission is None or permission.is_question:
            raise ValidationFailed(
                f"Request {params.request_id} is not open", requestId=params.request_id
            )
        choice = permission.choose(params.decision, params.option_id)
        if choice is None:
            raise ValidationFailed(
                f"Claude offers no option {params.option_id}", requestId=params.request_id
            )
        self._answer(params.request_id, choice)

    async def respond_to_user_input(self, params: RespondToUserInputParams) -> None:
        """Answer questions."""
        permission = self._mapping.permissions.get(params.request_id)
        if permission is None or not permission.is_question:
            raise ValidationFailed(
                f"Questions {params.request_id} are not open", requestId=params.request_id
            )
        result = permission.answer(answered(permission.input, params.answers))
        self._up().answer(permission.control_id, result)
        self._emit(self._mapping.answer_questions(params.request_id, params.answers))

    async def set_config(self, key: str, value: Json) -> Json:
        """Set `model`, `permissionMode`, `effort` or `maxThinkingTokens`."""
        self._must_be_live()
        return {"config": await self._settings.set(key, value)}

    async def mcp(self, verb: str, params: McpParams) -> Json:
        """Carry out mcp.<verb>."""
        self._must_be_live()
        return {"servers": await self._settings.mcp(verb, params.name, params.config)}

    # Messages

    def _take(self, message: Message) -> None:
        if isinstance(message, Said):
            self._said(message)
        elif isinstance(message, Answered):
            self._refuses(message.error)
            self._up().settle(message)
        elif isinstance(message, Asked):
            self._asked(message)
        elif isinstance(message, Withdrawn):
            self._emit(self._mapping.withdraw(message.id))
        elif isinstance(message, Malformed):
            self._noise.add(message.reason, message.sample)

    def _said(self, said: Said) -> None:
        if not self._live:
            self._hold(said)
        elif said.type == "result":
            self._turns.result(said.body)
        elif said.type == "runner_error":
            words = text(said.body.get("message"), DETAIL_CHARS) or "no reason given"
            self._warn(f"The runner of the Agent SDK complains: {words}", {"kind": "runner"})
        elif not (self._turns.abandoned and said.type in _CONTENT):
            self._turns.before(said.body)
            self._emit(self._mapping.said(said.type, said.body))
            self._turns.after()
            if said.type in _CONTENT and self._mapping.session_id is not None:
                self._publish(self._mapping.session_id)

    def _hold(self, said: Said) -> None:
        """Keep what comes before the session is open; a result then says why it does not open."""
        if said.type == "result":
            errors = said.body.get("errors")
            self._refuses(*(errors if isinstance(errors, list) else []))
        elif len(self._held) < HELD_MESSAGES:
            self._held.append(said)
        else:
            self._noise.add("it says too much before its session is open")

    def _refuses(self, *words: object) -> None:
        """Notice that Claude does not know the conversation: its error names the id."""
        if not self._live and self._resume is not None:
            self._refused |= any(isinstance(w, str) and self._resume in w for w in words)

    def _asked(self, asked: Asked) -> None:
        link = self._up()
        if asked.subtype != "can_use_tool":
            words = text(f"Unsupported control request subtype: {asked.subtype}")
            link.refuse(asked.id, words or "Unsupported")
        elif not self._live or self._turns.abandoned or self._turns.interrupting:
            link.answer(asked.id, {"behavior": "deny", "message": "The turn was interrupted"})
        else:
            self._ask(asked)

    def _ask(self, asked: Asked) -> None:
        """Ask a person, but for what the runtime mode or an earlier answer grants.

        Neither grants anything in plan mode, which is there to keep Claude from acting.
        """
        permission = permission_of(asked.id, asked.body)
        mode = self.context.spec.start.runtime_mode
        planning = self._mapping.permission_mode == PLAN
        if not planning and self._grants.covers(permission, mode):
            self._up().answer(asked.id, permission.answer(permission.input))
            self._emit(self._mapping.granted(asked.body))
            return
        request_id, drafts = self._mapping.ask(asked.id, asked.body)
        self._emit(drafts)
        if request_id is None:
            message = "There is nobody who can be asked"
            self._up().answer(asked.id, {"behavior": "deny", "message": message})

    def _answer(self, request_id: str, choice: Choice) -> None:
        permission = self._mapping.permissions[request_id]
        self._up().answer(permission.control_id, choice.result)
        if choice.remember:
            self._grants.remember(permission)
        self._emit(self._mapping.answer(request_id, choice))

    # Within

    def _may_bypass(self) -> bool:
        root = getattr(os, "geteuid", lambda: 1)() == 0
        env = self.context.spec.start.env or {}
        return not root or env.get("IS_SANDBOX") == "1"

    def _must_be_live(self) -> None:
        if not self._live:
            raise ProviderProcessFailed("Claude is not up")

    def _up(self) -> ClaudeLink:
        if self._link is None:
            raise ProviderProcessFailed("Claude was not started")
        return self._link

    def _emit(self, drafts: Sequence[Draft]) -> None:
        if drafts:
            self.context.emit(drafts)

    def _warn(self, message: str, detail: Json) -> None:
        self._emit(self._mapping.conversation.warning(message, detail))

    def _not_resumed(self, why: str) -> None:
        message = f"The conversation could not be resumed, a new one was begun: {why}"
        self._warn(message, {"kind": "not-resumed"})

    def _publish(self, session_id: str) -> None:
        """Tell how to resume, once there is something that can be: Claude has said something."""
        if session_id != self._cursor:
            self._cursor = session_id
            self.context.publish_cursor({"sessionId": session_id})
