"""What a provider is: the session interface that a host drives, and what the host lends to it.

Owns no process and no channel. A provider package implements ProviderSession on top of its `wire`
(bytes to messages) and `mapping` (messages to drafts); the host gives it a SessionContext.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Protocol

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
from sidecar.contract.results import Model
from sidecar.contract.vocabulary import AuthState
from sidecar.core.drafts import Draft


@dataclass(frozen=True, slots=True)
class ProviderCommand:
    """What to run. `env` is laid over the session's base environment; None removes a variable.

    `own_binary`: the program is this sidecar itself, so it keeps the environment of a frozen build
    (`_PYI_*`), without which each start would unpack the binary again.

    `merge_stderr`: what it says on stderr is read as stdout, as in a terminal; there is then no
    stderr tail.
    """

    argv: Sequence[str]
    cwd: str | None = None
    env: Mapping[str, str | None] = field(default_factory=dict)
    own_binary: bool = False
    merge_stderr: bool = False


class ProcessEnd(NamedTuple):
    """How a process ended: with an exit code, or by a signal's number; both None if unknown."""

    code: int | None
    signal: int | None


class ProviderProcess(Protocol):
    """A running provider's stdio, as far as a provider package may touch it."""

    @property
    def pid(self) -> int: ...

    @property
    def stderr_tail(self) -> str:
        """The last characters of its stderr."""

    def write(self, data: bytes) -> None:
        """Queue bytes for stdin; dropped silently once stdin is closed or the process is gone."""

    async def drain(self) -> None:
        """Wait until the queue to stdin is below its bound; returns at once if it is closed."""

    async def read(self) -> bytes:
        """Return the next bytes of stdout (at most 16 KiB), b"" at its end."""

    def close_stdin(self) -> None:
        """Let the process see EOF behind what was written."""


class ToolProcess(ProviderProcess, Protocol):
    """A process that the session itself runs on an agent's request, with all that it starts."""

    async def ended(self) -> ProcessEnd:
        """Wait for the exit of the process itself, whatever holds its pipes."""

    async def stop(self, deadline_s: float) -> None:
        """Kill it with all that it started, its own sessions too; nothing if that is gone."""


class TreeNote(Protocol):
    """What the session's process tree was at one moment; to be handed back, not looked into."""


class SessionContext(Protocol):
    """What the host lends to a provider session."""

    @property
    def spec(self) -> SessionSpec: ...

    def emit(self, drafts: Sequence[Draft]) -> None:
        """Stamp, encode and queue events, in order."""

    async def flow(self) -> None:
        """Wait while the host has no credit; call it between reads of the provider's output."""

    def publish_cursor(self, resume_cursor: Json) -> None:
        """Tell that the provider has persisted the conversation, and how to find it again.

        Of more than a few a second the newest is told.
        """

    async def spawn(self, command: ProviderCommand) -> ProviderProcess:
        """Start the provider's process in the session's tree.

        Raises ProviderProcessFailed if it cannot be started.
        """

    async def spawn_tool(self, command: ProviderCommand) -> ToolProcess:
        """Start a process that can be stopped alone, such as an ACP terminal.

        Raises ProviderProcessFailed if it cannot be started or too many of them run.
        """

    async def note_tree(self) -> TreeNote:
        """Remember which processes the session has now."""

    async def stop_since(self, note: TreeNote, deadline_s: float) -> int:
        """Kill what the session's processes have started since `note`; return how many were killed.

        The processes that `spawn` started are spared. Returns once they are dead, or raises
        ProviderProcessFailed at the deadline.
        """

    async def lease(
        self, key: str, create: Callable[["SharedContext"], "SharedService"]
    ) -> "Lease":
        """Share a service with the sessions of this host that lease the same key.

        The first lease creates and starts it; when the last one is released it stays up for
        `idle_s` of its own. Raises what its start raises, for everybody who waited.
        """

    def new_id(self, prefix: str) -> str:
        """Return an id that is unique for ever, such as `turn-…`."""

    def now_ms(self) -> int:
        """Return the monotonic clock in milliseconds."""

    def log(self, level: str, event: str, **fields: Any) -> None:
        """Write a structured log record; never secrets, never prompts.

        Beyond 200 at once, 50 or 32 KiB a second they are dropped and counted.
        """


