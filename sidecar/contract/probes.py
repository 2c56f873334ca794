"""What the supervisor asks a probe process, and what that answers: one JSON line each.

A probe looks at one provider, or at the user's login shell, in a process of its own
(docs/adr/0010). Both ends are this very program, so nothing here is versioned.
"""

from typing import Any, Literal

from sidecar.contract.base import Wire

ProbeOp = Literal["status", "models", "environment"]


class ProbeRequest(Wire, frozen=True):
    """What to find out. `env` may hold secrets: it goes over the channel, never into argv."""

    op: ProbeOp
    deadline_ms: int
    provider: str = ""
    module: str = ""
    """The module of the provider's probe, and its class there."""
    probe_class: str = ""
    package_dir: str = ""
    settings: dict[str, Any] = {}
    env: dict[str, str] = {}
    instance_home: str | None = None


class ProbeAnswer(Wire, frozen=True):
    """What was found. `error` says in words why nothing was; then all else is absent."""

    finding: Any = None
    """providers.base.Finding as a map."""
    models: list[Any] | None = None
    environment: dict[str, str] | None = None
    error: str | None = None
    log: list[dict[str, Any]] = []
    """Records for the supervisor's log: `{level, event, …}`."""
