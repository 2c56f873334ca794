"""One conversation with one ACP agent: the shell around wire and mapping.

Owns the order of opening, and hands each call to the part that carries it out: `turns`, `asking`,
`settings`. Messages of the agent go through `hearing`. Never decides what a message means.
"""

import asyncio
from pathlib import Path
from typing import Any, NamedTuple

from sidecar.contract.base import Json
from sidecar.contract.errors import (
    Cancelled,
    ProviderProcessFailed,
    ProviderRequestFailed,
    Unsupported,
    ValidationFailed,
)
from sidecar.contract.events.side import ConfigWarning
from sidecar.contract.methods import (
    McpParams,
    ModelSelection,
    RespondToRequestParams,
    RespondToUserInputParams,
    SendTurnParams,
    SendTurnResult,
)
from sidecar.core.conversation import Conversation
from sidecar.providers.acp.asking import Asking
from sidecar.providers.acp.crew import Crew
from sidecar.providers.acp.deadlines import HISTORY_QUIET_S, HISTORY_WINDOWS, Deadlines
from sidecar.providers.acp.extension import Extension
from sidecar.providers.acp.files import Files
from sidecar.providers.acp.handshake import Handshake
from sidecar.providers.acp.hearing import Hearing
from sidecar.providers.acp.link import AcpLink
from sidecar.providers.acp.mapping import AcpMapping
from sidecar.providers.acp.mcp import read_servers, servers_for
from sidecar.providers.acp.offers import Offers
from sidecar.providers.acp.opening import NotResumable, Opened, Opening, resumable
from sidecar.providers.acp.options import AcpOptions, read_options
from sidecar.providers.acp.phases import Cause, Life, Phase
from sidecar.providers.acp.prompt import prompt_blocks
from sidecar.providers.acp.serving import Handler, Serving
from sidecar.providers.acp.settings import Settings
from sidecar.providers.acp.terminals import Terminals
from sidecar.providers.acp.turns import Turns
from sidecar.providers.acp.voice import Voice
from sidecar.providers.base import ProviderCommand, ProviderSession, SessionContext
from sidecar.providers.link import DRAIN_DEADLINE_S
from sidecar.providers.noise import Complaints


class Parts(NamedTuple):
    """What there is once the agent's process runs."""

    link: AcpLink
    turns: Turns
    asking: Asking
    hearing: Hearing