class SharedContext(Protocol):
    """What the host lends to a service that several of its sessions share."""

    @property
    def running(self) -> bool:
        """Whether one of its processes lives, or none was ever started."""

    async def spawn(self, command: ProviderCommand) -> ProviderProcess:
        """Start a process that lives as long as the service, in the host's own tree.

        Its environment is the host's and the base environment of the session that leased first;
        a session's own `env` is added by the service itself, which makes it part of its key.
        """

    async def stop_processes(self, deadline_s: float) -> None:
        """Stop all that the service has started, by the ladder."""

    def new_id(self, prefix: str) -> str: ...

    def now_ms(self) -> int: ...

    def log(self, level: str, event: str, **fields: Any) -> None: ...


class SharedService(ABC):
    """Something that several sessions of one host use at once, such as `opencode serve`."""

    idle_s: float = 30.0
    """How long it stays up without a lease."""

    def __init__(self, context: SharedContext) -> None:
        self.context = context

    @property
    def usable(self) -> bool:
        """Whether another lease may join. Once it is False the next lease creates a new service.

        A service that mends itself says True while it does.
        """
        return self.context.running

    @abstractmethod
    async def start(self) -> None:
        """Bring it up. Raises ProviderProcessFailed."""

    @abstractmethod
    async def stop(self) -> None:
        """Bring it down within a second; what it leaves is killed by the host."""


class Lease(Protocol):
    """The right to use a shared service; release it on every way out."""

    @property
    def service(self) -> SharedService: ...

    def release(self) -> None:
        """Give it back; a second call does nothing."""


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

    def unanswered(self) -> list[str]:
        """Name the requests that the provider has yet to answer: what a start that hangs waits for.

        [] where that is not known.
        """
        return []

    @abstractmethod
    async def send_turn(self, params: SendTurnParams) -> SendTurnResult:
        """Begin a turn; returns once the turn has been handed to the provider, not at its end.

        While a turn runs, a provider that can be steered takes the input into it and returns its
        id; one that queues returns the id of the turn to come; any other raises ValidationFailed.
        """

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
class Finding:
    """What a probe found out about a provider on this machine.

    `reason` says in words why it cannot be used, or what is missing, and how to mend it.
    """

    installed: bool
    auth: AuthState = "unknown"
    version: str | None = None
    path: str | None = None
    reason: str | None = None
    account: Json = None


class ProbeContext(Protocol):
    """What a probe may use; it runs in a process of its own, which is killed at its deadline."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """`settings.providers.<name>`, and the options of a manifest."""

    @property
    def env(self) -> Mapping[str, str]:
        """The environment that a session of this provider and instance would get."""

    @property
    def instance_home(self) -> str | None:
        """The directory of the instance's own accounts and state; None for the user's own."""

    async def run(self, argv: Sequence[str], deadline_s: float) -> tuple[int | None, str, str]:
        """Run a program to its end: exit code (None at the deadline), stdout, stderr.

        Raises ProviderProcessFailed if it cannot be started.
        """

    async def spawn(self, command: ProviderCommand) -> ProviderProcess: ...

    def log(self, level: str, event: str, **fields: Any) -> None: ...


class ProviderProbe(ABC):
    """Finds out what can be said of a provider without a session."""

    def __init__(self, context: ProbeContext) -> None:
        self.context = context

    @abstractmethod
    async def status(self) -> Finding:
        """Look for the program, its version, its account. Never raises for what it finds."""

    async def models(self) -> list[Model]:
        """Return the models on offer; [] for a provider that cannot tell without a session."""
        return []


@dataclass(frozen=True, slots=True)
class ProviderInfo:
    """A provider as the registry knows it, without importing its package.

    `session_class` and `probe` stand in `module` and in the module `probe_module`. `options` is
    laid under the options of each start: a manifest's command, for one. `sharing_module`: it
    has a function `sharing_key(spec: SessionSpec) -> str`, and sessions with the same key live in
    one host; it must import neither asyncio nor anything large, as the supervisor calls it.
    """

    name: str
    display_name: str
    module: str
    session_class: str
    capabilities: Mapping[str, Any]
    probe_module: str | None = None
    probe_class: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    sharing_module: str | None = None
    probe_settings: Mapping[str, Any] = field(default_factory=dict)
    """What a manifest tells its probe alone; part of ProbeContext.settings."""
    home_env: Mapping[str, str] = field(default_factory=dict)
    """Variables that point into an instance's own home: name → folder below it, "" for itself.

    The supervisor sets them. A provider that reads `spec.instance_home` needs none."""
    home_settings: tuple[str, ...] = ()
    """Settings that say where the user's own accounts are; none of an instance with a home."""
    package_dir: str = ""
    """Where a drop-in's package is imported from; empty for what is built in."""

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
