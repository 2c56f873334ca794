"""What an operating system itself can do to hold a host and all below it: a cell a host.

Linux: a cgroup v2 leaf, where one was delegated to us. Windows: a job object. Elsewhere, and where
there is no delegation, none: then sampling alone holds a session to its budget. A cell is a
backstop, above the budget that sampling enforces, for growth that is faster than any look.
"""

import sys
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from sidecar.process.platform import IS_LINUX

HEADROOM = 1.25
"""Limit of a cell over the hard budget of its session: sampling comes first, and has figures."""


class Cell(Protocol):
    """One host with all that is below it."""

    def verdict(self) -> dict[str, Any] | None:
        """Return the figures, if the system ended something in here for its memory."""

    def close(self) -> None:
        """Give the cell back; everything in it has ended."""


class Containment(Protocol):
    """Makes cells."""

    def enter(self, pid: int, limit_bytes: int | None) -> Cell | None:
        """Put a process that has no children yet into a cell of its own.

        None when that is not possible: the process goes on outside.
        """

    def close(self) -> None:
        """Give back what belongs to all cells."""


class Found(NamedTuple):
    """What there is on this machine; `reason` says why there is none."""

    containment: Containment | None
    reason: str


def find_containment(processes: Callable[[], set[int]]) -> Found:
    """Return this machine's containment. `processes`: this one and all below it, by pid."""
    if IS_LINUX:
        from sidecar.process.cgroup import find_cgroup  # noqa: PLC0415

        return find_cgroup(processes)
    if sys.platform == "win32":
        from sidecar.process.jobs import JobObjects  # noqa: PLC0415

        return Found(JobObjects(), "")
    return Found(None, "this platform has nothing for it")
