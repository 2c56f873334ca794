"""Results of the bridge's methods (PROTOCOL §5).

Owns shapes alone. A result of a mutating method carries `at`, the last seq committed before it,
which the bridge stamps: whoever carries a method out leaves it None.
"""

from typing import Any

from sidecar.contract.base import Count, NonBlank, Positive, Slug, Wire
from sidecar.contract.snapshot import SessionView
from sidecar.contract.vocabulary import AuthState, NodeKind, SessionModelSwitch, Support


class Done(Wire, frozen=True):
    """The result of a mutating method that has nothing else to say."""

    at: Count | None = None


class Empty(Wire, frozen=True):
    """The result of a method that neither changes a session nor has anything to say."""


class SessionResult(SessionView, frozen=True):
    """The session after session.start or session.restart."""

    at: Count | None = None


class SendTurnResult(Wire, frozen=True):
    """The turn that the provider has taken on."""

    thread_id: NonBlank
    turn_id: NonBlank
    resume_cursor: Any = None
    at: Count | None = None


class SetConfigResult(Wire, frozen=True):
    """`config` is what is now in force, at least the key that was set."""

    config: dict[str, Any]
    at: Count | None = None


class SessionList(Wire, frozen=True):
    sessions: list[SessionView]


class StopAllResult(Wire, frozen=True):
    """`stopped` names the threads that ran, in the order in which they ended."""

    stopped: list[NonBlank]
    at: Count | None = None


class Turn(Wire, frozen=True):
    """A turn of the provider's own store; its items as the provider keeps them."""

    id: NonBlank
    items: list[Any]


class ThreadTurns(Wire, frozen=True):
    thread_id: NonBlank
    turns: list[Turn]
    at: Count | None = None
    """Only after session.rollbackThread, which mutates."""


class TreeNode(Wire, frozen=True):
    """A session, a provider-internal subagent, or an operating-system process.

    `state` is a session's status, a subagent's task status, a process's name; `startedAt` of a
    session its very first start; `createTime` of a process in seconds since 1970. A session's
    figures are the sums of its own processes; those that belong to no one session have no parent.
    """

    kind: NodeKind
    id: NonBlank
    state: NonBlank
    """A session's status, a subagent's task status, a process's name."""
    parent: NonBlank | None = None
    title: NonBlank | None = None
    """What a subagent calls itself, or was asked to do."""
    started_at: NonBlank | None = None
    """ISO 8601, of sessions and subagents; a process has its create_time."""
    pid: Positive | None = None
    create_time: float | None = None
    """Seconds since 1970, as psutil says it: with `pid` the identity of a process."""
    rss_bytes: Count | None = None
    """Of a process, or of all processes of a session that runs."""
    cpu_ms: Count | None = None
    children: list[NonBlank] = []


class Tree(Wire, frozen=True):
    nodes: list[TreeNode]


class Capabilities(Wire, frozen=True, omit_defaults=False):
    """What the adapter may offer for this provider (EVENTS, adapter); every key is present."""

    session_model_switch: SessionModelSwitch = "unsupported"
    supports_user_input: bool = False
    supports_rollback: bool = False
    supports_file_change_approval: bool = False
    resume: Support = "none"
    subagents: Support = "none"
    attachments: Support = "none"
    replay: Support = "none"
    mcp_config: Support = "none"


class ProviderStatus(Wire, frozen=True):
    """One provider on this machine; `reason` says in words why it cannot be used."""

    provider: Slug
    display_name: NonBlank
    installed: bool
    auth: AuthState
    capabilities: Capabilities
    version: NonBlank | None = None
    path: NonBlank | None = None
    reason: NonBlank | None = None
    provider_instance_id: Slug | None = None
    """The account that this is about; absent for the user's own."""
    account: Any = None
    """What the provider tells of the account that is logged in, as it tells it."""
    checked_at: NonBlank | None = None
    """When it was looked at, ISO 8601; absent as long as nobody has."""


class ProviderList(Wire, frozen=True):
    providers: list[ProviderStatus]


class Model(Wire, frozen=True):
    """One model that a provider offers; `options` are its own settings (effort, tier …)."""

    slug: NonBlank
    name: NonBlank
    description: NonBlank | None = None
    is_default: bool | None = None
    options: dict[str, Any] | None = None


class ModelList(Wire, frozen=True):
    """`reason` says why there are none, or only those of an earlier look."""

    models: list[Model]
    reason: NonBlank | None = None


class McpServer(Wire, frozen=True):
    name: NonBlank
    state: NonBlank
    error: NonBlank | None = None
    tools: list[NonBlank] | None = None


class McpServers(Wire, frozen=True):
    servers: list[McpServer]
    at: Count | None = None
    """Absent after mcp.status, which reads."""


class EventsPage(Wire, frozen=True):
    """`events` is [[seq, event]]; `next` is what to pass as `after` for the page behind it."""

    events: list[tuple[Count, bytes]]
    head: Count
    next: Count


class MetricsResult(Wire, frozen=True):
    """Every metric of GET /metrics by its Prometheus name, labels in braces."""

    metrics: dict[str, Any]


class DiagnosticsResult(Wire, frozen=True):
    """Redacted facts for a bug report: versions, settings, tree, journal statistics."""

    diagnostics: dict[str, Any]
