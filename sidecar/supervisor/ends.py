"""How a generation ended: from what its host said and how the host itself went to one account.

Values alone. `detail` is what its last session.state.changed carries, `{kind, figures}`.
"""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sidecar.contract.frames import ExitFrame
from sidecar.contract.vocabulary import ExitKind
from sidecar.supervisor.hostlink import HostEnd

BY_ITS_HOST: Final[dict[str, Any]] = {"kind": "stopped", "rung": "host"}
"""Detail of a stop that the host did not carry out: it was killed, with all that was below it."""

FORCED: Final = ("term", "kill")
"""Rungs of a stop that the provider did not follow by itself, or left something behind at."""


class Verdict(NamedTuple):
    """Why a watchdog ended a generation, and its figures."""

    reason: str
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class GenerationEnd:
    """How a generation ended, once its channel was drained and its tree is dead."""

    kind: ExitKind
    reason: str
    recoverable: bool
    stderr_tail: str
    detail: dict[str, Any] | None = None
    lost_turns: tuple[str, ...] = ()
    """Turns that a client was told of and that never began."""


def generation_end(
    exit_: ExitFrame | None, host: HostEnd | None, verdict: Verdict | None, *, asked: bool
) -> GenerationEnd:
    """Return the end of a generation whose session or host is gone; `asked`: it was to end.

    `host` is None when the host goes on.
    """
    if verdict is not None:
        tail = exit_.stderr_tail if exit_ else host.stderr_tail if host else ""
        return GenerationEnd("error", verdict.reason, True, tail, verdict.detail)
    if exit_ is None or survivors_of(exit_, host):
        return _without_word(exit_, host, asked=asked)
    kind: ExitKind = "graceful" if exit_.kind == "graceful" else "error"
    detail = _stopped(exit_) if asked and exit_.rung in FORCED else None
    return GenerationEnd(kind, exit_.reason, exit_.recoverable, exit_.stderr_tail, detail)


def survivors_of(exit_: ExitFrame | None, host: HostEnd | None) -> int:
    """Return how many of its processes could not be killed."""
    return host.survivors if host else exit_.survivors if exit_ else 0


def stop_figures(exit_: ExitFrame) -> dict[str, Any]:
    """Return how a session's tree was stopped, for the log."""
    figures: dict[str, Any] = {"rung": exit_.rung, "stopMs": exit_.stop_ms}
    counts = {"killed": exit_.killed, "survivors": exit_.survivors}
    figures |= {name: count for name, count in counts.items() if count}
    return figures | ({"cancelError": exit_.cancel_error} if exit_.cancel_error else {})


def _without_word(exit_: ExitFrame | None, host: HostEnd | None, *, asked: bool) -> GenerationEnd:
    """The host did not say how its session ended, or some of that lives on."""
    graceful = asked and not survivors_of(exit_, host)
    kind: ExitKind = "graceful" if graceful else "error"
    if host is None:
        return GenerationEnd(kind, "some of it lives on", True, "")
    detail = BY_ITS_HOST if graceful else host.detail
    return GenerationEnd(kind, host.reason, True, host.stderr_tail, detail)


def _stopped(exit_: ExitFrame) -> dict[str, Any]:
    figures = {"rung": exit_.rung, "killed": exit_.killed, "stopMs": exit_.stop_ms}
    return {"kind": "stopped", **figures}
