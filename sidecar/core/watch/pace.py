"""How soon to look at memory again: the sooner, the faster it grows towards a budget. Pure."""

from typing import NamedTuple

from sidecar.core.watch.budget import Budget

FAST_S = 0.1
"""Shortest pause between two looks at a session that nears its budget."""

FULL_FAST_S = 0.25
"""The same for looks at everything, which cost more."""

ALOOF = 5
"""Where nobody has a budget the looks are this many times rarer."""

AHEAD = 0.5
"""Share of the time to a crossing after which to look again: what grows may grow faster."""


class Reading(NamedTuple):
    """What was used at one moment."""

    used_bytes: int
    at_s: float


def to_crossing_s(before: Reading, now: Reading, budget: Budget) -> float | None:
    """Return when the next budget is crossed if it goes on like this; None when it is not."""
    grown_bytes, took_s = now.used_bytes - before.used_bytes, now.at_s - before.at_s
    left = [limit - now.used_bytes for limit in budget if limit is not None]
    ahead = [bytes_ for bytes_ in left if bytes_ >= 0]
    if grown_bytes <= 0 or took_s <= 0 or not ahead:
        return None
    return min(ahead) / grown_bytes * took_s


def pause_s(base_s: float, crossing_s: float | None, fast_s: float) -> float:
    """Return the pause to the next look of something that crosses in so long."""
    if crossing_s is None:
        return base_s
    return min(max(crossing_s * AHEAD, fast_s), base_s)
