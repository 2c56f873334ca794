"""When a generation last gave a sign of life: a few clock readings that its watchdogs look at."""

import time
from collections.abc import Sequence

from sidecar.contract.frames import EventFrame
from sidecar.core.watch.idle import Ages
from sidecar.core.watch.stall import is_deed, is_progress
from sidecar.observe.clock import awake_and_asleep_s


class Vitals:
    """Of one generation; times are seconds of the monotonic clock unless they say otherwise."""

    __slots__ = ("_first_deed_s", "_first_turn_s", "active_s", "calls", "progress_s")

    def __init__(self) -> None:
        self.progress_s = time.monotonic()
        """Last event that a turn made."""
        self.active_s = self.progress_s
        """Last event of any kind, or begin or end of a call."""
        self.calls = 0
        """Calls under way."""
        self._first_turn_s: float | None = None
        self._first_deed_s: float | None = None

    @property
    def ages(self) -> Ages:
        """Times since its first turn and that one's first deed, the machine's sleep included."""
        now_s = awake_and_asleep_s()
        turn_s, deed_s = self._first_turn_s, self._first_deed_s
        return Ages(
            None if turn_s is None else now_s - turn_s, None if deed_s is None else now_s - deed_s
        )

    @property
    def had_turn(self) -> bool:
        """Whether a turn was asked for."""
        return self._first_turn_s is not None

    def heard(self, frames: Sequence[EventFrame]) -> None:
        """Note events that came together."""
        self.active_s = time.monotonic()
        if any(is_progress(frame.event_type) for frame in frames):
            self.progress_s = self.active_s
        if self._first_deed_s is None and self._first_turn_s is not None:
            self._look_for_deed(frames)

    def _look_for_deed(self, frames: Sequence[EventFrame]) -> None:
        if any(is_deed(frame.event_type) for frame in frames):
            self._first_deed_s = awake_and_asleep_s()

    def call_begins(self, method: str) -> None:
        """Note a call; call_ends must follow."""
        self.active_s = time.monotonic()
        self.calls += 1
        if method == "session.sendTurn" and self._first_turn_s is None:
            self._first_turn_s = awake_and_asleep_s()

    def call_ends(self) -> None:
        """Note the end of a call."""
        self.active_s = time.monotonic()
        self.calls -= 1