class AcpSession(ProviderSession):
    """See ProviderSession. One agent process, one ACP session."""

    def __init__(self, context: SessionContext, deadlines: Deadlines | None = None) -> None:
        super().__init__(context)
        limits = context.spec.start.limits
        asked = Deadlines(start_s=limits.start_ms / 1000) if limits and limits.start_ms else None
        self._deadlines = deadlines or asked or Deadlines()
        own = context.spec.start.options or {}
        self._options = self.read_options({**context.spec.provider_settings, **own})
        self._servers = read_servers(self._options.mcp_servers)
        mapping = AcpMapping(
            Conversation(), context.new_id, context.spec.raw, self._options.quirks.failure_texts
        )
        self._voice = Voice(context, mapping)
        self._noise = Complaints(self._voice.warn, context.now_ms)
        self._life = Life()
        self._crew = Crew()
        self._parts: Parts | None = None
        self._settings: Settings | None = None
        self._handshake = Handshake({})
        self._session_id = ""
        self._cursor_published = False
        self._interrupts = 0
        """How often an interrupt came: a turn that is being set up then is not begun."""

    # What a profile may change

    def read_options(self, options: dict[str, Any] | None) -> AcpOptions:
        """Return the start options. Raises ValidationFailed for bad ones."""
        return read_options(options)

    def command(self) -> ProviderCommand:
        """Return what to run. Raises ValidationFailed when no command is given."""
        if self._options.command is None:
            raise ValidationFailed("Cannot start the agent: the start option `command` is missing")
        argv = [self._options.command, *self._options.args]
        return ProviderCommand(argv=argv, cwd=self.cwd(), env=dict(self._options.env))

    def auth_method(self, handshake: Handshake) -> str | None:
        """Return how to log in before a session is opened; None not to."""
        del handshake  # a profile may look at what the agent offers
        return self._options.auth_method

    def client_meta(self) -> dict[str, Json]:
        """Return what a profile tells its agent of this client beyond ACP."""
        return {}

    def extension(self, mapping: AcpMapping) -> Extension | None:
        """Return what a profile adds to the protocol."""
        del mapping
        return None

    # Life

    def cwd(self) -> str:
        """Return the absolute directory that the agent works in; the user's home by default."""
        cwd = self.context.spec.start.cwd
        path = Path(cwd) if cwd else Path.home()
        if not path.is_absolute() or not path.is_dir():
            raise ValidationFailed(f"Cannot start the agent: cwd {path} is no absolute directory")
        return str(path)

    async def launch(self) -> None:
        """Start the agent's process."""
        command = self.command()
        link = AcpLink(await self.context.spawn(command))
        voice, crew = self._voice, self._crew
        asking = Asking(voice, link)
        terminals = Terminals(voice, crew, self.cwd(), self._options.env)
        turns = Turns(
            voice, link, crew, asking=asking, terminals=terminals, deadlines=self._deadlines
        )
        hearing = Hearing(
            voice,
            link,
            self._life,
            turns=turns,
            asking=asking,
            serving=Serving(link, crew, self._handlers(terminals)),
            noise=self._noise,
            extension=self.extension(voice.mapping),
        )
        self._parts = Parts(link, turns, asking, hearing)

    async def pump(self) -> str:
        """Read the agent until it ends."""
        link, hearing = self._up().link, self._up().hearing
        async with self._crew:
            try:
                data = b"-"
                while data:
                    data = await link.process.read()
                    for message in link.receive(data):
                        hearing.take(message)
                        self._publish_cursor(persisted=hearing.spoken)
                    if not await link.drained():
                        return f"the agent has left its input unread for {DRAIN_DEADLINE_S:g} s"
                    await self.context.flow()
                return "the agent closed its output"
            finally:
                self._end()

    async def initialise(self) -> None:
        """Shake hands, log in if told to, open or load the session, announce it."""
        link = self._up().link
        opening = Opening(link, self._options, self.cwd(), self._deadlines.start_s)
        self._handshake = await opening.shake_hands(
            may_write=self._may_write(), meta=self.client_meta()
        )
        method = self.auth_method(self._handshake)
        if method is not None:
            await opening.log_in(self._handshake, method)
        capabilities = self._handshake.capabilities.get("mcpCapabilities")
        servers = servers_for(self._servers, capabilities)
        opening.servers = servers.usable
        opened, resumed = await self._open(opening)
        self._announce(opened, resumed=resumed)
        for name, transport in servers.unusable:
            self._warn_of_server(name, transport)
        selection = self.context.spec.start.model_selection
        if selection is not None:
            await self._prefer_model(selection)

    async def cancel(self) -> None:
        """Ask the agent to stop working; the stop ladder goes on whatever it does."""
        if self._parts is not None:
            self._parts.turns.cancel()

    def _end(self) -> None:
        """The output has ended: nothing is answered any more. What is open the supervisor ends."""
        self._life.move(Cause.END)
        self._noise.close()
        self._up().turns.stop_timer()
        self._up().link.close()

    # Opening

    async def _open(self, opening: Opening) -> tuple[Opened, bool]:
        """Open the conversation of the resume cursor, or, said, a new one when that cannot be."""
        cursor = self.context.spec.resume_cursor
        if cursor is not None:
            try:
                session_id = resumable(self._handshake, cursor)
                self._life.move(Cause.LOAD)
                opened = await opening.again(self._handshake, session_id)
                if opened.replays:
                    await self._history_over()
            except (NotResumable, ProviderRequestFailed) as error:
                message = f"The conversation could not be resumed, a new one was begun: {error}"
                self._voice.warn(message, {"kind": "not-resumed"})
            else:
                self._up().hearing.replay_possible = True
                self._life.move(Cause.LOADED)
                return opened, True
        self._life.move(Cause.NEW)
        return await opening.new(self._handshake), False

    async def _history_over(self) -> None:
        """Wait until a replay that goes on after its answer is over, or it would look like news.

        Some agents load any id with success. One that has replayed nothing is not believed in
        silence.
        """
        hearing = self._up().hearing
        for _ in range(HISTORY_WINDOWS):
            heard = hearing.heard
            await asyncio.sleep(HISTORY_QUIET_S)
            if heard == hearing.heard:
                break
        if hearing.replayed == 0:
            message = "The agent says that it has loaded the conversation, but it showed none of it"
            self._voice.warn(message, {"kind": "nothing-replayed"})

    def _announce(self, opened: Opened, *, resumed: bool) -> None:
        """Say that the session is open, then what the agent said before that."""
        if self._life.phase is Phase.ENDED:
            raise ProviderProcessFailed("The agent ended while its session was opened")
        parts = self._up()
        self._session_id = opened.session_id
        offers = Offers(opened.session_id, opened.offers)
        self._settings = Settings(parts.link, offers, self._voice.configured)
        parts.turns.open(opened.session_id, self._handshake, self._options.auth_hint)
        config = self._handshake.config(opened.offers)
        started = self._voice.mapping.started(opened.session_id, config, resumed=resumed)
        self._voice.emit(started)
        self._life.move(Cause.ANNOUNCED)
        self._publish_cursor(persisted=resumed)
        parts.hearing.open(opened.session_id, self._settings)

    async def _prefer_model(self, selection: ModelSelection) -> None:
        """Set the model that the session was started with; go on without it if that fails."""
        try:
            await self._set().select(selection)
        except (Unsupported, ProviderRequestFailed) as error:
            message = f"The agent keeps its own model instead of {selection.model}: {error.message}"
            self._voice.warn(message, {"kind": "model-not-set"})

    def _warn_of_server(self, name: str, transport: str) -> None:
        summary = f"The agent cannot use the MCP server {name}: it speaks no {transport}"
        conversation = self._voice.mapping.conversation
        self._voice.emit(conversation.say("config.warning", ConfigWarning(summary=summary)))

    # Calls

    def unanswered(self) -> list[str]:
        """Name what the agent has yet to answer."""
        return self._parts.link.unanswered if self._parts else []

    async def send_turn(self, params: SendTurnParams) -> SendTurnResult:
        """Hand a turn to the agent. Raises ValidationFailed while another one runs."""
        self._must_be_idle()
        interrupts = self._interrupts
        blocks = await prompt_blocks(params, takes_images=self._handshake.takes_images)
        if params.model_selection is not None:
            await self._set().select(params.model_selection)
        if params.interaction_mode is not None:
            await self._set().set_plan_mode(on=params.interaction_mode == "plan")
        note = await self.context.note_tree()
        self._must_be_idle()  # the waits above let other calls in
        if self._interrupts != interrupts:
            raise Cancelled("The turn was interrupted before the agent was given it")
        turn_id = self.context.new_id("turn")
        self._up().hearing.replay_possible = False
        self._up().turns.begin(turn_id, blocks, self._set().model, note)
        return SendTurnResult(
            thread_id=self.context.spec.thread_id,
            turn_id=turn_id,
            resume_cursor=self._cursor() if self._cursor_published else None,
        )

    async def interrupt(self, turn_id: str | None) -> None:
        """Ask the agent to end the running turn; at the deadline we end it."""
        running = self._up().turns.running
        if turn_id is None:
            self._interrupts += 1
        if running is not None and turn_id in (None, running):
            self._up().turns.cancel_in_time()

    async def respond_to_request(self, params: RespondToRequestParams) -> None:
        """Answer a permission by decision or option id."""
        self._up().asking.respond(params)

    async def respond_to_user_input(self, params: RespondToUserInputParams) -> None:
        """Answer questions that an extension of the protocol asks."""
        self._up().asking.respond_to_inquiry(params)

    async def set_config(self, key: str, value: Json) -> Json:
        """Set `model`, `mode` or one of the agent's config options."""
        return {"config": {key: await self._set().set(key, value)}}

    async def mcp(self, verb: str, params: McpParams) -> Json:
        """List the servers that the agent was given; ACP cannot change them afterwards."""
        if verb != "status":
            raise Unsupported(
                f"ACP has no MCP {verb}: give the start option mcpServers", name=params.name
            )
        names = [server.name for server in self._servers]
        wanted = [name for name in names if params.name in (None, name)]
        return {"servers": [{"name": name, "state": "configured"} for name in wanted]}

    def _must_be_idle(self) -> None:
        if self._life.phase is not Phase.LIVE:
            raise ProviderProcessFailed("Cannot start a turn: the agent is not up")
        running = self._up().turns.running
        if running is not None:
            raise ValidationFailed(
                f"Cannot start a turn: {running} is still running", turnId=running
            )

    # Within

    def _handlers(self, terminals: Terminals) -> dict[str, Handler]:
        """Return what the agent may ask of this client: as much as it is told in initialize."""
        quirks, may_write = self._options.quirks, self._may_write()
        handlers: dict[str, Handler] = {}
        if not quirks.no_files:
            handlers |= Files(self.cwd()).handlers(writes=may_write)
        if may_write and not quirks.no_terminals:
            handlers |= terminals.handlers()
        return handlers

    def _may_write(self) -> bool:
        """Tell whether files may be written and commands run here on the agent's behalf."""
        return self.context.spec.start.sandbox_mode != "read-only"

    def _up(self) -> Parts:
        if self._parts is None:
            raise ProviderProcessFailed("The agent was not started")
        return self._parts

    def _set(self) -> Settings:
        if self._settings is None:
            raise ProviderProcessFailed("The agent is not up")
        return self._settings

    def _cursor(self) -> dict[str, str]:
        return {"sessionId": self._session_id}

    def _publish_cursor(self, *, persisted: bool) -> None:
        """Tell how to resume, once there is something that can be: a turn has said something."""
        able = self._handshake.loads or self._handshake.resumes
        if persisted and able and not self._cursor_published:
            self._cursor_published = True
            self.context.publish_cursor(self._cursor())
