"""What processes near a budget cost: shares are read where they decide, and no page counts twice.

A share (PSS) goes stale without a sign. A fork makes its parent's smaller, and a forked child that
writes to its pages no longer shares them: neither changes what is resident. So nobody is ended by
what was read before, and what sharing alone keeps below a budget is read again and again.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sidecar.core.watch.budget import Budget
from sidecar.process.table import ProcessTable, Row

DOUBLE_SHARE = 0.125
"""A child that has about as much resident as its parent, give or take so much of it, is its double:
what reads both does so at two moments."""


class Freshness(NamedTuple):
    """How old a share may be, in seconds."""

    known_s: float = 30.0
    """At all: a process shares less as its siblings end."""

    hiding_s: float = 1.0
    """Where pages that are shared no more could have crossed a budget, and beyond a soft one."""

    verdict_s: float = 0.0
    """Where it would end somebody."""


OF_SESSION = Freshness()
"""A few processes; ended within 2 s of the crossing."""

OF_ALL = Freshness(hiding_s=5.0, verdict_s=1.0)
"""Hundreds of processes at some 80 µs each."""


def charge(
    table: ProcessTable, rows: Sequence[Row], budget: Budget, fresh: Freshness = OF_SESSION
) -> int:
    """Return what rows near a budget cost, shares as fresh as it matters. Blocks."""
    table.read_shares(rows, fresh.known_s)
    table.read_shares(_hiding(table, rows, budget), fresh.hiding_s)
    if _over(_charged(table, rows), budget.soft_bytes):
        table.read_shares(rows, fresh.hiding_s)
    if _over(_charged(table, rows), budget.hard_bytes):
        table.read_shares(rows, fresh.verdict_s)
    return _charged(table, rows)


def _hiding(table: ProcessTable, rows: Sequence[Row], budget: Budget) -> list[Row]:
    """Return those that share so much that the next budget may be crossed without a sign.

    What the others share would not be enough, all of it together.
    """
    charged = _charged(table, rows)
    ahead = [limit for limit in budget if limit is not None and limit >= charged]
    if not ahead:
        return []
    room, hidden = min(ahead) - charged, sum(map(_shared, rows))
    found = []
    for row in sorted(rows, key=_shared, reverse=True):
        if hidden <= room:
            break
        hidden -= _shared(row)
        found.append(row)
    return found


def _shared(row: Row) -> int:
    return row.rss_bytes - row.charged_bytes


def _charged(table: ProcessTable, rows: Iterable[Row]) -> int:
    """Return what all cost together.

    Between fork and exec a child is its parent once more: after a vfork down to the same pages,
    which their shares do not tell. One that came just now adds nothing to the larger of both.
    """
    by_pid = {row.key.pid: row for row in rows}
    charged = sum(row.charged_bytes for row in by_pid.values())
    doubles: dict[int, list[Row]] = {}
    for row in by_pid.values():
        above = by_pid.get(row.parent)
        if above is not None and table.is_new(row) and _is_double(row, above):
            doubles.setdefault(row.parent, [above]).append(row)
    return charged - sum(map(_excess, doubles.values()))


def _is_double(row: Row, above: Row) -> bool:
    return abs(row.rss_bytes - above.rss_bytes) <= DOUBLE_SHARE * above.rss_bytes


def _excess(same: Sequence[Row]) -> int:
    largest = max(row.rss_bytes for row in same)
    return max(sum(row.charged_bytes for row in same) - largest, 0)


def _over(used_bytes: int, limit_bytes: int | None) -> bool:
    return limit_bytes is not None and used_bytes > limit_bytes
