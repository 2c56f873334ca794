"""Whether a watchdog has lived through the time between two of its ticks. Pure.

A machine that slept, a supervisor that was stopped or whose loop lagged: in that time nobody was
watched, and what happened to the watched is not known. No verdict may rest on it.
"""

from typing import Final

LATE_PAUSES: Final = 2.5
"""A tick that is later than so many of its pauses is a gap. Watchdogs look five times in what they
measure, or oftener, so less is at most half of it."""

LATE_LEAST_S: Final = 0.1
"""And later than this, which is what any loop under load does."""


class Gaps:
    """Compares the ticks that were expected with those that came.

    The clock handed in must run on while the machine sleeps (CLOCK_BOOTTIME where there is one).
    """

    def __init__(self, now_s: float) -> None:
        self._last_s = now_s

    def tick(self, now_s: float, pause_s: float) -> float:
        """Note a tick after a pause of `pause_s`; return the seconds nobody watched, or 0.0."""
        late_s = now_s - self._last_s - pause_s
        self._last_s = now_s
        return late_s if late_s > max(LATE_PAUSES * pause_s, LATE_LEAST_S) else 0.0
