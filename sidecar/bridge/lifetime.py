"""The life of a connection: one table, every pair decided. Pure.

AWAITING_HELLO ── welcomed ──► SERVING
      │ refused, lost             │ refused, lost
      ▼                           ▼
   CLOSING ── closed ──► CLOSED ◄── (lost: nothing is left to close)
"""

from enum import Enum, auto


class Phase(Enum):
    """Where a connection is."""

    AWAITING_HELLO = auto()
    SERVING = auto()
    CLOSING = auto()
    CLOSED = auto()


class Cause(Enum):
    """What moves it."""

    WELCOMED = auto()
    REFUSED = auto()
    """The server ends it: a Refusal, and a close frame."""

    LOST = auto()
    """The client ended it, or the network did."""


TRANSITIONS: dict[tuple[Phase, Cause], Phase] = {
    (Phase.AWAITING_HELLO, Cause.WELCOMED): Phase.SERVING,
    (Phase.AWAITING_HELLO, Cause.REFUSED): Phase.CLOSING,
    (Phase.AWAITING_HELLO, Cause.LOST): Phase.CLOSED,
    (Phase.SERVING, Cause.REFUSED): Phase.CLOSING,
    (Phase.SERVING, Cause.LOST): Phase.CLOSED,
    (Phase.CLOSING, Cause.REFUSED): Phase.CLOSING,
    (Phase.CLOSING, Cause.LOST): Phase.CLOSED,
    (Phase.CLOSED, Cause.REFUSED): Phase.CLOSED,
    (Phase.CLOSED, Cause.LOST): Phase.CLOSED,
}
"""A first refusal counts: one that comes while closing, or after it, changes nothing. A hello can
only be accepted once; welcoming in any other phase is a defect and raises KeyError."""


class Lifetime:
    """One connection's phase."""

    def __init__(self) -> None:
        self.phase = Phase.AWAITING_HELLO

    def move(self, cause: Cause) -> Phase:
        """Take the transition and return the new phase."""
        self.phase = TRANSITIONS[self.phase, cause]
        return self.phase
