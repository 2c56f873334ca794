"""A client's place in the journal, and what it is to be sent next (PROTOCOL §3, §4). Pure.

    OWES_SNAPSHOT ── snapshot sent ──► CATCHING_UP ── nothing left ──► LIVE
          ▲                                 ▲                           │
          └───── retention passed it ───────┴── subscribe with after ───┘

Live delivery, catching up and replay are the same: what lies behind `position`. The stream of one
connection is asked again and again for its next step, by sidecar/bridge/delivery, which does it.
"""

from collections.abc import Sequence
from enum import Enum, auto
from typing import NamedTuple

from sidecar.bridge.window import Window
from sidecar.contract.bridge import Gap
from sidecar.contract.vocabulary import GapReason
from sidecar.journal.types import Entry


class Place(Enum):
    """Where a stream is."""

    OWES_SNAPSHOT = auto()
    CATCHING_UP = auto()
    LIVE = auto()


class Step(Enum):
    """What to do next."""

    SNAPSHOT = auto()
    READ = auto()
    ADVANCE = auto()
    SYNCHRONIZED = auto()
    WAIT = auto()


class Cause(Enum):
    """What moves a stream."""

    SNAPSHOT_SENT = auto()
    CAUGHT_UP = auto()
    REPOSITIONED = auto()
    UNSERVABLE = auto()


TRANSITIONS: dict[tuple[Place, Cause], Place] = {
    (Place.OWES_SNAPSHOT, Cause.SNAPSHOT_SENT): Place.CATCHING_UP,
    (Place.OWES_SNAPSHOT, Cause.REPOSITIONED): Place.CATCHING_UP,
    (Place.OWES_SNAPSHOT, Cause.UNSERVABLE): Place.OWES_SNAPSHOT,
    (Place.CATCHING_UP, Cause.CAUGHT_UP): Place.LIVE,
    (Place.CATCHING_UP, Cause.REPOSITIONED): Place.CATCHING_UP,
    (Place.CATCHING_UP, Cause.UNSERVABLE): Place.OWES_SNAPSHOT,
    (Place.LIVE, Cause.REPOSITIONED): Place.CATCHING_UP,
    (Place.LIVE, Cause.UNSERVABLE): Place.OWES_SNAPSHOT,
}
"""All that may happen; every other pair is a defect and raises KeyError."""


class Start(NamedTuple):
    """Where a stream begins: behind `after`, or with a snapshot that a gap may precede."""

    after: int
    snapshot: bool = False
    gap: Gap | None = None


class Stream:
    """One connection's stream: position, filter, what it still owes."""

    def __init__(self, start: Start, threads: frozenset[str] | None, window: Window) -> None:
        self.window = window
        self.threads = threads
        self.position = start.after
        """Everything up to here was sent, or skipped by the filter."""
        self.place = Place.OWES_SNAPSHOT if start.snapshot else Place.CATCHING_UP
        self.gap = start.gap
        """What is told before the snapshot that is owed, if anything."""
        self._advance_due = False

    def next(self, head: int, oldest: int) -> Step:
        """Return what to do now, given the journal's committed head and its oldest seq."""
        if self.place is not Place.OWES_SNAPSHOT and self.position + 1 < oldest:
            self.cannot_serve("too_old", head)
        if self.place is Place.OWES_SNAPSHOT:
            return Step.SNAPSHOT
        untold = self.position > self.window.sent_seq
        if self._advance_due and untold:
            return Step.ADVANCE
        if self.position < head:
            return Step.READ if self.window.open else Step.WAIT
        if self.place is Place.CATCHING_UP:
            return Step.ADVANCE if untold else Step.SYNCHRONIZED
        return Step.WAIT

    def cannot_serve(self, reason: GapReason, head: int) -> None:
        """Note that what is behind `position` will never come: a gap and a snapshot instead."""
        self._move(Cause.UNSERVABLE)
        first = self.position + 1
        self.gap = Gap(from_=first, to=max(first, head), reason=reason)

    def heartbeat(self) -> None:
        """Note that a filtered client is to hear how far its stream is."""
        self._advance_due = True

    def snapshot_sent(self, at: int) -> None:
        """Note that the fold at `at` was sent."""
        self.gap = None
        self._move(Cause.SNAPSHOT_SENT)
        self._restart(at)

    def events_sent(self, seq: int, size_bytes: int) -> None:
        """Note a message of events that ends with `seq`."""
        self.window.sent(seq, size_bytes)
        self.position = seq

    def skipped(self, seq: int) -> None:
        """Note that up to `seq` nothing is for this client."""
        self.position = seq

    def advance_sent(self) -> None:
        """Note that the client was told its position."""
        self._advance_due = False
        self.window.sent(self.position, 0)

    def synchronized_sent(self) -> None:
        """Note that the client was told that it has caught up."""
        self._move(Cause.CAUGHT_UP)

    def subscribe(self, threads: frozenset[str] | None, after: int | None) -> None:
        """Change the filter; with `after`, go on behind that."""
        self.threads = threads
        if after is not None:
            self.gap = None
            self._move(Cause.REPOSITIONED)
            self._restart(after)

    def _restart(self, after: int) -> None:
        self.position = after
        self.window.restart(after)

    def _move(self, cause: Cause) -> None:
        self.place = TRANSITIONS[self.place, cause]


def batches(entries: Sequence[Entry], max_bytes: int) -> list[list[Entry]]:
    """Split a page into messages: none above `max_bytes` unless it holds one event alone."""
    out: list[list[Entry]] = []
    size = 0
    for entry in entries:
        if not out or size + len(entry.body) > max_bytes:
            out.append([])
            size = 0
        out[-1].append(entry)
        size += len(entry.body)
    return out
