"""What a provider is: the session interface that a host drives, and what the host lends to it.

Owns no process and no channel. A provider package implements ProviderSession on top of its `wire`
(bytes to messages) and `mapping` (messages to drafts); the host gives it a SessionContext.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from sidecar.contract.base import Json
from sidecar.contract.errors import Unsupported
from sidecar.contract.frames import SessionSpec
from sidecar.contract.methods import (
    McpParams,
    RespondToRequestParams,
    RespondToUserInputParams,
    SendTurnParams,
    SendTurnResult,
)
from sidecar.core.drafts import Draft


@dataclass(frozen=True, slots=True)
class ProviderCommand:
    """What to run. `env` is laid over the session's base environment; None removes a variable.

    `own_binary`: the program is this sidecar itself, so it keeps the environment of a frozen build
    (`_PYI_*`), without which each start would unpack the binary again.
    """

    argv: Sequence[str]
    cwd: str | None = None
    env: Mapping[str, str | None] = field(default_factory=dict)
    own_binary: bool = False


class ProviderProcess(Protocol):
    """A running provider's stdio, as far as a provider package may touch it."""

    @property
    def pid(self) -> int: ...

    def write(self, data: bytes) -> None:
        """Queue bytes for stdin; dropped silently once stdin is closed or the process is gone."""

    async def drain(self) -> None:
        """Wait until the queue to stdin is below its bound; returns at once if it is closed."""

    async def read(self) -> bytes:
        """Return the next bytes of stdout (at most 64 KiB), b"" at its end."""


class SessionContext(Protocol):
    """What the host lends to a provider session."""

    @property
    def spec(self) -> SessionSpec: ...

    def emit(self, drafts: Sequence[Draft]) -> None:
        """Stamp, encode and queue events, in order."""

    async def flow(self) -> None:
        """Wait while the host has no credit; call it between reads of the provider's output."""

    def publish_cursor(self, resume_cursor: Json) -> None:
        """Tell that the provider has persisted the conversation, and how to find it again."""

    async def spawn(self, command: ProviderCommand) -> ProviderProcess:
        """Start the provider's process in the session's tree.

        Raises ProviderProcessFailed if it cannot be started.
        """

    def new_id(self, prefix: str) -> str:
        """Return an id that is unique for ever, such as `turn-…`."""

    def now_ms(self) -> int:
        """Return the monotonic clock in milliseconds."""

    def log(self, level: str, event: str, **fields: Any) -> None:
        """Write a structured log record; never secrets, never prompts."""


class ProviderSession(ABC):
    """One conversation with one provider process.

    The host calls launch, then runs pump beside everything else, then initialise, then the
    methods below as requests come. When pump returns or raises, the session is over: the host
    stops what is left of the tree and reports the exit; the supervisor ends what is still open.
    """

    def __init__(self, context: SessionContext) -> None:
        self.context = context

    @abstractmethod
    async def launch(self) -> None:
        """Start the provider's process.

        Raises ProviderProcessFailed when it cannot start and ValidationFailed for bad options.
        """

    @abstractmethod
    async def pump(self) -> str:
        """Read the provider until it ends; return the reason in words.

        Must survive malformed, oversized and garbage output: say so with runtime.warning or
        runtime.error and go on, or return.
        """

    @abstractmethod
    async def initialise(self) -> None:
        """Shake hands, open or load the conversation, emit session.started … state ready."""

    @abstractmethod
    async def send_turn(self, params: SendTurnParams) -> SendTurnResult:
        """Begin a turn; returns once the turn has been handed to the provider, not at its end."""

    @abstractmethod
    async def interrupt(self, turn_id: str | None) -> None:
        """Ask the provider to end the running turn; a no-op when none runs."""

    @abstractmethod
    async def respond_to_request(self, params: RespondToRequestParams) -> None:
        """Answer an approval. Raises ValidationFailed for an unknown or resolved request."""

    async def respond_to_user_input(self, params: RespondToUserInputParams) -> None:
        """Answer questions."""
        raise Unsupported(f"This provider asks no questions: {params.request_id}")

    async def set_config(self, key: str, value: Json) -> Json:
        """Change a setting of the running session; return what is now in force."""
        raise Unsupported(f"This provider has no setting {key!r}", key=key, value=value)

    async def read_thread(self) -> Json:
        """Return `{threadId, turns: [{id, items}]}` from the provider's own store."""
        raise Unsupported("This provider cannot read its conversation back")

    async def rollback_thread(self, num_turns: int) -> Json:
        """Drop the last `num_turns` turns; return what read_thread would."""
        raise Unsupported("This provider cannot roll a conversation back", numTurns=num_turns)

    async def mcp(self, verb: str, params: McpParams) -> Json:
        """Carry out mcp.<verb>; return `{servers: […]}`."""
        raise Unsupported(f"This provider has no MCP {verb}", name=params.name)

    @abstractmethod
    async def cancel(self) -> None:
        """First rung of the stop ladder: ask the provider to stop working. Returns quickly."""


@dataclass(frozen=True, slots=True)
class ProviderInfo:
    """A provider as the registry knows it, without importing its package."""

    name: str
    display_name: str
    module: str
    session_class: str
    capabilities: Mapping[str, Any]

    CAPABILITY_DEFAULTS: ClassVar[Mapping[str, Any]] = {
        "sessionModelSwitch": "unsupported",
        "supportsUserInput": False,
        "supportsRollback": False,
        "supportsFileChangeApproval": False,
        "resume": "none",
        "subagents": "none",
        "attachments": "none",
        "replay": "none",
        "mcpConfig": "none",
    }
