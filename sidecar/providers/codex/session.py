"""One conversation with one `codex app-server`: the shell around wire and mapping.

Owns the order of things: what is held back until the session is announced, which turn runs, and
that an interrupted turn is reported once nothing of it runs. Never decides what a message means:
that is the mapping.
"""

from collections.abc import Sequence
from typing import Any

from sidecar.contract.base import Json
from sidecar.contract.errors import ProviderProcessFailed, ProviderRequestFailed, ValidationFailed
from sidecar.contract.events.side import AuthStatus
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
from sidecar.providers.codex.asking import Desk
from sidecar.providers.codex.catalog import Choice, choice_of
from sidecar.providers.codex.deadlines import Deadlines
from sidecar.providers.codex.ends import TurnEnds
from sidecar.providers.codex.history import read_turns, roll_back
from sidecar.providers.codex.launch import Launch
from sidecar.providers.codex.link import CodexLink
from sidecar.providers.codex.mapping import CodexMapping
from sidecar.providers.codex.mapping.notices import settings_of
from sidecar.providers.codex.mcp import change_mcp, mcp_status
from sidecar.providers.codex.opening import (
    Handshake,
    NotResumable,
    Opened,
    Wanted,
    new_thread,
    resumable,
    resume_thread,
    shake_hands,
)
from sidecar.providers.codex.options import read_options, rights_of
from sidecar.providers.codex.phases import Cause, Phase, moved
from sidecar.providers.codex.prompt import input_items
from sidecar.providers.codex.sending import Sender
from sidecar.providers.codex.settings import Settings
from sidecar.providers.codex.wire import Malformed, Message, Notification, Response
from sidecar.providers.link import DRAIN_DEADLINE_S
from sidecar.providers.noise import Complaints
from sidecar.providers.shapes import a_map

HELD_MESSAGES = 1024
"""Messages kept until the session is announced. Codex sends a handful; more are dropped, said."""


