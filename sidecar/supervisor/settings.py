"""The settings that a launcher may hand over in the bootstrap line."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec

from sidecar.contract.base import Count, NonBlank, Positive, Slug, Wire
from sidecar.contract.limits import HEARTBEAT_MS, MIB
from sidecar.core.placement import Policy

BeatMs = Annotated[int, msgspec.Meta(ge=100, le=3_600_000)]
"""Below 100 ms a machine that is merely busy would look wedged."""


class EnvSettings(Wire, frozen=True):
    """Which environment agents get; patterns are those of fnmatch, over names of variables."""

    allow: list[NonBlank] | None = None
    """Only these are handed on, and what every program needs; None: all that is not denied."""

    deny: list[NonBlank] = []  # noqa: RUF012 - msgspec copies an empty default
    login_shell: bool = True
    """Ask the user's login shell once for the PATH and what else its files set."""

    login_shell_ms: Positive = 10_000
    """What the shell gets; some take seconds."""

    wait_ms: Count = 3_000
    """How long the first sessions wait for the shell, at most."""


class MemorySettings(Wire, frozen=True):
    """Budgets of memory, in bytes; None: no budget. A session's own `limits` come first."""

    session_soft_bytes: Positive | None = None
    """A session's whole process tree: host, provider, descendants. Beyond it the user is told."""

    session_hard_bytes: Positive | None = None
    """Beyond it the session is stopped and resumed by its policy."""

    total_soft_bytes: Positive | None = None
    """The whole sidecar: supervisor, zygote and all sessions."""

    total_hard_bytes: Positive | None = None
    """Beyond it the largest session is stopped and resumed by its policy."""

    host_bytes: Positive | None = 1024 * MIB
    """What a host's own heap may grow by (it needs 3 to 10 MiB, and for a moment some ten times the
    largest line that an agent says); beyond it the host is replaced. None: no limit."""

    sample_ms: Positive = 1_000
    """Between two looks at all processes; near a budget they come closer together."""

    def __post_init__(self) -> None:
        for name, soft, hard in (
            ("session", self.session_soft_bytes, self.session_hard_bytes),
            ("total", self.total_soft_bytes, self.total_hard_bytes),
        ):
            if soft is not None and hard is not None and soft > hard:
                raise ValueError(f"{name}SoftBytes ({soft}) is above {name}HardBytes ({hard})")


class InstanceSettings(Wire, frozen=True):
    """An account of a provider. `env` may hold secrets; it is kept in memory alone."""

    provider: Slug
    display_name: NonBlank | None = None
    home: NonBlank | None = None
    """Its own folder; by default one in the data dir."""

    env: dict[str, str] = {}  # noqa: RUF012 - msgspec copies an empty default
    options: dict[str, Any] = {}  # noqa: RUF012 - the same


class Settings(Wire, frozen=True):
    """`settings` of the bootstrap. Unknown keys are ignored, wrong types are `bad_bootstrap`."""

    host_launch: Literal["auto", "zygote", "exec"] = "auto"
    """How hosts start: `auto` is the zygote on Linux and exec elsewhere."""

    placement: Policy = "auto"
    """Which sessions share a host: none, those of one tree, `packed_sessions` of any, or `auto`:
    none until they are many for the cores, then packed."""

    packed_sessions: Positive = 50
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    heartbeat_ms: Positive = HEARTBEAT_MS
    stop_ms: Positive = 5_000
    """Deadline of a session's stop ladder unless the request sets one."""

    shutdown_ms: Positive = 8_000
    """Deadline of an orderly shutdown that was asked for."""

    coalesce_ms: Count = 0
    raw: Literal["none", "state", "all"] = "none"
    journal_bytes: Positive = 512 * MIB
    journal_days: Positive = 7
    providers: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    """Settings by provider name, handed to its sessions."""

    agents: dict[str, Any] = msgspec.field(default_factory=dict)
    """Manifests by name. A bad one is no bad bootstrap: provider.list tells what is wrong."""

    instances: dict[Slug, InstanceSettings] = msgspec.field(default_factory=dict)
    """Accounts by `providerInstanceId`."""

    env: EnvSettings = EnvSettings()
    memory: MemorySettings = MemorySettings()
    host_beat_ms: BeatMs = 5_000
    """Between two questions to each host whether its loop turns."""

    stall_ms: Count = 600_000
    """A turn without progress for so long is told of (0: never); a session's own `limits.stallMs`
    has it stopped and resumed."""

    idle_ms: Count = 0
    """A session without any activity for so long is parked (0: never); its next turn resumes it."""

    probe_ms: Positive = 10_000
    """Deadline of a look at a provider; its models get twice as long."""


def parse_settings(value: dict[str, Any] | None) -> Settings:
    """Read the settings. Raises msgspec.ValidationError with the path of what does not fit."""
    return msgspec.convert(value or {}, Settings)


def redacted(settings: Settings) -> Settings:
    """Return the settings without what may hold a secret; names stay."""
    instances = {
        name: msgspec.structs.replace(instance, env={}, options={})
        for name, instance in settings.instances.items()
    }
    return msgspec.structs.replace(
        settings,
        providers={name: {} for name in settings.providers},
        agents={name: {} for name in settings.agents},
        instances=instances,
    )


def unknown_settings(value: dict[str, Any] | None) -> list[str]:
    """Return the paths of what is in no table: misspelt, or of a newer version."""
    return _unknown(value or {}, Settings, "")


def _unknown(value: dict[str, Any], kind: type[Wire], path: str) -> list[str]:
    fields = {field.encode_name: field.name for field in msgspec.structs.fields(kind)}
    found = [f"{path}{name}" for name in value if name not in fields]
    for name, nested in _NESTED.items():
        inner = value.get(name)
        if kind is Settings and isinstance(inner, dict):
            found += nested(inner, f"{path}{name}.")
    return found


def _unknown_of_instances(value: dict[str, Any], path: str) -> list[str]:
    return [
        unknown
        for name, instance in value.items()
        if isinstance(instance, dict)
        for unknown in _unknown(instance, InstanceSettings, f"{path}{name}.")
    ]


_NESTED: dict[str, Callable[[dict[str, Any], str], list[str]]] = {
    "env": lambda value, path: _unknown(value, EnvSettings, path),
    "memory": lambda value, path: _unknown(value, MemorySettings, path),
    "instances": _unknown_of_instances,
}
"""Settings with fields of their own. `agents` are manifests, which know what they may hold."""
