"""One conversation with one ACP agent: the shell around wire and mapping.

    SHAKING ─ session/new ─► OPENING ── answered ──► LIVE ── output ends ──► ENDED
       └──── session/load ─► LOADING ── answered ─────▲
                                └─ failed ─► OPENING

Owns the order of things: what is held back until the session is announced, which prompt is the
running turn, what comes too late. Never decides what a message means: that is the mapping.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any, Final

from sidecar import __version__
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
from sidecar.providers.acp.link import DRAIN_DEADLINE_S, AcpLink, result_of
from sidecar.providers.acp.mapping import AcpMapping, ending_of_error, ending_of_result
from sidecar.providers.acp.mapping.permissions import CANCELLED
from sidecar.providers.acp.mapping.shapes import a_map, maps, text
from sidecar.providers.acp.mapping.updates import CONTENT_UPDATES, update_kind
from sidecar.providers.acp.offers import Offers
from sidecar.providers.acp.options import AcpOptions, read_options
from sidecar.providers.acp.prompt import prompt_blocks
from sidecar.providers.acp.wire import (
    METHOD_NOT_FOUND,
    Malformed,
    Message,
    Notification,
    Request,
    Response,
)
from sidecar.providers.base import ProviderCommand, ProviderSession, SessionContext
from sidecar.providers.noise import WarningBudget

PROTOCOL_VERSION: Final = 1
"""The ACP version that this speaks; agents answer with the version that they will use."""

HELD_UPDATES = 1024
"""Updates kept until the session is announced. Agents send a handful; more are dropped and said."""

AUTH_REQUIRED: Final = -32000
"""The code with which ACP agents answer session/new before a login."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long an agent may take to answer, in seconds. A prompt has none: turns take hours, and
    the supervisor's watchdog judges their progress."""

    start_s: float = 60.0
    """initialize, authenticate, session/new, session/load: cold Node CLIs on a busy laptop. The
    client's `limits.startMs` replaces it."""
    setting_s: float = 15.0
    cancel_s: float = 10.0
    """A cancelled turn to its end; real agents take up to 0.3 s, and some never end it."""


class Phase(Enum):
    """Where the session is; decides what becomes of an update."""

    SHAKING = auto()
    OPENING = auto()
    LOADING = auto()
    LIVE = auto()
    ENDED = auto()


