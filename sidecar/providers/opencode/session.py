"""One conversation on a shared opencode server: the shell around inbox and mapping.

Everything that the server says is handled by `pump` alone, one event after the other; `_order`
keeps prompts from overtaking it. Which turn runs, and how it ends, is `running`'s. Never decides
what an event means: that is the mapping.
"""

import asyncio
from collections.abc import Sequence

from sidecar.contract.base import Json
from sidecar.contract.errors import (
    ProviderProcessFailed,
    ProviderRequestFailed,
    Unsupported,
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
from sidecar.providers.base import (
    Lease,
    ProviderCommand,
    ProviderSession,
    SessionContext,
    SharedContext,
)
from sidecar.providers.opencode import catalogue, mcp, opening, plugin, reading
from sidecar.providers.opencode.answering import Answering
from sidecar.providers.opencode.deadlines import Deadlines
from sidecar.providers.opencode.http import HttpClient
from sidecar.providers.opencode.inbox import Closed, Inbox, Resync
from sidecar.providers.opencode.mapping import OpencodeMapping, Opening, history
from sidecar.providers.opencode.options import read_options
from sidecar.providers.opencode.prompt import Chosen, chosen_for, prompt_body
from sidecar.providers.opencode.remote import Remote
from sidecar.providers.opencode.running import Running
from sidecar.providers.opencode.server import OpencodeServer
from sidecar.providers.opencode.sharing import sharing_key
from sidecar.providers.opencode.shell import server_command, working_directory
from sidecar.providers.opencode.waiting import Prompt
from sidecar.providers.opencode.wire import Event

MCP_STATUS_S = 15.0
"""One request about MCP servers; connecting to one takes seconds."""

MCP_CONNECT_S = 25.0
"""Adding or connecting one: npx may have to fetch it. Below the method's own 30 s."""


class OpencodeSession(ProviderSession):
    """See ProviderSession. One session of a server that others may use as well."""

    def __init__(self, context: SessionContext, deadlines: Deadlines | None = None) -> None:
        super().__init__(context)
        self._deadlines = deadlines or Deadlines()
        self._options = read_options(context.spec.provider_settings, context.spec.start.options)
        self._mapping = OpencodeMapping(Conversation(), context.new_id, context.spec.raw)
        self._turns = Running(
            context, self._mapping, self._emit, self._deadlines, self._options.max_retries
        )
        self._answering = Answering(context, self._mapping, self._turns, self._emit)
        self._chosen = Chosen(variant=self._options.variant, agent=self._options.agent)
        self._order = asyncio.Lock()
        self._opened = asyncio.Event()
        self._lease: Lease | None = None
        self._inbox: Inbox | None = None
        self._session_id = ""
        self._ended = False

    # Life

    async def launch(self) -> None:
        """Lease the server, which starts it if nobody has yet."""
        working_directory(self.context.spec)
        key = sharing_key(self.context.spec)
        self._lease = await self.context.lease(key, self._server_for)

    async def pump(self) -> str:
        """Handle what the server says until it ends."""
        try:
            await self._opened.wait()
            while True:
                reason = await self._step()
                if reason is not None:
                    return reason
        finally:
            self._leave()

    async def initialise(self) -> None:
        """Open the session, or that of the resume cursor, and announce it."""
        server, spec = self._server(), self.context.spec
        around = await opening.surroundings(server.http)
        self._mapping.messages.mcp_servers = frozenset(self._options.mcp_servers)
        info, resumed = await self._open(server.http)
        self._session_id = info["id"]
        self._inbox = server.sessions.attach(self._session_id)
        self._turns.remote = Remote(server, self._session_id, self._deadlines)
        self._mapping.context_limits = catalogue.context_limits(around.models)
        selection = spec.start.model_selection
        if selection is not None:
            self._chosen = self._chosen.changed("model", selection.model)
            variant = (selection.options or {}).get("variant")
            self._chosen = self._chosen.changed("variant", variant or self._chosen.variant)
        config = {**around.config, **self._in_force()}
        opening_ = Opening(self._session_id, config, info.get("title"), resumed=resumed)
        self._emit(self._mapping.started(opening_))
        self.context.publish_cursor(self._cursor())
        self._opened.set()

    async def cancel(self) -> None:
        """Ask the server to stop working for this session."""
        try:
            await self._turns.leave()
        except (ProviderRequestFailed, ProviderProcessFailed) as error:
            self.context.log("info", "opencode.abort_failed", error=error.message)

    def _server_for(self, context: SharedContext) -> OpencodeServer:
        """Make the server that this session needs; others with the same key get it too."""
        spec, options = self.context.spec, self._options
        url = None
        if spec.data_dir:
            try:
                url = plugin.install(spec.data_dir)
            except OSError as error:
                context.log("warning", "opencode.no_plugin", error=str(error))

        def command(password: str) -> ProviderCommand:
            return server_command(spec, options, password, url)

        command("")  # a bad option is the session's fault, not the server's
        return OpencodeServer(context, command, options.idle_ms / 1000)

    async def _open(self, http: HttpClient) -> tuple[dict[str, Json], bool]:
        """Return the info of the session, and whether it is the one of the cursor."""
        spec = self.context.spec
        if spec.resume_cursor is not None:
            self._server().sessions.must_be_free(opening.wanted(spec))
            try:
                return await opening.resume(http, spec), True
            except opening.NotResumable as error:
                message = opening.not_resumed(error)
                self._emit(self._mapping.conversation.warning(message, {"kind": "not-resumed"}))
        return await opening.create(http, spec), False

    def _leave(self) -> None:
        """Give everything back, on every way out."""
        self._ended = True
        if self._lease is not None:
            if self._inbox is not None:
                self._server().sessions.detach(self._session_id)
            self._lease.release()

    # What the server says

    async def _step(self) -> str | None:
        """Handle the next event, or silence; return why it was the last one."""
        inbox = self._box()
        try:
            async with asyncio.timeout(self._turns.patience_s()):
                item = await inbox.get()
        except TimeoutError:
            async with self._order:
                await self._turns.look()
            return None
        if isinstance(item, Closed):
            return item.reason
        async with self._order:
            if isinstance(item, Resync):
                await self._resync(item.reason)
            elif item is not None:
                await self._take(item)
            await self._turns.follow()
        await self.context.flow()
        return None

    async def _take(self, event: Event) -> None:
        self._emit(self._mapping.event(event))
        if event.type in ("permission.asked", "question.asked"):
            await self._answering.by_rule()
        elif event.type == "mcp.tools.changed":
            await self._say_mcp()
        elif event.type in ("server.instance.disposed", "global.disposed"):
            await self._resync("the server has reloaded its configuration")

    async def _resync(self, reason: str) -> None:
        """Read again what stands: events were lost."""
        self.context.log("warning", "opencode.resync", reason=reason)
        self._mapping.messages.lost()
        if self._turns.turn_id is None:
            return
        try:
            events = await self._turns.up().missed(self._mapping.conversation.tasks)
        except (ProviderRequestFailed, ProviderProcessFailed) as error:
            message = f"Some of what OpenCode said was lost: {error.message}"
            self._emit(self._mapping.conversation.warning(message, {"kind": "lost"}))
            return
        asked = {str(e.properties.get("id")) for e in events if e.type.endswith(".asked")}
        self._emit(self._mapping.asking.gone(asked))
        for event in events:
            self._emit(self._mapping.event(event))
        await self._answering.by_rule()

    # Calls

    async def send_turn(self, params: SendTurnParams) -> SendTurnResult:
        """Hand a turn to the server, or let it wait for the running one.

        Raises Overloaded when too many wait.
        """
        self._must_be_open()
        chosen, usual = chosen_for(params, self._chosen)
        body = await prompt_body(params, chosen)
        prompt = Prompt(self.context.new_id("turn"), body, chosen)
        if self._turns.turn_id is not None or self._turns.waiting:
            self._turns.waiting.add(prompt)
        else:
            async with self._order:
                self._must_be_open()
                if self._turns.turn_id is not None or self._turns.waiting:
                    self._turns.waiting.add(prompt)  # the wait let another call in
                else:
                    await self._turns.begin(prompt)
                    self._box().wake()
        self._set_usual(usual)
        return SendTurnResult(
            thread_id=self.context.spec.thread_id,
            turn_id=prompt.turn_id,
            resume_cursor=self._cursor(),
        )

    async def interrupt(self, turn_id: str | None) -> None:
        """Ask the server to end the running turn; one that waits is dropped."""
        running = self._turns.turn_id
        if running is None:
            self._turns.interrupt_beginning(turn_id)
        if turn_id is not None and turn_id != running:
            self._turns.waiting.cancel(turn_id)
            return
        if running is None:
            return
        await self._turns.interrupt()
        self._box().wake()

    async def respond_to_request(self, params: RespondToRequestParams) -> None:
        """Answer a permission by decision or option id."""
        await self._answering.permission(params)

    async def respond_to_user_input(self, params: RespondToUserInputParams) -> None:
        """Answer questions."""
        await self._answering.questions(params)

    async def set_config(self, key: str, value: Json) -> Json:
        """Set `model` (provider/model), `variant` or `agent`, for the turns to come."""
        self._set_usual(self._chosen.changed(key, value))
        return {"config": {key: value}}

    async def read_thread(self) -> Json:
        """Return the conversation as the server keeps it."""
        rows = await reading.conversation(self._server().http, self._session_id)
        return {"threadId": self.context.spec.thread_id, "turns": history.turns(rows)}

    async def rollback_thread(self, num_turns: int) -> Json:
        """Drop the last turns; opencode puts the files back as well, where it has snapshots."""
        async with self._order:
            if self._turns.turn_id is not None:
                raise ValidationFailed("Cannot roll back while a turn runs")
            await reading.roll_back(self._server().http, self._session_id, num_turns)
        return await self.read_thread()

    async def mcp(self, verb: str, params: McpParams) -> Json:
        """List, add, connect or disconnect MCP servers: of the server, so of all that share it."""
        http = self._server().http
        if verb == "status":
            return {"servers": mcp.servers(await http.call("GET", "/mcp", None, MCP_STATUS_S))}
        if params.name is None:
            raise ValidationFailed(f"Cannot {verb} an MCP server without a name")
        if verb == "add":
            config = mcp.server_config(params.name, params.config)
            await http.call("POST", "/mcp", {"name": params.name, "config": config}, MCP_CONNECT_S)
            self._mapping.messages.mcp_servers |= {params.name}
        elif verb in ("connect", "disconnect"):
            path = f"/mcp/{mcp.in_path(params.name)}/{verb}"
            await http.call("POST", path, None, MCP_CONNECT_S)
        else:
            raise Unsupported(f"OpenCode has no MCP {verb}")
        return {"servers": await self._say_mcp()}

    async def _say_mcp(self) -> list[dict[str, Json]]:
        try:
            answer = await self._server().http.call("GET", "/mcp", None, MCP_STATUS_S)
        except ProviderRequestFailed as error:
            self.context.log("warning", "opencode.no_mcp_status", error=error.message)
            return []
        servers = mcp.servers(answer)
        self._emit(self._mapping.mcp_status({"servers": servers}))
        return servers

    # Within

    def _set_usual(self, chosen: Chosen) -> None:
        """Keep what the turns to come are sent with, and say what has changed."""
        before, self._chosen = self._in_force(), chosen
        after = self._in_force()
        changed = {
            key: after.get(key) for key in {*before, *after} if before.get(key) != after.get(key)
        }
        if changed:
            self._emit(self._mapping.configured(changed))

    def _in_force(self) -> dict[str, Json]:
        chosen = self._chosen
        said = {"model": chosen.model, "variant": chosen.variant, "agent": chosen.agent}
        return {key: value for key, value in said.items() if value is not None}

    def _must_be_open(self) -> None:
        if self._ended or not self._opened.is_set():
            raise ProviderProcessFailed("Cannot start a turn: OpenCode is not up")

    def _server(self) -> OpencodeServer:
        service = None if self._lease is None else self._lease.service
        if not isinstance(service, OpencodeServer):
            raise ProviderProcessFailed("OpenCode was not started")
        return service

    def _box(self) -> Inbox:
        if self._inbox is None:
            raise ProviderProcessFailed("The OpenCode session is not open")
        return self._inbox

    def _emit(self, drafts: Sequence[Draft]) -> None:
        if drafts:
            self.context.emit(drafts)

    def _cursor(self) -> dict[str, str]:
        return {"sessionID": self._session_id}
