"""What a session's processes cost at one moment. Values alone."""

from typing import NamedTuple

LARGEST_KEPT = 5
"""Processes that an event names: the one that grew is among them."""


class Figure(NamedTuple):
    """One process, as an event or a log line names it."""

    pid: int
    name: str
    rss_bytes: int
    pss_bytes: int | None = None


class Usage(NamedTuple):
    """A session's whole process tree: host (if it is its own), provider, descendants."""

    thread_id: str
    generation: int
    rss_bytes: int
    """Resident memory; what processes share is counted in each of them."""

    pss_bytes: int | None
    """The same with shared pages divided among who has them; None while far from any budget."""

    cpu_ms: int
    """User and system time of all processes since the generation began, ended ones included: it
    never falls. Read every few seconds alone."""

    processes: int
    largest: tuple[Figure, ...] = ()
    """At most LARGEST_KEPT, the largest first; () while far from any budget."""

    @property
    def charged_bytes(self) -> int:
        """What is held against a budget: shared pages are not blamed where they are known."""
        return self.rss_bytes if self.pss_bytes is None else min(self.pss_bytes, self.rss_bytes)