class CodexSession(ProviderSession):
    """See ProviderSession. One app-server, one thread, and the sub-agents of that."""

    def __init__(self, context: SessionContext, deadlines: Deadlines | None = None) -> None:
        super().__init__(context)
        start = context.spec.start
        self._options = read_options(context.spec.provider_settings, start.options)
        self._launch = Launch(context, self._options)
        self._deadlines = deadlines or self._declared()
        self._mapping = CodexMapping(Conversation(), context.new_id, context.spec.raw)
        self._noise = Complaints(self._warn, context.now_ms)
        self._phase = Phase.SHAKING
        self._held: list[Message] = []
        self._link: CodexLink | None = None
        self._handshake = Handshake({})
        self._settings: Settings | None = None
        self._ends: TurnEnds | None = None
        self._desk: Desk | None = None
        self._sender: Sender | None = None
        self._cursor_published = False

    def _declared(self) -> Deadlines:
        limits, usual = self.context.spec.start.limits, Deadlines()
        start_s = limits.start_ms / 1000 if limits and limits.start_ms else usual.start_s
        reconnect_ms = self._options.reconnect_ms
        reconnect_s = reconnect_ms / 1000 if reconnect_ms else usual.reconnect_s
        return Deadlines(start_s=start_s, reconnect_s=reconnect_s)

    # Life

    async def launch(self) -> None:
        """Start the app-server."""
        self._link = CodexLink(await self._launch.start("app-server"))

    async def pump(self) -> str:
        """Read Codex until it ends."""
        link = self._up()
        try:
            data = b"-"
            while data:
                data = await link.process.read()
                for message in link.receive(data):
                    await self._in_order(message)
                    self._take(message)
                    await self._after(message)
                if not await link.drained():
                    return f"Codex has left its input unread for {DRAIN_DEADLINE_S:g} s"
                await self.context.flow()
            return await self._last_words()
        finally:
            self._end()

    async def initialise(self) -> None:
        """Shake hands, open or resume the thread, announce it."""
        link = self._up()
        self._handshake = await shake_hands(link, self._deadlines)
        wanted = self._wanted()
        resumed = await self._resume(link, wanted)
        opened = resumed or await new_thread(link, wanted, self._deadlines.start_s)
        self._announce(opened, resumed=resumed is not None)
        self._say_dropped(wanted.choice)
        self._say_login()

    async def cancel(self) -> None:
        """Ask Codex to stop working; the stop ladder goes on whatever it does."""
        if self._ends is not None:
            self._ends.interrupt()

    def _end(self) -> None:
        """The output has ended: nothing is answered any more. What is open the supervisor ends."""
        self._phase = moved(self._phase, Cause.END)
        self._noise.close()
        if self._ends is not None:
            self._ends.close()
        self._up().close()

    async def _last_words(self) -> str:
        """Return why the output ended: a Codex that is too old knows no app-server."""
        reason = "Codex closed its output"
        if self._phase is not Phase.SHAKING or self._handshake.answer:
            return reason
        return await self._launch.outdated() or reason

    # Opening

    def _wanted(self) -> Wanted:
        """Return what the thread is to be opened with; what cannot be had is said later."""
        start = self.context.spec.start
        selection = start.model_selection
        asked = choice_of(
            selection.model if selection else None, selection.options if selection else None
        )
        asked = asked._replace(
            effort=asked.effort or self._options.effort,
            service_tier=asked.service_tier or self._options.service_tier,
        )
        choice = self._handshake.catalog.choose(asked, None)
        return Wanted(self._launch.cwd(), rights_of(start), self._options, choice)

    async def _resume(self, link: CodexLink, wanted: Wanted) -> Opened | None:
        """Open the thread of the resume cursor; None, said, when that cannot be."""
        cursor = self.context.spec.resume_cursor
        if cursor is None:
            return None
        try:
            thread_id = resumable(cursor)
            return await resume_thread(link, thread_id, wanted, self._deadlines.start_s)
        except (NotResumable, ProviderRequestFailed) as error:
            message = f"The conversation could not be resumed, a new one was begun: {error}"
            self._warn(message, {"kind": "not-resumed"})
            return None

    def _announce(self, opened: Opened, *, resumed: bool) -> None:
        """Say that the session is open, then what Codex said before that."""
        if self._phase is Phase.ENDED:
            raise ProviderProcessFailed("Codex ended while its thread was opened")
        link, hand = self._up(), self._handshake
        self._settings = Settings(link, opened.thread_id, hand.catalog)
        self._settings.heard(opened.settings)
        self._desk = Desk(self.context, link, self._mapping)
        self._ends = TurnEnds(self.context, link, self._mapping, self._desk, self._deadlines)
        self._sender = Sender(link, self._mapping, self._settings, self._ends, self._deadlines)
        config = settings_of(opened.settings)
        config |= {"version": hand.version} if hand.version else {}
        models = [model.slug for model in hand.catalog.models if not model.hidden]
        config |= {"models": models} if models else {}
        self._emit(self._mapping.started(opened.thread_id, config, hand.account, resumed=resumed))
        self._phase = moved(self._phase, Cause.OPENED)
        if resumed:
            self._publish_cursor()
        held, self._held = self._held, []
        for message in held:
            self._take(message)

    def _say_login(self) -> None:
        """Say that an account is missing. Not a refusal: a gateway of one's own may need none."""
        hint = self._handshake.login_hint
        if hint is not None:
            payload = AuthStatus(is_authenticating=False, error=hint)
            self._emit(self._mapping.conversation.say("auth.status", payload))
            self._warn(hint, {"kind": "no-account"})

    def _say_dropped(self, choice: Choice) -> None:
        for words in choice.dropped:
            self._warn(f"Not set: {words}", {"kind": "not-available"})

    # Calls

    def unanswered(self) -> list[str]:
        """Name what the provider has yet to answer."""
        return self._link.unanswered if self._link else []

    async def send_turn(self, params: SendTurnParams) -> SendTurnResult:
        """Start a turn, or steer the running one."""
        await self._live().over()
        settings = self._set()
        asked = choice_of(
            params.model_selection.model if params.model_selection else None,
            {
                **(params.model_selection.options or {} if params.model_selection else {}),
                **(params.options or {}),
            },
        )
        choice = settings.choose(asked)
        self._say_dropped(choice)
        images = self._handshake.catalog.takes_images(choice.model or settings.model)
        items = await input_items(params, takes_images=images)
        changes = settings.for_turn(choice, params.interaction_mode)
        turn_id = await self._send().send(items, changes, choice)
        return SendTurnResult(
            thread_id=self.context.spec.thread_id,
            turn_id=turn_id,
            resume_cursor=self._cursor() if self._cursor_published else None,
        )

    async def interrupt(self, turn_id: str | None) -> None:
        """Ask Codex to end the running turn; at the deadline we end it."""
        if self._sender is not None:
            await self._sender.started()
        running = self._mapping.conversation.turn_id
        if running is not None and turn_id in (None, running):
            self._live().interrupt()

    async def respond_to_request(self, params: RespondToRequestParams) -> None:
        """Answer an approval by decision or option id."""
        desk = self._at_desk()
        if desk.decide(params.request_id, params.decision, params.option_id):
            self._live().interrupt()

    async def respond_to_user_input(self, params: RespondToUserInputParams) -> None:
        """Answer questions."""
        self._at_desk().answer(params.request_id, dict(params.answers))

    async def set_config(self, key: str, value: Json) -> Json:
        """Set model, effort, serviceTier, interactionMode, approvalPolicy or sandboxMode."""
        self._live()
        await self._set().set(key, value, self._deadlines.call_s)
        return {"config": {key: value}}

    async def read_thread(self) -> Json:
        """Return the turns of Codex's own store."""
        self._live()
        return self._thread(await self._turns())

    async def rollback_thread(self, num_turns: int) -> Json:
        """Drop the last turns. Raises ValidationFailed while one runs."""
        await self._live().settled()
        running = self._mapping.conversation.turn_id
        if running is not None:
            raise ValidationFailed(f"Cannot roll back: {running} is running", turnId=running)
        if not self._cursor_published:
            raise ValidationFailed("Cannot roll back: the thread has no turns", numTurns=num_turns)
        link, thread_id = self._up(), self._mapping.thread_id
        return self._thread(await roll_back(link, thread_id, num_turns, self._deadlines.call_s))

    async def mcp(self, verb: str, params: McpParams) -> Json:
        """Tell the state of MCP servers, or change one and tell it."""
        self._live()
        link, call_s = self._up(), self._deadlines.call_s
        if verb != "status":
            await change_mcp(link, verb, params, call_s)
        return await mcp_status(link, self._mapping.thread_id, call_s)

    async def _turns(self) -> list[dict[str, Any]]:
        """Return the turns; a thread without any is in no store yet."""
        if not self._cursor_published:
            return []
        return await read_turns(self._up(), self._mapping.thread_id, self._deadlines.call_s)

    def _thread(self, turns: list[dict[str, Any]]) -> Json:
        return {"threadId": self.context.spec.thread_id, "turns": turns}

    # Messages

    async def _in_order(self, message: Message) -> None:
        """Wait for the end of an interrupted turn before the next one of Codex's own is begun."""
        if self._ends is not None and self._is_main(message, "turn/started"):
            await self._ends.settled()
            idle = self._mapping.conversation.turn_id is None
            if idle and not self._send().is_starting:
                await self._ends.guard.note()

    async def _after(self, message: Message) -> None:
        if self._ends is not None and isinstance(message, Notification):
            self._ends.guard.heard(message.method, message.params)
            await self._ends.guard.renew()

    def _take(self, message: Message) -> None:
        if isinstance(message, Response):
            self._answered(message)
        elif isinstance(message, Malformed):
            self._noise.add(message.reason, message.sample)
        elif self._phase is not Phase.LIVE:
            self._hold(message)
        elif isinstance(message, Notification):
            self._told(message)
        else:
            self._at_desk().take(message)
            self._live().progressed(message.params)

    def _hold(self, message: Message) -> None:
        if len(self._held) < HELD_MESSAGES:
            self._held.append(message)
        else:
            self._noise.add("it says too much before its session is open")

    def _answered(self, response: Response) -> None:
        """Begin a turn as soon as its start is answered: what is read next speaks of it."""
        if response.method == "turn/start" and response.error is None:
            self._begin(a_map(response.result).get("turn"))
        self._up().settle(response)

    def _told(self, message: Notification) -> None:
        method, params = message.method, message.params
        ends = self._live()
        if self._is_main(message, "turn/started"):
            self._begin(params.get("turn"))
        elif self._is_main(message, "turn/completed"):
            ends.completed(a_map(params.get("turn")))
        else:
            if method == "thread/settings/updated" and self._is_main(message, method):
                self._set().heard(a_map(params.get("threadSettings")))
            self._emit(self._mapping.notification(method, params))
            ends.told(method, params)

    def _begin(self, turn: object) -> None:
        settings, chosen = self._set(), self._send().chosen
        model = chosen.model or settings.model
        self._emit(self._mapping.begin_turn(turn, model, chosen.effort or settings.effort))
        self._publish_cursor()

    def _is_main(self, message: Message, method: str) -> bool:
        return (
            isinstance(message, Notification)
            and message.method == method
            and message.params.get("threadId") == self._mapping.thread_id
        )

    # Within

    def _up(self) -> CodexLink:
        if self._link is None:
            raise ProviderProcessFailed("Codex was not started")
        return self._link

    def _live(self) -> TurnEnds:
        if self._ends is None or self._phase is not Phase.LIVE:
            raise ProviderProcessFailed("Codex is not up")
        return self._ends

    def _set(self) -> Settings:
        if self._settings is None:
            raise ProviderProcessFailed("Codex is not up")
        return self._settings

    def _send(self) -> Sender:
        if self._sender is None:
            raise ProviderProcessFailed("Codex is not up")
        return self._sender

    def _at_desk(self) -> Desk:
        if self._desk is None:
            raise ProviderProcessFailed("Codex is not up")
        return self._desk

    def _emit(self, drafts: Sequence[Draft]) -> None:
        if drafts:
            self.context.emit(drafts)

    def _warn(self, message: str, detail: Json) -> None:
        self._emit(self._mapping.conversation.warning(message, detail))

    def _cursor(self) -> dict[str, str]:
        return {"threadId": self._mapping.thread_id}

    def _publish_cursor(self) -> None:
        """Tell how to resume, once Codex has stored something: only a thread with turns."""
        if not self._cursor_published:
            self._cursor_published = True
            self.context.publish_cursor(self._cursor())
