"""The life of a session as the supervisor sees it: one table, every pair decided.

    stopped ── start ──► starting ── ready ──► live ── park ──► parking ── closed ──► parked
       ▲                    │ ▲                 │                             (start wakes it)
       │      down, closed  │ │ retry (gate)    │ retry later, suspend
       │◄───────────────────┤ └── waiting ◄─────┴──── suspending
       │                    │ stop, from each of them
       └────── closed ── stopping

`waiting` is before a gate: for the end of a backoff, for the parent, for those of a group that come
first. `suspending` ends a generation whose session comes back; `parking` one whose session comes
back when it is asked for something. A pair that is not in the table is refused with a message that
names it.
"""

from enum import Enum, auto
from typing import Final


class Phase(Enum):
    """Where a session is."""

    STOPPED = auto()
    STARTING = auto()
    LIVE = auto()
    SUSPENDING = auto()
    WAITING = auto()
    PARKING = auto()
    PARKED = auto()
    STOPPING = auto()


class Cause(Enum):
    """What moves it."""

    START = auto()
    READY = auto()
    DOWN = auto()
    RETRY_LATER = auto()
    RETRY = auto()
    SUSPEND = auto()
    PARK = auto()
    STOP = auto()
    CLOSED = auto()


TRANSITIONS: Final[dict[tuple[Phase, Cause], Phase]] = {
    (Phase.STOPPED, Cause.START): Phase.STARTING,
    (Phase.STOPPED, Cause.STOP): Phase.STOPPED,
    (Phase.STARTING, Cause.READY): Phase.LIVE,
    (Phase.STARTING, Cause.DOWN): Phase.STOPPED,
    (Phase.STARTING, Cause.RETRY_LATER): Phase.WAITING,
    (Phase.STARTING, Cause.SUSPEND): Phase.SUSPENDING,
    (Phase.STARTING, Cause.STOP): Phase.STOPPING,
    (Phase.LIVE, Cause.DOWN): Phase.STOPPED,
    (Phase.LIVE, Cause.RETRY_LATER): Phase.WAITING,
    (Phase.LIVE, Cause.SUSPEND): Phase.SUSPENDING,
    (Phase.LIVE, Cause.PARK): Phase.PARKING,
    (Phase.LIVE, Cause.STOP): Phase.STOPPING,
    (Phase.SUSPENDING, Cause.RETRY_LATER): Phase.WAITING,
    (Phase.SUSPENDING, Cause.SUSPEND): Phase.SUSPENDING,
    (Phase.SUSPENDING, Cause.DOWN): Phase.STOPPED,
    (Phase.SUSPENDING, Cause.STOP): Phase.STOPPING,
    (Phase.WAITING, Cause.RETRY): Phase.STARTING,
    (Phase.WAITING, Cause.SUSPEND): Phase.SUSPENDING,
    (Phase.WAITING, Cause.STOP): Phase.STOPPING,
    (Phase.PARKING, Cause.CLOSED): Phase.PARKED,
    (Phase.PARKING, Cause.STOP): Phase.STOPPING,
    (Phase.PARKED, Cause.START): Phase.STARTING,
    (Phase.PARKED, Cause.STOP): Phase.STOPPED,
    (Phase.STOPPING, Cause.CLOSED): Phase.STOPPED,
    (Phase.STOPPING, Cause.STOP): Phase.STOPPING,
}
"""All that may happen. Every other pair is a defect of the caller."""


class IllegalTransition(RuntimeError):  # noqa: N818 - named after what happened
    """Raised by Lifecycle.move for a pair outside the table: a defect, never a user's mistake."""


class Lifecycle:
    """One session's phase."""

    def __init__(self, phase: Phase = Phase.STOPPED) -> None:
        self.phase = phase

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
        return self.phase in (Phase.STARTING, Phase.LIVE, Phase.SUSPENDING, Phase.WAITING)

    @property
    def down(self) -> bool:
        """Whether nothing of it runs or will by itself."""
        return self.phase in (Phase.STOPPED, Phase.PARKED)
