"""Whether the other side lives, by ticks of a timer (PROTOCOL §4). Pure.

Counts ticks and not clock differences, so that a machine that slept or a process that was stopped
judges nobody by time in which it did not run.
"""

from sidecar.contract.limits import SILENCE_INTERVALS

SLEPT_INTERVALS = 1.5
"""A tick that comes later than this many intervals of wall time after the one before it means that
this side did not run in between: timers are milliseconds late, not half an interval."""


class Pulse:
    """Counts the ticks since the last message."""

    def __init__(self, interval_s: float, now_wall_s: float) -> None:
        self._interval_s = interval_s
        self._last_tick_s = now_wall_s
        self._silent_ticks = 0

    def heard(self) -> None:
        """Note that a message came."""
        self._silent_ticks = -1  # the interval under way is not a silent one

    def tick(self, now_wall_s: float) -> bool:
        """Note that an interval is over; return whether the other side is to be judged silent."""
        slept = now_wall_s - self._last_tick_s > SLEPT_INTERVALS * self._interval_s
        self._last_tick_s = now_wall_s
        self._silent_ticks = 0 if slept else self._silent_ticks + 1
        return self._silent_ticks >= SILENCE_INTERVALS
