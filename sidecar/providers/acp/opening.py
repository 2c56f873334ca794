"""How an ACP session is opened: handshake, login, a new session or one that goes on.

Owns the requests and what their refusals mean in words. Never emits: the session announces.
"""

from typing import Any, NamedTuple

from sidecar import __version__
from sidecar.contract.base import Json
from sidecar.contract.errors import ProviderRequestFailed
from sidecar.providers.acp.handshake import (
    PROTOCOL_VERSION,
    Handshake,
    checked,
    client_capabilities,
    login_failed,
)
from sidecar.providers.acp.link import AcpLink
from sidecar.providers.acp.mapping.shapes import a_map
from sidecar.providers.acp.options import AcpOptions
from sidecar.providers.acp.wire import AUTH_REQUIRED, METHOD_NOT_FOUND, Response


class NotResumable(Exception):  # noqa: N818 - named after what happened
    """Raised by resumable; a new conversation is begun instead."""


class Opened(NamedTuple):
    """An open session: its id, what the agent said about it, and whether it replays itself."""

    session_id: str
    offers: dict[str, Any]
    replays: bool = False


class Opening:
    """The requests that open one session."""

    def __init__(self, link: AcpLink, options: AcpOptions, cwd: str, deadline_s: float) -> None:
        self._link = link
        self._options = options
        self._cwd = cwd
        self._deadline_s = deadline_s
        self.servers: list[dict[str, Any]] = []
        """The MCP servers that the agent is to use."""

    async def shake_hands(self, *, may_write: bool, meta: dict[str, Json] | None) -> Handshake:
        """Initialize. Raises ProviderRequestFailed for an agent that speaks another version."""
        capabilities = client_capabilities(self._options.quirks, may_write=may_write)
        if meta:
            capabilities["_meta"] = meta
        params: dict[str, Json] = {
            "protocolVersion": PROTOCOL_VERSION,
            "clientCapabilities": capabilities,
            "clientInfo": {"name": "agent-sidecar", "version": __version__},
        }
        answer = await self._link.result("initialize", params, self._deadline_s)
        return checked(answer, self._options.quirks)

    async def log_in(self, handshake: Handshake, method_id: str) -> None:
        """Authenticate. Raises ProviderRequestFailed with what a person must do."""
        method = "authenticate"
        response = await self._link.call(method, {"methodId": method_id}, self._deadline_s)
        if response.error is not None:
            words = handshake.login_words(response.error, self._options.auth_hint)
            raise login_failed(words, method, response.error)

    async def new(self, handshake: Handshake) -> Opened:
        """Open a new session. Raises ProviderRequestFailed; for a missing login it says how."""
        response = await self._call("session/new", {})
        offers = self._result(response, handshake)
        session_id = offers.get("sessionId")
        if not isinstance(session_id, str) or not session_id:
            raise ProviderRequestFailed("The agent opened a session without an id")
        return Opened(session_id, offers)

    async def again(self, handshake: Handshake, session_id: str) -> Opened:
        """Resume or load a session, as the agent can. Raises ProviderRequestFailed if it fails.

        Resuming replays nothing, so it goes first; an agent that does not know it after all loads.
        """
        named = {"sessionId": session_id}
        if handshake.resumes:
            response = await self._call("session/resume", named)
            unknown = response.error is not None and response.error.code == METHOD_NOT_FOUND
            if not (unknown and handshake.loads):
                return Opened(session_id, self._result(response, handshake))
        response = await self._call("session/load", named)
        return Opened(session_id, self._result(response, handshake), replays=True)

    async def _call(self, method: str, params: dict[str, Json]) -> Response:
        params |= {"cwd": self._cwd, "mcpServers": self.servers}
        return await self._link.call(method, params, self._deadline_s)

    def _result(self, response: Response, handshake: Handshake) -> dict[str, Any]:
        if response.error is not None and response.error.code == AUTH_REQUIRED:
            words = handshake.login_words(response.error, self._options.auth_hint)
            raise login_failed(words, response.method, response.error)
        return self._link.result_of(response)


def resumable(handshake: Handshake, cursor: Json) -> str:
    """Return the session id in a resume cursor. Raises NotResumable with the reason."""
    session_id = a_map(cursor).get("sessionId")
    if not isinstance(session_id, str) or not session_id:
        raise NotResumable("the resume cursor is not one of an ACP session")
    if not (handshake.loads or handshake.resumes):
        raise NotResumable("the agent cannot load sessions")
    return session_id
