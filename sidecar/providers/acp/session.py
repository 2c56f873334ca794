"""One conversation with one ACP agent: the shell around wire and mapping.

Owns the order of things: what is held back until the session is announced, which prompt is the
running turn, what comes too late. Never decides what a message means: that is the mapping.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sidecar.contract.base import Json
from sidecar.contract.errors import (
    ProviderProcessFailed,
    ProviderRequestFailed,
    Unsupported,
    ValidationFailed,
)
from sidecar.contract.methods import RespondToRequestParams, SendTurnParams, SendTurnResult
from sidecar.core.conversation import Conversation, Ending
from sidecar.core.drafts import Draft
from sidecar.providers.acp.deadlines import HISTORY_QUIET_S, HISTORY_WINDOWS, Deadlines
from sidecar.providers.acp.link import DRAIN_DEADLINE_S, AcpLink
from sidecar.providers.acp.mapping import AcpMapping, ending_of_error, ending_of_result
from sidecar.providers.acp.mapping.permissions import CANCELLED, granted_by_mode
from sidecar.providers.acp.mapping.shapes import a_map, text
from sidecar.providers.acp.mapping.updates import CONTENT_UPDATES, update_kind
from sidecar.providers.acp.offers import Offers
from sidecar.providers.acp.opening import (
    Handshake,
    NotResumable,
    Opened,
    load_session,
    new_session,
    resumable,
    shake_hands,
)
from sidecar.providers.acp.options import AcpOptions, read_options
from sidecar.providers.acp.phases import Cause, Fate, Phase, fate, moved
from sidecar.providers.acp.prompt import prompt_blocks
from sidecar.providers.acp.settings import Settings
from sidecar.providers.acp.wire import (
    METHOD_NOT_FOUND,
    Message,
    Notification,
    Request,
    Response,
)
from sidecar.providers.base import ProviderCommand, ProviderSession, SessionContext
from sidecar.providers.noise import Complaints

HELD_UPDATES = 1024
"""Updates kept until the session is announced. Agents send a handful; more are dropped and said."""


class AcpSession(ProviderSession):
    """See ProviderSession. One agent process, one ACP session."""

    def __init__(self, context: SessionContext, deadlines: Deadlines | None = None) -> None:
        super().__init__(context)
        limits = context.spec.start.limits
        asked = Deadlines(start_s=limits.start_ms / 1000) if limits and limits.start_ms else None
        self._deadlines = deadlines or asked or Deadlines()
        self._options = self.read_options(context.spec.start.options)
        self._mapping = AcpMapping(Conversation(), context.new_id, context.spec.raw)
        self._noise = Complaints(self._warn, context.now_ms)
        self._phase = Phase.SHAKING
        self._held: list[dict[str, Any]] = []
        self._link: AcpLink | None = None
        self._handshake = Handshake({})
        self._settings: Settings | None = None
        self._session_id = ""
        self._prompt: int | None = None
        self._cancelling = False
        self._cancel_timer: asyncio.TimerHandle | None = None
        self._abandoned: set[int] = set()
        self._heard = 0
        self._replay_possible = False
        self._cursor_published = False

    # Life

    def read_options(self, options: dict[str, Any] | None) -> AcpOptions:
        """Return the start options. Raises ValidationFailed for bad ones."""
        return read_options(options)

    def command(self) -> ProviderCommand:
        """Return what to run. Raises ValidationFailed when no command is given."""
        if self._options.command is None:
            raise ValidationFailed("Cannot start the agent: the start option `command` is missing")
        argv = [self._options.command, *self._options.args]
        return ProviderCommand(argv=argv, cwd=self.cwd(), env=dict(self._options.env))

    def cwd(self) -> str:
        """Return the absolute directory that the agent works in; the user's home by default."""
        cwd = self.context.spec.start.cwd
        path = Path(cwd) if cwd else Path.home()
        if not path.is_absolute() or not path.is_dir():
            raise ValidationFailed(f"Cannot start the agent: cwd {path} is no absolute directory")
        return str(path)

    async def launch(self) -> None:
        """Start the agent's process."""
        self._link = AcpLink(await self.context.spawn(self.command()))

    async def pump(self) -> str:
        """Read the agent until it ends."""
        link = self._up()
        try:
            data = b"-"
            while data:
                data = await link.process.read()
                for message in link.receive(data):
                    self._take(message)
                if not await link.drained():
                    return f"the agent has left its input unread for {DRAIN_DEADLINE_S:g} s"
                await self.context.flow()
            return "the agent closed its output"
        finally:
            self._end()

    async def initialise(self) -> None:
        """Shake hands, log in if told to, open or load the session, announce it."""
        link, start_s = self._up(), self._deadlines.start_s
        self._handshake = await shake_hands(link, start_s)
        if self._options.auth_method is not None:
            method = {"methodId": self._options.auth_method}
            await link.result("authenticate", method, start_s)
        loaded = await self._load(link)
        if loaded is None:
            self._move(Cause.NEW)
            opened = await new_session(link, self._handshake, self.cwd(), start_s)
        self._announce(loaded or opened, resumed=loaded is not None)
        selection = self.context.spec.start.model_selection
        if selection is not None:
            await self._prefer_model(selection.model)

    async def cancel(self) -> None:
        """Ask the agent to stop working; the stop ladder goes on whatever it does."""
        self._cancel_prompt()

    def _end(self) -> None:
        """The output has ended: nothing is answered any more. What is open the supervisor ends."""
        self._move(Cause.END)
        self._noise.close()
        self._stop_timer()
        self._up().close()

    # Opening

    async def _load(self, link: AcpLink) -> Opened | None:
        """Load the conversation of the resume cursor; None, said, when that cannot be."""
        cursor = self.context.spec.resume_cursor
        if cursor is None:
            return None
        try:
            session_id = resumable(self._handshake, cursor)
            self._move(Cause.LOAD)
            opened = await load_session(link, session_id, self.cwd(), self._deadlines.start_s)
            await self._history_over()
        except (NotResumable, ProviderRequestFailed) as error:
            message = f"The conversation could not be resumed, a new one was begun: {error}"
            self._warn(message, {"kind": "not-resumed"})
            return None
        self._replay_possible = True
        self._move(Cause.LOADED)
        return opened

    async def _history_over(self) -> None:
        """Wait until a replay that goes on after its answer is over, or it would look like news."""
        for _ in range(HISTORY_WINDOWS):
            heard = self._heard
            await asyncio.sleep(HISTORY_QUIET_S)
            if heard == self._heard:
                return

    def _announce(self, opened: Opened, *, resumed: bool) -> None:
        """Say that the session is open, then what the agent said before that."""
        if self._phase is Phase.ENDED:
            raise ProviderProcessFailed("The agent ended while its session was opened")
        self._session_id = opened.session_id
        offers = Offers(opened.session_id, opened.offers)
        self._settings = Settings(self._up(), offers, self._configured)
        config = self._handshake.config(opened.offers)
        self._emit(self._mapping.started(opened.session_id, config, resumed=resumed))
        self._move(Cause.ANNOUNCED)
        if resumed:
            self._publish_cursor()
        held, self._held = self._held, []
        for params in held:
            self._update(params)

    async def _prefer_model(self, model: str) -> None:
        """Set the model that the session was started with; go on without it if that fails."""
        try:
            await self._set().set("model", model)
        except (Unsupported, ProviderRequestFailed) as error:
            message = f"The agent keeps its own model instead of {model}: {error.message}"
            self._warn(message, {"kind": "model-not-set"})

    # Calls

    async def send_turn(self, params: SendTurnParams) -> SendTurnResult:
        """Hand a turn to the agent. Raises ValidationFailed while another one runs."""
        self._must_be_idle()
        blocks = await prompt_blocks(params, takes_images=self._handshake.takes_images)
        if params.model_selection is not None:
            await self._set().set("model", params.model_selection.model)
        if params.interaction_mode is not None:
            await self._set().set_plan_mode(on=params.interaction_mode == "plan")
        self._must_be_idle()  # the waits above let other calls in
        turn_id = self.context.new_id("turn")
        prompt = {"sessionId": self._session_id, "prompt": blocks}
        self._prompt = self._up().send("session/prompt", prompt)
        self._replay_possible = False
        self._emit(self._mapping.begin_turn(turn_id, self._set().model))
        return SendTurnResult(
            thread_id=self.context.spec.thread_id,
            turn_id=turn_id,
            resume_cursor=self._cursor() if self._cursor_published else None,
        )

    async def interrupt(self, turn_id: str | None) -> None:
        """Ask the agent to end the running turn; at the deadline we end it."""
        running = self._mapping.conversation.turn_id
        if running is None or (turn_id is not None and turn_id != running):
            return
        self._cancel_prompt()
        if self._cancel_timer is None:
            loop = asyncio.get_running_loop()
            self._cancel_timer = loop.call_later(self._deadlines.cancel_s, self._abandon)

    async def respond_to_request(self, params: RespondToRequestParams) -> None:
        """Answer a permission by decision or option id."""
        permission = self._mapping.permissions.get(params.request_id)
        if permission is None:
            raise ValidationFailed(
                f"Request {params.request_id} is not open", requestId=params.request_id
            )
        choice = permission.choose(params.decision, params.option_id)
        if choice is None:
            raise ValidationFailed(
                f"The agent offers nothing that means {params.option_id or params.decision}",
                requestId=params.request_id,
            )
        self._up().answer(permission.rpc_id, choice.outcome())
        self._emit(self._mapping.answer(params.request_id, choice))

    async def set_config(self, key: str, value: Json) -> Json:
        """Set `model`, `mode` or one of the agent's config options."""
        await self._set().set(key, value)
        return {"config": {key: value}}

    def _must_be_idle(self) -> None:
        if self._phase is not Phase.LIVE:
            raise ProviderProcessFailed("Cannot start a turn: the agent is not up")
        running = self._mapping.conversation.turn_id
        if running is not None:
            raise ValidationFailed(
                f"Cannot start a turn: {running} is still running", turnId=running
            )

    # The end of a turn

    def _cancel_prompt(self) -> None:
        """Cancel the running turn: first the turn, then what it waits for, or it would go on."""
        if self._prompt is None or self._cancelling:
            return
        self._cancelling = True
        self._up().notify("session/cancel", {"sessionId": self._session_id})
        self._withdraw_permissions()

    def _withdraw_permissions(self) -> None:
        for request_id, permission in list(self._mapping.permissions.items()):
            self._up().answer(permission.rpc_id, CANCELLED.outcome())
            self._emit(self._mapping.answer(request_id, CANCELLED))

    def _abandon(self) -> None:
        """End a turn that the agent does not end; what it still says of it is dropped."""
        if self._prompt is None:
            return
        self._abandoned.add(self._prompt)
        seconds = self._deadlines.cancel_s
        message = f"The agent did not end the cancelled turn within {seconds:g} s"
        self._warn(message, {"kind": "cancel-ignored"})
        self._finish_turn(Ending("interrupted", "cancelled"))

    def _finish_turn(self, ending: Ending, result: Json = None) -> None:
        self._prompt = None
        self._cancelling = False
        self._stop_timer()
        self._withdraw_permissions()
        self._emit(self._mapping.end_turn(ending, result))
        self._publish_cursor()

    def _stop_timer(self) -> None:
        if self._cancel_timer is not None:
            self._cancel_timer.cancel()
            self._cancel_timer = None

    # Messages

    def _take(self, message: Message) -> None:
        self._heard += 1
        if isinstance(message, Notification):
            if message.method == "session/update":
                self._update(message.params)
            else:
                self.context.log("debug", "acp.ignored", method=text(message.method))
        elif isinstance(message, Response):
            self._answered(message)
        elif isinstance(message, Request):
            self._asked(message)
        else:
            self._noise.add(message.reason, message.sample)

    def _update(self, params: dict[str, Any]) -> None:
        is_content = update_kind(params) in CONTENT_UPDATES
        what = fate(self._phase, is_content=is_content)
        if what is Fate.HOLD and len(self._held) < HELD_UPDATES:
            self._held.append(params)
        elif what is Fate.HOLD:
            self._noise.add("it says too much before its session is open")
        elif what is Fate.MAP and not (is_content and self._is_stale()):
            self._map(params, is_content=is_content)

    def _map(self, params: dict[str, Any], *, is_content: bool) -> None:
        if params.get("sessionId", self._session_id) != self._session_id:
            self.context.log("debug", "acp.foreign_session")
            return
        self._set().heard(a_map(params.get("update")))
        drafts = self._mapping.update(params)
        self._emit(drafts)
        if drafts and is_content and self._prompt is not None:
            self._publish_cursor()

    def _is_stale(self) -> bool:
        """Tell whether content that comes now belongs to no turn that anybody follows.

        Some agents replay the history after they have answered session/load.
        """
        return self._prompt is None and (self._replay_possible or bool(self._abandoned))

    def _asked(self, request: Request) -> None:
        link = self._up()
        if request.method != "session/request_permission":
            link.refuse(request.id, METHOD_NOT_FOUND, f"Method not found: {text(request.method)}")
            self.context.log("debug", "acp.refused", method=text(request.method))
        elif self._phase is not Phase.LIVE or self._cancelling or self._is_stale():
            link.answer(request.id, CANCELLED.outcome())
        else:
            request_id, drafts = self._mapping.ask(request.id, request.params)
            self._emit(drafts)
            if request_id is None:
                link.answer(request.id, CANCELLED.outcome())
            else:
                self._answer_by_mode(request_id)

    def _answer_by_mode(self, request_id: str) -> None:
        """Accept what the runtime mode grants; both events stay in the stream, as its record."""
        permission = self._mapping.permissions[request_id]
        mode = self.context.spec.start.runtime_mode
        if not granted_by_mode(mode, permission.request_type):
            return
        choice = permission.choose("accept")
        if choice is not None:
            self._up().answer(permission.rpc_id, choice.outcome())
            self._emit(self._mapping.answer(request_id, choice))

    def _answered(self, response: Response) -> None:
        self._abandoned.discard(response.id)
        if response.id != self._prompt:
            self._up().settle(response)
        elif response.error is not None:
            self._finish_turn(ending_of_error(response.error, interrupting=self._cancelling))
        else:
            ending = ending_of_result(response.result, interrupting=self._cancelling)
            self._finish_turn(ending, response.result)

    # Within

    def _move(self, cause: Cause) -> None:
        self._phase = moved(self._phase, cause)

    def _up(self) -> AcpLink:
        if self._link is None:
            raise ProviderProcessFailed("The agent was not started")
        return self._link

    def _set(self) -> Settings:
        if self._settings is None:
            raise ProviderProcessFailed("The agent is not up")
        return self._settings

    def _emit(self, drafts: Sequence[Draft]) -> None:
        if drafts:
            self.context.emit(drafts)

    def _warn(self, message: str, detail: Json) -> None:
        self._emit(self._mapping.conversation.warning(message, detail))

    def _configured(self, config: dict[str, Any]) -> None:
        self._emit(self._mapping.configured(config))

    def _cursor(self) -> dict[str, str]:
        return {"sessionId": self._session_id}

    def _publish_cursor(self) -> None:
        """Tell how to resume, once there is something that can be: a turn has said something."""
        if not self._cursor_published and self._handshake.loads:
            self._cursor_published = True
            self.context.publish_cursor(self._cursor())
