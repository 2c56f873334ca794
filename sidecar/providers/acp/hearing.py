"""Each message of an agent to the part that it is for, or to nobody, when it comes too late.

Owns what is held back until the session is announced and what is stale. Never decides what a
message means: that is the mapping.
"""

from typing import Any

from sidecar.contract.base import Json
from sidecar.providers.acp.asking import Asking
from sidecar.providers.acp.extension import Extension
from sidecar.providers.acp.link import AcpLink
from sidecar.providers.acp.mapping.permissions import CANCELLED
from sidecar.providers.acp.mapping.shapes import a_map, text
from sidecar.providers.acp.mapping.updates import CONTENT_UPDATES, update_kind
from sidecar.providers.acp.phases import Fate, Life, Phase, fate
from sidecar.providers.acp.serving import Serving
from sidecar.providers.acp.settings import Settings
from sidecar.providers.acp.turns import Stage, Turns
from sidecar.providers.acp.voice import Voice
from sidecar.providers.acp.wire import Malformed, Message, Notification, Request, Response
from sidecar.providers.noise import Complaints

HELD_UPDATES = 1024
"""Updates kept until the session is announced. Agents send a handful; more are dropped and said."""


class Hearing:
    """Takes the messages of one agent, in order."""

    def __init__(
        self,
        voice: Voice,
        link: AcpLink,
        life: Life,
        *,
        turns: Turns,
        asking: Asking,
        serving: Serving,
        noise: Complaints,
        extension: Extension | None,
    ) -> None:
        self.heard = 0
        """Messages so far: when it stands still, a replay is over."""
        self.replayed = 0
        """Updates of the conversation that came while it was loaded."""
        self.replay_possible = False
        """Whether the agent may still be replaying a conversation that it says is loaded."""
        self.spoken = False
        """Whether a turn has said something or ended: there is a conversation to come back to."""
        self._voice = voice
        self._mapping = voice.mapping
        self._link = link
        self._life = life
        self._turns = turns
        self._asking = asking
        self._serving = serving
        self._noise = noise
        self._extension = extension
        self._held: list[dict[str, Any]] = []
        self._session_id = ""
        self._settings: Settings | None = None

    def open(self, session_id: str, settings: Settings) -> None:
        """Let out what was held back until the session was announced."""
        self._session_id, self._settings = session_id, settings
        held, self._held = self._held, []
        for params in held:
            self._update(params)

    def take(self, message: Message) -> None:
        """Take the next message."""
        self.heard += 1
        if isinstance(message, Notification):
            self._notified(message)
        elif isinstance(message, Response):
            if self._turns.answered(message):
                self.spoken = True
            else:
                self._link.settle(message)
        elif isinstance(message, Request):
            self._asked(message)
        elif isinstance(message, Malformed):
            self._noise.add(message.reason, message.sample)

    def _notified(self, message: Notification) -> None:
        if message.method == "session/update":
            self._update(message.params)
        elif message.method == "$/cancel_request":
            self._given_up(message.params.get("requestId"))
        elif not self._extended(message.method, message.params, None):
            self._voice.context.log("debug", "acp.ignored", method=text(message.method))

    def _given_up(self, rpc_id: Json) -> None:
        if rpc_id is not None and not self._asking.withdrawn(rpc_id):
            self._serving.give_up(rpc_id)

    def _update(self, params: dict[str, Any]) -> None:
        is_content = update_kind(params) in CONTENT_UPDATES
        what = fate(self._life.phase, is_content=is_content)
        if what is Fate.HOLD and len(self._held) < HELD_UPDATES:
            self._held.append(params)
        elif what is Fate.HOLD:
            self._noise.add("it says too much before its session is open")
        elif what is Fate.DROP and self._life.phase is Phase.LOADING:
            self.replayed += 1
        elif what is Fate.MAP and not (is_content and self._is_stale()):
            self._map(params, is_content=is_content)

    def _map(self, params: dict[str, Any], *, is_content: bool) -> None:
        if params.get("sessionId", self._session_id) != self._session_id:
            self._voice.context.log("debug", "acp.foreign_session")
            return
        if self._settings is not None:
            self._settings.heard(a_map(params.get("update")))
        drafts = self._mapping.update(params)
        self._voice.emit(drafts)
        if drafts and is_content and self._turns.running is not None:
            self.spoken = True

    def _is_stale(self) -> bool:
        """Tell whether content that comes now belongs to no turn that anybody follows.

        Some agents replay the history after they have answered session/load.
        """
        if self._turns.running is not None:
            return False
        return self.replay_possible or bool(self._turns.abandoned)

    def _takes_questions(self) -> bool:
        """Tell whether a person may be asked now: a cancelled turn asks nobody."""
        cancelled = self._turns.stage in (Stage.CANCELLING, Stage.STOPPING)
        return self._life.phase is Phase.LIVE and not cancelled and not self._is_stale()

    def _asked(self, request: Request) -> None:
        if request.method == "session/request_permission":
            if self._takes_questions():
                plans = self._settings is not None and self._settings.plans
                self._asking.permission(request, plans=plans)
            else:
                self._link.answer(request.id, CANCELLED.outcome())
        elif self._extended(request.method, request.params, request.id):
            return
        elif not self._serving.take(request):
            self._voice.context.log("debug", "acp.refused", method=text(request.method))

    def _extended(self, method: str, params: dict[str, Any], rpc_id: Json) -> bool:
        """Let a profile's extension take a message; False if it is none of its own."""
        if self._extension is None:
            return False
        if not self._takes_questions():
            refusal = self._extension.refusal(method)
            if refusal is None:
                return False
            if rpc_id is not None:
                self._link.answer(rpc_id, refusal)
            return True
        told = self._extension.heard(method, params, rpc_id)
        if told is None:
            return False
        self._voice.emit(told.drafts)
        if told.inquiry is not None:
            self._asking.inquiry(told.inquiry)
        elif rpc_id is not None:
            self._link.answer(rpc_id, told.answer)
        return True
