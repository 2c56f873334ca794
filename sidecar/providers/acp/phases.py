"""The life of an ACP session: one table, every pair decided, and what becomes of an update. Pure.

    SHAKING ── new ──► OPENING ── announced ──► LIVE ── end ──► ENDED
       │                 ▲  ▲
       └─ load ─► LOADING ──┘  loaded, or new after a load that failed

Agents send updates before they have answered session/new, and replay the whole history while they
load: the first must not be lost, the second must not be said twice.
"""

from enum import Enum, auto
from typing import Final


class Phase(Enum):
    """Where the session is."""

    SHAKING = auto()
    LOADING = auto()
    OPENING = auto()
    LIVE = auto()
    ENDED = auto()


class Cause(Enum):
    """What moves it."""

    NEW = auto()
    LOAD = auto()
    LOADED = auto()
    ANNOUNCED = auto()
    END = auto()


class Fate(Enum):
    """What becomes of an update."""

    MAP = auto()
    HOLD = auto()
    DROP = auto()


TRANSITIONS: Final[dict[tuple[Phase, Cause], Phase]] = {
    (Phase.SHAKING, Cause.NEW): Phase.OPENING,
    (Phase.SHAKING, Cause.LOAD): Phase.LOADING,
    (Phase.LOADING, Cause.NEW): Phase.OPENING,
    (Phase.LOADING, Cause.LOADED): Phase.OPENING,
    (Phase.OPENING, Cause.ANNOUNCED): Phase.LIVE,
    **{(phase, Cause.END): Phase.ENDED for phase in Phase},
}
"""All that may happen. Every other pair changes nothing: it is about an agent that has ended, or an
agent that answers what it was not asked."""


class Life:
    """The phase of one session."""

    def __init__(self) -> None:
        self.phase = Phase.SHAKING

    def move(self, cause: Cause) -> None:
        """Go on as the table says."""
        self.phase = moved(self.phase, cause)


def moved(phase: Phase, cause: Cause) -> Phase:
    """Return the phase after `cause`."""
    return TRANSITIONS.get((phase, cause), phase)


def fate(phase: Phase, *, is_content: bool) -> Fate:
    """Return what becomes of an update that comes in `phase`."""
    if phase is Phase.LIVE:
        return Fate.MAP
    if phase is Phase.ENDED or (phase is Phase.LOADING and is_content):
        return Fate.DROP
    return Fate.HOLD
