"""The life of a Codex session: one table, every pair decided, and what becomes of a message. Pure.

    SHAKING ── opened ──► LIVE ── end ──► ENDED

Codex talks of a thread before it has answered thread/start, and resumes with news of its own: what
comes before the session is announced is held back, so that it is neither lost nor said too early.
"""

from enum import Enum, auto
from typing import Final


class Phase(Enum):
    """Where the session is."""

    SHAKING = auto()
    LIVE = auto()
    ENDED = auto()


class Cause(Enum):
    """What moves it."""

    OPENED = auto()
    END = auto()


TRANSITIONS: Final[dict[tuple[Phase, Cause], Phase]] = {
    (Phase.SHAKING, Cause.OPENED): Phase.LIVE,
    **{(phase, Cause.END): Phase.ENDED for phase in Phase},
}
"""All that may happen; every other pair changes nothing."""


def moved(phase: Phase, cause: Cause) -> Phase:
    """Return the phase after `cause`."""
    return TRANSITIONS.get((phase, cause), phase)
