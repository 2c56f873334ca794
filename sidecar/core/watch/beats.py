"""When a host is wedged: its event loop answers no question, twice. Pure; one Beat a host.

    fine ── silent for an interval ──► asked ── 1.2 intervals ──► suspected ── 1 interval ──► wedged
      ▲                                  │ heard                     │ heard
      └──────────────────────────────────┴───────────────────────────┘

Whatever a host sends counts as life, as only its loop sends: one that streams is never asked. The
second stage is for a machine that swaps or is out of breath: one late answer is no verdict.
"""

from enum import Enum
from typing import Final

SUSPECT_INTERVALS: Final = 1.2
"""A question to the suspicion: an interval, and something for the way."""

VERDICT_INTERVALS: Final = 1.0
"""The suspicion, with a second question, to the verdict."""


class Stage(Enum):
    """What is thought of a host."""

    FINE = "fine"
    ASKED = "asked"
    SUSPECTED = "suspected"
    WEDGED = "wedged"


class Beat:
    """One host."""

    def __init__(self, interval_s: float, now_s: float) -> None:
        self._interval_s = interval_s
        self._since_s = now_s
        self._stage_s = now_s
        self.stage = Stage.FINE

    def look(self, now_s: float, heard_s: float) -> bool:
        """Take in when it was last heard; whether that has changed its stage.

        Who sees `asked` or `suspected` come asks the host.
        """
        self._since_s = max(self._since_s, heard_s)
        stage = self._next(now_s)
        changed = stage is not self.stage
        if changed:
            self.stage, self._stage_s = stage, now_s
        return changed

    def silent_s(self, now_s: float) -> float:
        """Return how long nothing has been heard."""
        return now_s - self._since_s

    def start_anew(self, now_s: float) -> None:
        """Forget what was counted: nobody watched. A verdict stays."""
        self._since_s = self._stage_s = now_s
        if self.stage is not Stage.WEDGED:
            self.stage = Stage.FINE

    def _next(self, now_s: float) -> Stage:
        in_stage_s = now_s - self._stage_s
        match self.stage:
            case Stage.FINE:
                return Stage.ASKED if self.silent_s(now_s) >= self._interval_s else Stage.FINE
            case Stage.ASKED if self._since_s < self._stage_s:
                late = in_stage_s >= SUSPECT_INTERVALS * self._interval_s
                return Stage.SUSPECTED if late else Stage.ASKED
            case Stage.SUSPECTED if self._since_s < self._stage_s:
                late = in_stage_s >= VERDICT_INTERVALS * self._interval_s
                return Stage.WEDGED if late else Stage.SUSPECTED
            case Stage.WEDGED:
                return Stage.WEDGED
            case _:
                return Stage.FINE
