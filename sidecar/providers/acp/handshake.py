"""What an agent said of itself in `initialize`, and what this client offers it. Pure."""

from dataclasses import dataclass, field
from typing import Any, Final

from sidecar.contract.base import Json
from sidecar.contract.errors import ProviderRequestFailed
from sidecar.providers.acp.mapping.shapes import DETAIL_CHARS, a_map, maps, text
from sidecar.providers.acp.mapping.stops import in_words
from sidecar.providers.acp.options import AcpQuirks
from sidecar.providers.acp.wire import RpcError

PROTOCOL_VERSION: Final = 1
"""The ACP version that this speaks; agents answer with the version that they will use."""

AUTH_METHODS = 16
"""Ways to log in that are named in a message; agents offer one to four."""


@dataclass(frozen=True, slots=True)
class Handshake:
    """What the agent said of itself, under what is declared of it."""

    answer: dict[str, Any]
    quirks: AcpQuirks = field(default_factory=AcpQuirks)

    @property
    def capabilities(self) -> dict[str, Any]:
        """What it says that it can do."""
        return a_map(self.answer.get("agentCapabilities"))

    @property
    def loads(self) -> bool:
        """Whether it can load sessions, which replays them."""
        return self.capabilities.get("loadSession") is True and not self.quirks.no_load

    @property
    def resumes(self) -> bool:
        """Whether it can resume sessions, which replays nothing."""
        resume = a_map(self.capabilities.get("sessionCapabilities")).get("resume")
        return resume not in (None, False) and not self.quirks.no_load

    @property
    def takes_images(self) -> bool:
        """Whether prompts may hold images."""
        return a_map(self.capabilities.get("promptCapabilities")).get("image") is True

    @property
    def auth_methods(self) -> list[str]:
        """The ids of the ways to log in."""
        rows = maps(self.answer.get("authMethods"))[:AUTH_METHODS]
        return [found for row in rows if (found := text(row.get("id")))]

    def config(self, offers: dict[str, Any]) -> dict[str, Any]:
        """Return what session.configured says: the agent, and what it can be set to."""
        said = {
            **{key: self.answer.get(key) for key in ("agentInfo", "agentCapabilities")},
            "authMethods": self.answer.get("authMethods"),
            **{key: offers.get(key) for key in ("modes", "models", "configOptions")},
        }
        return {key: value for key, value in said.items() if value not in (None, [], {})}

    def login_words(self, error: RpcError, hint: str | None) -> str:
        """Return what a person must do when the agent wants a login, and why."""
        reason = text(error.message, DETAIL_CHARS) or "no reason given"
        how = hint or "log in with its own program"
        known = ", ".join(self.auth_methods)
        option = f", or set the option authMethod to one of: {known}" if known else ""
        return f"The agent wants a login first ({reason}): {how}{option}"


def checked(answer: dict[str, Any], quirks: AcpQuirks) -> Handshake:
    """Return the handshake. Raises ProviderRequestFailed if the agent speaks another version."""
    version = answer.get("protocolVersion", PROTOCOL_VERSION)
    if version != PROTOCOL_VERSION:
        raise ProviderRequestFailed(
            f"Cannot talk to the agent: it speaks ACP version {version}, "
            f"this sidecar version {PROTOCOL_VERSION}",
            method="initialize",
        )
    return Handshake(answer, quirks)


def client_capabilities(quirks: AcpQuirks, *, may_write: bool) -> dict[str, Json]:
    """Return what the agent may ask of this client; what it misuses is not offered."""
    files = not quirks.no_files
    return {
        "fs": {"readTextFile": files, "writeTextFile": files and may_write},
        "terminal": may_write and not quirks.no_terminals,
        "session": {"configOptions": {"boolean": {}}},
    }


def login_failed(words: str, method: str, error: RpcError) -> ProviderRequestFailed:
    """Return the error for a request that failed for want of a login."""
    return ProviderRequestFailed(
        words, method=method, detail=in_words(error), providerCode=error.code
    )