class AcpSession(ProviderSession):
    """See ProviderSession. One agent process, one ACP session."""

    def __init__(self, context: SessionContext, deadlines: Deadlines | None = None) -> None:
        super().__init__(context)
        limits = context.spec.start.limits
        own = Deadlines(start_s=limits.start_ms / 1000) if limits and limits.start_ms else None
        self._deadlines = deadlines or own or Deadlines()
        self._options = self.read_options(context.spec.start.options)
        self._mapping = AcpMapping(Conversation(), context.new_id, context.spec.raw)
        self._noise = WarningBudget()
        self._phase = Phase.SHAKING
        self._held: list[dict[str, Any]] = []
        self._link: AcpLink | None = None
        self._session_id = ""
        self._capabilities: dict[str, Any] = {}
        self._offers = Offers("", {})
        self._usual_mode: str | None = None
        self._prompt: int | None = None
        self._abandoned: set[int] = set()
        self._cancelling = False
        self._cancel_timer: asyncio.TimerHandle | None = None
        self._replay_possible = False
        self._cursor_published = False

    # Life

    def read_options(self, options: dict[str, Any] | None) -> AcpOptions:
        """Return the start options. Raises ValidationFailed for bad ones."""
        return read_options(options)

    def command(self) -> ProviderCommand:
        """Return what to run. Raises ValidationFailed for bad options."""
        if self._options.command is None:
            raise ValidationFailed("Cannot start the agent: the start option `command` is missing")
        argv = [self._options.command, *self._options.args]
        return ProviderCommand(argv=argv, cwd=self.cwd(), env=dict(self._options.env))

    def cwd(self) -> str:
        """Return the absolute directory that the agent works in; the user's home by default."""
        cwd = self.context.spec.start.cwd
        path = Path(cwd) if cwd else Path.home()
        if not path.is_absolute() or not path.is_dir():
            raise ValidationFailed(f"Cannot start the agent: cwd {cwd} is no absolute directory")
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
        answer = await self._request(
            "initialize",
            {
                "protocolVersion": PROTOCOL_VERSION,
                "clientCapabilities": {
                    "fs": {"readTextFile": False, "writeTextFile": False},
                    "terminal": False,
                },
                "clientInfo": {"name": "agent-sidecar", "version": __version__},
            },
        )
        version = answer.get("protocolVersion", PROTOCOL_VERSION)
        if version != PROTOCOL_VERSION:
            raise ProviderRequestFailed(
                f"Cannot talk to the agent: it speaks ACP version {version}, "
                f"this sidecar version {PROTOCOL_VERSION}",
                method="initialize",
            )
        self._capabilities = a_map(answer.get("agentCapabilities"))
        if self._options.auth_method is not None:
            await self._request("authenticate", {"methodId": self._options.auth_method})
        resumed, opened = await self._load()
        if opened is None:
            opened = await self._new(answer)
        self._announce(answer, opened, resumed=resumed)
        selection = self.context.spec.start.model_selection
        if selection is not None:
            await self._prefer_model(selection.model)

    async def cancel(self) -> None:
        """Ask the agent to stop working; the stop ladder goes on whatever it does."""
        self._cancel_prompt()

    # Opening

    async def _load(self) -> tuple[bool, dict[str, Any] | None]:
        """Load the conversation of the resume cursor; (False, None) when there is none to load."""
        cursor = self.context.spec.resume_cursor
        if cursor is None:
            return False, None
        session_id = a_map(cursor).get("sessionId")
        if not isinstance(session_id, str) or not session_id:
            return self._not_loaded("the resume cursor is not one of an ACP session")
        if self._capabilities.get("loadSession") is not True:
            return self._not_loaded("the agent cannot load sessions")
        self._phase = Phase.LOADING
        self._session_id = session_id
        self._replay_possible = True
        params = {"sessionId": session_id, "cwd": self.cwd(), "mcpServers": []}
        try:
            return True, await self._request("session/load", params)
        except ProviderRequestFailed as error:
            return self._not_loaded(str(error.data.get("detail", error.message)))

    def _not_loaded(self, why: str) -> tuple[bool, None]:
        self._replay_possible = False
        message = f"The conversation could not be resumed, a new one was begun: {why}"
        self._emit(self._mapping.conversation.warning(message, {"kind": "not-resumed"}))
        return False, None

    async def _new(self, initialized: dict[str, Any]) -> dict[str, Any]:
        self._phase = Phase.OPENING
        self._session_id = ""
        params = {"cwd": self.cwd(), "mcpServers": []}
        response = await self._up().call("session/new", params, self._deadlines.start_s)
        if response.error is not None and response.error.code == AUTH_REQUIRED:
            methods = [row.get("id") for row in maps(initialized.get("authMethods"))]
            known = ", ".join(text(method) or "?" for method in methods) or "none"
            raise ProviderRequestFailed(
                f"The agent wants a login first ({text(response.error.message)}); "
                f"log in with its own program or set the option authMethod to one of: {known}",
                method="session/new",
                providerCode=AUTH_REQUIRED,
            )
        opened = result_of(response)
        session_id = opened.get("sessionId")
        if not isinstance(session_id, str) or not session_id:
            raise ProviderRequestFailed("The agent opened a session without an id")
        self._session_id = session_id
        return opened

    def _announce(
        self, initialized: dict[str, Any], opened: dict[str, Any], *, resumed: bool
    ) -> None:
        """Say that the session is open, then what the agent said before that."""
        self._offers = Offers(self._session_id, opened)
        config = {
            key: source[key]
            for source, keys in (
                (initialized, ("agentInfo", "agentCapabilities", "authMethods")),
                (opened, ("modes", "models", "configOptions")),
            )
            for key in keys
            if source.get(key) not in (None, [], {})
        }
        self._emit(self._mapping.started(self._session_id, config, resumed=resumed))
        self._phase = Phase.LIVE
        if resumed:
            self._publish_cursor()
        held, self._held = self._held, []
        for params in held:
            self._update(params)

    # Turns

    async def send_turn(self, params: SendTurnParams) -> SendTurnResult:
        """Hand a turn to the agent. Raises ValidationFailed while another one runs."""
        self._must_be_idle()
        images = a_map(self._capabilities.get("promptCapabilities")).get("image") is True
        blocks = await prompt_blocks(params, takes_images=images)
        if params.model_selection is not None:
            await self._set("model", params.model_selection.model)
        if params.interaction_mode is not None:
            await self._set_plan_mode(on=params.interaction_mode == "plan")
        self._must_be_idle()  # the waits above let other calls in
        turn_id = self.context.new_id("turn")
        prompt = {"sessionId": self._session_id, "prompt": blocks}
        self._prompt = self._up().send("session/prompt", prompt)
        self._replay_possible = False
        self._emit(self._mapping.begin_turn(turn_id, self._offers.model))
        cursor = self._cursor() if self._cursor_published else None
        return SendTurnResult(
            thread_id=self.context.spec.thread_id, turn_id=turn_id, resume_cursor=cursor
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

    def _must_be_idle(self) -> None:
        if self._phase is not Phase.LIVE:
            raise ProviderProcessFailed("Cannot start a turn: the agent is not up")
        running = self._mapping.conversation.turn_id
        if running is not None:
            raise ValidationFailed(
                f"Cannot start a turn: {running} is still running", turnId=running
            )

    def _cancel_prompt(self) -> None:
        """Cancel the running turn: first the turn, then what it waits for, or it would go on."""
        if self._prompt is None or self._link is None or self._cancelling:
            return
        self._cancelling = True
        self._link.notify("session/cancel", {"sessionId": self._session_id})
        self._withdraw_permissions()

    def _withdraw_permissions(self) -> None:
        for request_id, permission in list(self._mapping.permissions.items()):
            self._up().answer(permission.rpc_id, CANCELLED.outcome())
            self._emit(self._mapping.answer(request_id, CANCELLED))

    def _abandon(self) -> None:
        """End a turn that the agent does not end; what it still says of it is dropped."""
        self._cancel_timer = None
        if self._prompt is None:
            return
        self._abandoned.add(self._prompt)
        seconds = self._deadlines.cancel_s
        warning = f"The agent did not end the cancelled turn within {seconds:g} s"
        self._emit(self._mapping.conversation.warning(warning, {"kind": "cancel-ignored"}))
        self._finish_turn(Ending("interrupted", "cancelled"))

    def _finish_turn(self, ending: Ending, result: Json = None) -> None:
        self._prompt = None
        self._cancelling = False
        if self._cancel_timer is not None:
            self._cancel_timer.cancel()
            self._cancel_timer = None
        self._withdraw_permissions()
        self._emit(self._mapping.end_turn(ending, result))
        self._publish_cursor()

    # Settings

    async def set_config(self, key: str, value: Json) -> Json:
        """Set `model`, `mode` or one of the agent's config options."""
        await self._set(key, value)
        return {"config": {key: value}}

    async def _set(self, key: str, value: Json) -> None:
        if value == {"model": self._offers.model, "mode": self._offers.mode}.get(key, self):
            return
        call = self._offers.setting(key, value)
        if call is None:
            raise Unsupported(f"This agent has no setting {key!r}", key=key)
        await self._up().result(call.method, call.params, self._deadlines.setting_s)
        self._offers.took(key, value)
        self._emit(self._mapping.configured({_CURRENT.get(key, key): value}))

    async def _set_plan_mode(self, *, on: bool) -> None:
        plan = self._offers.plan_mode()
        if on:
            if plan is None:
                raise Unsupported("This agent has no plan mode")
            if self._offers.mode != plan:
                self._usual_mode = self._offers.mode
            await self._set("mode", plan)
        elif plan is not None and self._offers.mode == plan and self._usual_mode is not None:
            await self._set("mode", self._usual_mode)

    async def _prefer_model(self, model: str) -> None:
        """Set the model that the session was started with; go on without it if that fails."""
        try:
            await self._set("model", model)
        except (Unsupported, ProviderRequestFailed) as error:
            message = f"The agent keeps its own model instead of {model}: {error.message}"
            self._emit(self._mapping.conversation.warning(message, {"kind": "model-not-set"}))

    # Messages

    def _take(self, message: Message) -> None:
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
            self._complain(message)

    def _update(self, params: dict[str, Any]) -> None:
        is_content = update_kind(params) in CONTENT_UPDATES
        if self._phase is not Phase.LIVE:
            if self._phase is Phase.LOADING and is_content:
                return  # the history that session/load replays is in the journal already
            if len(self._held) < HELD_UPDATES:
                self._held.append(params)
            else:
                self._complain(Malformed("the agent says too much before its session is open"))
            return
        if params.get("sessionId", self._session_id) != self._session_id:
            self.context.log("debug", "acp.foreign_session")
            return
        if is_content and self._is_stale():
            return
        drafts = self._mapping.update(params)
        if drafts:
            self._emit(drafts)
            if is_content and self._prompt is not None:
                self._publish_cursor()

    def _is_stale(self) -> bool:
        """Tell whether content that comes now belongs to no turn that anybody follows."""
        between_turns = self._mapping.conversation.turn_id is None
        return between_turns and (self._replay_possible or bool(self._abandoned))

    def _asked(self, request: Request) -> None:
        link = self._up()
        if request.method != "session/request_permission":
            link.refuse(request.id, METHOD_NOT_FOUND, f"Method not found: {text(request.method)}")
            self.context.log("debug", "acp.refused", method=text(request.method))
            return
        if self._phase is not Phase.LIVE or self._is_stale() or self._cancelling:
            link.answer(request.id, CANCELLED.outcome())
            return
        request_id, drafts = self._mapping.ask(request.id, request.params)
        self._emit(drafts)
        if request_id is None:
            link.answer(request.id, CANCELLED.outcome())

    def _answered(self, response: Response) -> None:
        if response.id == self._prompt:
            interrupting = self._cancelling
            if response.error is not None:
                self._finish_turn(ending_of_error(response.error, interrupting=interrupting))
            else:
                ending = ending_of_result(response.result, interrupting=interrupting)
                self._finish_turn(ending, response.result)
            return
        self._abandoned.discard(response.id)
        if response.method == "session/load" and response.error is None:
            self._phase = Phase.OPENING  # what comes from now on is news, held until announced
        self._up().settle(response)

    def _complain(self, malformed: Malformed) -> None:
        """Warn about noise, as often as the budget allows."""
        verdict = self._noise.spend(self.context.now_ms())
        self._summarise(verdict.unsaid)
        if verdict.say:
            detail = {"kind": "malformed", "sample": malformed.sample or None}
            message = f"The agent said something unreadable: {malformed.reason}"
            self._emit(self._mapping.conversation.warning(message, detail))

    def _summarise(self, unsaid: int) -> None:
        if unsaid:
            message = f"The agent said {unsaid} more unreadable things"
            detail = {"kind": "malformed", "count": unsaid}
            self._emit(self._mapping.conversation.warning(message, detail))

    # Within

    def _end(self) -> None:
        """The output has ended: nothing is answered any more. What is open the supervisor ends."""
        self._phase = Phase.ENDED
        self._summarise(self._noise.close())
        if self._cancel_timer is not None:
            self._cancel_timer.cancel()
            self._cancel_timer = None
        self._up().close()

    def _up(self) -> AcpLink:
        if self._link is None:
            raise ProviderProcessFailed("The agent was not started")
        return self._link

    async def _request(self, method: str, params: dict[str, Json]) -> dict[str, Any]:
        return await self._up().result(method, params, self._deadlines.start_s)

    def _emit(self, drafts: Sequence[Draft]) -> None:
        if drafts:
            self.context.emit(drafts)

    def _cursor(self) -> dict[str, str]:
        return {"sessionId": self._session_id}

    def _publish_cursor(self) -> None:
        """Tell how to resume, once there is something that can be: a turn has said something."""
        if not self._cursor_published and self._capabilities.get("loadSession") is True:
            self._cursor_published = True
            self.context.publish_cursor(self._cursor())


_CURRENT: Final = {"model": "currentModelId", "mode": "currentModeId"}
