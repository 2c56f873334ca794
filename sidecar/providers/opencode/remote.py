"""One session as its server has it: the requests that a running session makes.

Owns paths and bodies, nothing else; raises what HttpClient.call raises.
"""

from collections.abc import Iterable
from typing import Any

from sidecar.contract.base import Json
from sidecar.contract.errors import ProviderRequestFailed
from sidecar.providers.opencode import reading
from sidecar.providers.opencode.deadlines import Deadlines
from sidecar.providers.opencode.mapping.permissions import Answer, Permission
from sidecar.providers.opencode.mapping.questions import Asked
from sidecar.providers.opencode.server import OpencodeServer
from sidecar.providers.opencode.wire import Event

GONE = frozenset({400, 404})
"""What a server says of something that it does not wait for any more."""


class Remote:
    """The requests of one session."""

    def __init__(self, server: OpencodeServer, session_id: str, deadlines: Deadlines) -> None:
        self.session_id = session_id
        self._server = server
        self._deadlines = deadlines

    async def prompt(self, body: dict[str, Any]) -> None:
        """Hand a prompt over; returns before anything is done about it."""
        path = f"/session/{self.session_id}/prompt_async"
        await self._server.http.call("POST", path, body, self._deadlines.prompt_s)

    async def abort(self, deadline_s: float | None = None) -> None:
        """Ask it to stop working."""
        path = f"/session/{self.session_id}/abort"
        await self._server.http.call("POST", path, None, deadline_s or self._deadlines.abort_s)

    async def reply(self, permission_id: str, answer: Answer) -> None:
        """Answer a permission; nothing if it is not waited for any more."""
        await self._answer(f"/permission/{permission_id}/reply", answer.body())

    async def answer(self, question_id: str, answers: list[list[str]] | None) -> None:
        """Answer questions, or reject them; nothing if they are not waited for any more."""
        if answers is None:
            await self._answer(f"/question/{question_id}/reject", None)
        else:
            await self._answer(f"/question/{question_id}/reply", {"answers": answers})

    async def reject(self, asked: Permission | Asked) -> None:
        """Refuse what is asked; nothing if it is not waited for any more."""
        if isinstance(asked, Permission):
            await self.reply(asked.permission_id, Answer("decline"))
        else:
            await self.answer(asked.question_id, None)

    async def is_idle(self) -> bool:
        """Ask whether it works on nothing."""
        status = await reading.status_of(self._server.http, self.session_id)
        return status.get("type") == "idle"

    async def missed(self, agents: Iterable[str]) -> list[Event]:
        """Read how the running turn stands; its sub-agents are heard from then on."""

        def adopt(child_id: str) -> None:
            self._server.sessions.adopt(child_id, self.session_id)

        return await reading.missed(self._server.http, self.session_id, agents, adopt)

    async def _answer(self, path: str, body: Json) -> None:
        try:
            await self._server.http.call("POST", path, body, self._deadlines.answer_s)
        except ProviderRequestFailed as error:
            if error.data.get("status") not in GONE:
                raise
