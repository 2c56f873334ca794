"""The settings that a launcher may hand over in the bootstrap line."""

from typing import Any, Literal

import msgspec

from sidecar.contract.base import Count, Positive, Wire
from sidecar.contract.limits import HEARTBEAT_MS, MIB


class Settings(Wire, frozen=True):
    """`settings` of the bootstrap. Unknown keys are ignored, wrong types are `bad_bootstrap`."""

    host_launch: Literal["auto", "zygote", "exec"] = "auto"
    """How hosts start: `auto` is the zygote on Linux and exec elsewhere."""

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


def parse_settings(value: dict[str, Any] | None) -> Settings:
    """Read the settings. Raises msgspec.ValidationError with the path of what does not fit."""
    return msgspec.convert(value or {}, Settings)
