"""How an ACP session is opened: handshake, login, a new session or a loaded one.

Owns the requests and what their refusals mean in words. Never emits: the session announces.
"""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sidecar import __version__
from sidecar.contract.base import Json
from sidecar.contract.errors import ProviderRequestFailed
from sidecar.providers.acp.link import AcpLink, result_of
from sidecar.providers.acp.mapping.shapes import a_map, maps, text

PROTOCOL_VERSION: Final = 1
"""The ACP version that this speaks; agents answer with the version that they will use."""

AUTH_REQUIRED: Final = -32000
"""The code with which ACP agents answer session/new before a login."""


class NotResumable(Exception):  # noqa: N818 - named after what happened
    """Raised by resumable; a new conversation is begun instead."""


class Opened(NamedTuple):
    """An open session: its id and what the agent said about it."""

    session_id: str
    offers: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Handshake:
    """What the agent said of itself."""

    answer: dict[str, Any]

    @property
    def loads(self) -> bool:
        """Whether it says that it can load sessions."""
        return a_map(self.answer.get("agentCapabilities")).get("loadSession") is True

    @property
    def takes_images(self) -> bool:
        """Whether prompts may hold images."""
        capabilities = a_map(self.answer.get("agentCapabilities"))
        return a_map(capabilities.get("promptCapabilities")).get("image") is True

    def config(self, offers: dict[str, Any]) -> dict[str, Any]:
        """Return what session.configured says: the agent, and what it can be set to."""
        said = {
            **{key: self.answer.get(key) for key in ("agentInfo", "agentCapabilities")},
            "authMethods": self.answer.get("authMethods"),
            **{key: offers.get(key) for key in ("modes", "models", "configOptions")},
        }
        return {key: value for key, value in said.items() if value not in (None, [], {})}


async def shake_hands(link: AcpLink, deadline_s: float) -> Handshake:
    """Initialize. Raises ProviderRequestFailed for an agent that speaks another version only."""
    params = {
        "protocolVersion": PROTOCOL_VERSION,
        "clientCapabilities": {
            "fs": {"readTextFile": False, "writeTextFile": False},
            "terminal": False,
        },
        "clientInfo": {"name": "agent-sidecar", "version": __version__},
    }
    answer = await link.result("initialize", params, deadline_s)
    version = answer.get("protocolVersion", PROTOCOL_VERSION)
    if version != PROTOCOL_VERSION:
        raise ProviderRequestFailed(
            f"Cannot talk to the agent: it speaks ACP version {version}, "
            f"this sidecar version {PROTOCOL_VERSION}",
            method="initialize",
        )
    return Handshake(answer)


async def new_session(link: AcpLink, handshake: Handshake, cwd: str, deadline_s: float) -> Opened:
    """Open a new session. Raises ProviderRequestFailed; for a missing login it says how."""
    params: dict[str, Json] = {"cwd": cwd, "mcpServers": []}
    response = await link.call("session/new", params, deadline_s)
    if response.error is not None and response.error.code == AUTH_REQUIRED:
        rows = maps(handshake.answer.get("authMethods"))
        known = ", ".join(filter(None, (text(row.get("id")) for row in rows))) or "none"
        reason = text(response.error.message) or "no reason given"
        raise ProviderRequestFailed(
            f"The agent wants a login first ({reason}): log in with its own program or set the "
            f"option authMethod to one of: {known}",
            method="session/new",
            providerCode=AUTH_REQUIRED,
        )
    offers = result_of(response)
    session_id = offers.get("sessionId")
    if not isinstance(session_id, str) or not session_id:
        raise ProviderRequestFailed("The agent opened a session without an id")
    return Opened(session_id, offers)


async def load_session(link: AcpLink, session_id: str, cwd: str, deadline_s: float) -> Opened:
    """Load a session. Raises ProviderRequestFailed when the agent cannot."""
    params = {"sessionId": session_id, "cwd": cwd, "mcpServers": []}
    return Opened(session_id, await link.result("session/load", params, deadline_s))


def resumable(handshake: Handshake, cursor: Json) -> str:
    """Return the session id in a resume cursor. Raises NotResumable with the reason."""
    session_id = a_map(cursor).get("sessionId")
    if not isinstance(session_id, str) or not session_id:
        raise NotResumable("the resume cursor is not one of an ACP session")
    if not handshake.loads:
        raise NotResumable("the agent cannot load sessions")
    return session_id
