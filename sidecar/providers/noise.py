"""How often a session may warn about its provider's noise. Pure; the clock is handed in."""

from collections.abc import Callable
from typing import NamedTuple

from sidecar.contract.base import Json

WARNINGS_PER_WINDOW = 10
"""Enough to see what is wrong; garbage written in a loop must not fill the journal."""

WINDOW_MS = 60_000


class Verdict(NamedTuple):
    """Whether to say this one, and how many were left unsaid since the last summary."""

    say: bool
    unsaid: int = 0


class WarningBudget:
    """Lets WARNINGS_PER_WINDOW through a window, and counts the rest for one summary."""

    def __init__(self, per_window: int = WARNINGS_PER_WINDOW, window_ms: int = WINDOW_MS) -> None:
        self._per_window = per_window
        self._window_ms = window_ms
        self._since_ms: int | None = None
        self._said = 0
        self._unsaid = 0

    def spend(self, now_ms: int) -> Verdict:
        """Decide about one warning; the first of a new window brings the summary of the last."""
        unsaid = 0
        if self._since_ms is None or now_ms - self._since_ms >= self._window_ms:
            self._since_ms = now_ms
            self._said = 0
            unsaid = self.close()
        if self._said >= self._per_window:
            self._unsaid += 1
            return Verdict(say=False)
        self._said += 1
        return Verdict(say=True, unsaid=unsaid)

    def close(self) -> int:
        """Return how many were left unsaid, and forget them."""
        unsaid, self._unsaid = self._unsaid, 0
        return unsaid


class Complaints:
    """Says what a provider said that cannot be read, within the budget."""

    def __init__(self, warn: Callable[[str, Json], None], now_ms: Callable[[], int]) -> None:
        self._warn = warn
        self._now_ms = now_ms
        self._budget = WarningBudget()

    def add(self, reason: str, sample: str = "") -> None:
        """Warn of one unreadable thing, or count it."""
        verdict = self._budget.spend(self._now_ms())
        self._summarise(verdict.unsaid)
        if verdict.say:
            detail = {"kind": "malformed", "sample": sample or None}
            self._warn(f"The agent said something unreadable: {reason}", detail)

    def close(self) -> None:
        """Say how many more there were."""
        self._summarise(self._budget.close())

    def _summarise(self, unsaid: int) -> None:
        if unsaid:
            detail = {"kind": "malformed", "count": unsaid}
            self._warn(f"The agent said {unsaid} more unreadable things", detail)
