"""When a turn has stalled: it runs, asks nobody anything, and makes no progress. Pure.

Progress is what a turn makes (text, items, tools, tasks, its own state), not what a provider says
about itself, and CPU time of the tools that it has started: a build may be silent for long. Time in
which a person is asked, or nobody watched, does not count.
"""

from typing import Final, NamedTuple

DEEDS: Final = ("item.", "content.", "request.", "user-input.", "task.", "tool.")
"""Beginnings of the types of events that say what a turn does."""

PROGRESS: Final = (*DEEDS, "turn.", "hook.")

TELL_SHARE: Final = 0.5
"""Where a session has a limit of its own, its user is told at this share of it."""

BUSY_CPU_SHARE: Final = 0.02
"""CPU of the tools since the user was told, as a share of one core, that is progress."""


class StallLimits(NamedTuple):
    """Seconds without progress; None: never."""

    tell_s: float | None = None
    end_s: float | None = None


class StallAct(NamedTuple):
    """What to do: tell of the silence, or `end` the generation for it."""

    silent_s: float
    end: bool


def is_progress(event_type: str) -> bool:
    """Tell whether an event of this type is progress of a turn."""
    return event_type.startswith(PROGRESS)


def is_deed(event_type: str) -> bool:
    """Tell whether a turn has done something by an event of this type: said, asked, begun."""
    return event_type.startswith(DEEDS)


def stall_limits(own_ms: int | None, default_ms: int) -> StallLimits:
    """Return the limits: a session's own ends its turn, the default (0: none) only tells."""
    if own_ms is not None:
        return StallLimits(own_ms / 1000 * TELL_SHARE, own_ms / 1000)
    return StallLimits(default_ms / 1000 if default_ms else None)


class Stall:
    """One generation of one session."""

    def __init__(self, now_s: float) -> None:
        self._since_s = now_s
        self._told_s: float | None = None
        self._burnt: tuple[float, int] | None = None

    def look(
        self, now_s: float, progress_s: float, limits: StallLimits, *, may_stall: bool
    ) -> StallAct | None:
        """Judge. `progress_s`: when the last progress came; `may_stall`: a turn runs unasked.

        Tells once a stall; progress makes the next one another.
        """
        if not may_stall:
            self.start_anew(now_s)
            return None
        self._since_s = max(self._since_s, progress_s)
        silent_s = now_s - self._since_s
        if limits.end_s is not None and silent_s >= limits.end_s:
            return StallAct(silent_s, end=True)
        told = self._told_s is not None and self._told_s >= self._since_s
        if limits.tell_s is None or silent_s < limits.tell_s or told:
            return None
        self._told_s = now_s
        return StallAct(silent_s, end=False)

    def start_anew(self, now_s: float) -> None:
        """Forget what was counted."""
        self._since_s = now_s

    def tools_work(self, now_s: float, cpu_ms: int) -> bool:
        """Take in the CPU time of what turns have started; whether it has grown like work.

        To be called at each act; the stall then counts anew, and has been told of already.
        """
        before, self._burnt = self._burnt, (now_s, cpu_ms)
        if before is None or cpu_ms - before[1] <= BUSY_CPU_SHARE * (now_s - before[0]) * 1000:
            return False
        self._since_s = self._told_s = now_s
        return True
