"""The life of a session as the supervisor sees it: one table, every pair decided.

    stopped ── start ──► starting ── ready ──► live
       ▲                    │ failed            │ ended
       │                    ▼                   ▼
       │◄─────────────── (decision: down or backoff) ──► backoff ── retry ──► starting
       │                                                    │ stop
       └────────── closed ◄── stopping ◄── stop ────────────┘

A pair that is not in the table is refused with a message that names it.
"""

from enum import Enum, auto
from typing import Final


class Phase(Enum):
    """Where a session is."""

    STOPPED = auto()
    STARTING = auto()
    LIVE = auto()
    BACKOFF = auto()
    STOPPING = auto()


class Cause(Enum):
    """What moves it."""

    START = auto()
    READY = auto()
    DOWN = auto()
    RETRY_LATER = auto()
    RETRY = auto()
    STOP = auto()
    CLOSED = auto()


TRANSITIONS: Final[dict[tuple[Phase, Cause], Phase]] = {
    (Phase.STOPPED, Cause.START): Phase.STARTING,
    (Phase.STARTING, Cause.READY): Phase.LIVE,
    (Phase.STARTING, Cause.DOWN): Phase.STOPPED,
    (Phase.STARTING, Cause.RETRY_LATER): Phase.BACKOFF,
    (Phase.STARTING, Cause.STOP): Phase.STOPPING,
    (Phase.LIVE, Cause.DOWN): Phase.STOPPED,
    (Phase.LIVE, Cause.RETRY_LATER): Phase.BACKOFF,
    (Phase.LIVE, Cause.STOP): Phase.STOPPING,
    (Phase.BACKOFF, Cause.RETRY): Phase.STARTING,
    (Phase.BACKOFF, Cause.STOP): Phase.STOPPING,
    (Phase.STOPPING, Cause.CLOSED): Phase.STOPPED,
    (Phase.STOPPING, Cause.STOP): Phase.STOPPING,
    (Phase.STOPPED, Cause.STOP): Phase.STOPPED,
}
"""All that may happen. Every other pair is a defect of the caller."""


class IllegalTransition(RuntimeError):  # noqa: N818 - named after what happened
    """Raised by Lifecycle.move for a pair outside the table: a defect, never a user's mistake."""


class Lifecycle:
    """One session's phase."""

    def __init__(self) -> None:
        self.phase = Phase.STOPPED

    def may(self, cause: Cause) -> bool:
        """Tell whether `cause` is possible now."""
        return (self.phase, cause) in TRANSITIONS

    def move(self, cause: Cause) -> Phase:
        """Take the transition and return the new phase."""
        try:
            self.phase = TRANSITIONS[self.phase, cause]
        except KeyError:
            raise IllegalTransition(f"{cause.name} in phase {self.phase.name}") from None
        return self.phase

    @property
    def running(self) -> bool:
        """Whether the session is up or on its way up."""
        return self.phase in (Phase.STARTING, Phase.LIVE, Phase.BACKOFF)
