"""What goes into the journal and comes out of it, its options, and every bound with its reason."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sidecar.contract.limits import IDEMPOTENCY_S, MIB
from sidecar.contract.vocabulary import JournalState
from sidecar.journal.ballast import Ballast

SEGMENT_BYTES = 256 * 1024
"""Bodies that one commit takes before the next begins. A page that a client reads touches whole
segments, so this bounds what is read for nothing; one larger event, or one larger group, still
goes into one segment."""

GROUP_BYTES = 256 * MIB
"""Most that one append may bring: below SQLite's own bound of 1 GB for a row."""

TAIL_BYTES = 4 * MIB
"""Newest events kept in memory, so that clients that keep up cost no read: one default credit."""

RETENTION_BYTES = 512 * MIB
RETENTION_S = 7 * 86_400.0

PAGE_SEGMENTS = 512
"""Segments that one page looks at: a filtered read of another thread's events ends somewhere."""

BUSY_S = 10.0
"""How long a statement waits for another connection's lock: a checkpoint's, or a backup tool's."""

CLOSE_S = 5.0
"""How long closing goes on trying to commit what a full disk refuses."""

__all__ = [
    "Answered",
    "Entry",
    "Fresh",
    "JournalOptions",
    "JournalState",
    "Mismatch",
    "Page",
    "RequestState",
    "Row",
    "Running",
    "Unknown",
]


class Row(NamedTuple):
    """One event to append: its final bytes, and the thread by which readers filter."""

    thread_id: str
    body: bytes


class Entry(NamedTuple):
    """One event of the journal."""

    seq: int
    thread_id: str
    body: bytes


class Page(NamedTuple):
    """A run of events. `last_seq` is the cursor behind it: also what a filter skipped counts."""

    rows: list[Entry]
    last_seq: int


@dataclass(frozen=True, slots=True)
class JournalOptions:
    """How much is kept, and what tests replace.

    `wall_ms` dates segments and idempotency keys, which outlive the process; `max_page_count` makes
    SQLite itself refuse to grow, as a full disk does.
    """

    retention_bytes: int = RETENTION_BYTES
    retention_s: float = RETENTION_S
    retention_delay_s: float = 60.0
    """Nothing is dropped so soon after a start: clients come back and pin their cursors."""
    tail_bytes: int = TAIL_BYTES
    idempotency_s: float = IDEMPOTENCY_S
    close_s: float = CLOSE_S
    wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    monotonic: Callable[[], float] = time.monotonic
    ballast: Callable[[Path], Ballast] = Ballast
    max_page_count: int | None = None


# Answers of Journal.begin_request


@dataclass(frozen=True, slots=True)
class Fresh:
    """The key was unknown; its intent is committed now."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The key has its final answer."""

    answer: bytes


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The key was used with other params."""


@dataclass(frozen=True, slots=True)
class Running:
    """The key's call runs in this epoch; whoever carries it out can be joined."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The sidecar ended between the key's intent and its answer."""


RequestState = Fresh | Answered | Mismatch | Running | Unknown
