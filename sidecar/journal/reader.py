"""Reading events from disk: pages for clients, the whole rest for recovery.

Each page is one short transaction on a connection that only reads, finished before the page is
handed out: a client that is slow to take it holds no snapshot of the database and pins no WAL.

A page is two statements of one row each: the indexes of the segments ahead, then the bodies of
those that the page wants. Row by row, each step gives the interpreter lock away and waits for it
beside a busy event loop, and an idle hour's journal has one event a segment. Blobs are joined as
hex, since SQLite joins text alone; decoding it is two orders of magnitude cheaper than the waits.
"""

import json
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from sidecar.journal.errors import CursorTooOld, JournalUnavailable
from sidecar.journal.schema import connect
from sidecar.journal.segments import Place, Segment, SegmentDamaged
from sidecar.journal.tail import Room
from sidecar.journal.types import PAGE_SEGMENTS, Entry, Page

_INDEXES = """
SELECT group_concat(first_seq || ' ' || last_seq || ' ' || length(bodies) || ' ' || hex(idx), ',')
FROM (SELECT * FROM segments
      WHERE first_seq >= (SELECT coalesce(max(first_seq), 0) FROM segments WHERE first_seq <= ?)
        AND first_seq <= ?
      ORDER BY first_seq LIMIT ?)
"""
_BODIES = """
SELECT group_concat(first_seq || ' ' || hex(bodies), ',')
FROM segments WHERE first_seq IN (SELECT value FROM json_each(?))
"""
_BODY = "SELECT bodies FROM segments WHERE first_seq = ?"

REPLAY_BYTES = 1024 * 1024
"""Bodies of one step of a replay."""


class Reader:
    """A connection for reads. Used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._connection = connect(path)
        self._connection.execute("PRAGMA query_only=1")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def page(
        self, after: int, upto: int, room: Room, threads: Collection[str] | None = None
    ) -> Page:
        """Return events in (after, upto]; `last_seq` moves on also where a filter found none.

        Raises CursorTooOld when the event behind `after` is gone, JournalUnavailable when the
        database cannot be read.
        """
        try:
            with self._transaction():
                segments = self._segments(after, upto)
                if not segments or segments[0].first_seq > after + 1:
                    raise CursorTooOld(after, self._oldest())
                plan, last = _plan(segments, after, upto, room, threads)
                blobs = self._bodies([segment.first_seq for segment, _ in plan])
        except (sqlite3.Error, SegmentDamaged) as error:
            raise JournalUnavailable(f"Cannot read the journal: {error}") from error
        entries = []
        for segment, places in plan:
            blob = blobs[segment.first_seq]
            entries += [Entry(p.seq, p.thread_id, blob[p.start : p.end]) for p in places]
        return Page(entries, last)

    def replay(self, after: int, upto: int) -> Iterator[list[Entry]]:
        """Yield all events in (after, upto], some at a time."""
        while after < upto:
            rows, after = self.page(after, upto, Room(REPLAY_BYTES, REPLAY_BYTES))
            yield rows

    def _segments(self, after: int, upto: int) -> list[Segment]:
        joined = self._value(_INDEXES, (after + 1, upto, PAGE_SEGMENTS))
        found = []
        for part in (joined or "").split(",") if joined else ():
            first, last, size, index = part.split(" ")
            found.append(Segment(int(first), int(last), int(size), bytes.fromhex(index)))
        found.sort(key=lambda segment: segment.first_seq)
        for before, segment in pairwise(found):
            if segment.first_seq != before.last_seq + 1:
                raise SegmentDamaged(f"segment {segment.first_seq} does not follow its neighbour")
        return found

    def _bodies(self, first_seqs: list[int]) -> dict[int, bytes]:
        if len(first_seqs) == 1:  # maybe one large event: not through hex
            return {first_seqs[0]: self._value(_BODY, (first_seqs[0],))}
        joined = self._value(_BODIES, (json.dumps(first_seqs),)) if first_seqs else None
        parts = [part.split(" ") for part in joined.split(",")] if joined else []
        return {int(first): bytes.fromhex(bodies) for first, bodies in parts}

    def _oldest(self) -> int:
        oldest: int = self._value("SELECT coalesce(min(first_seq), 0) FROM segments", ())
        return oldest

    def _value(self, query: str, values: tuple[object, ...]) -> Any:
        return self._connection.execute(query, values).fetchone()[0]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.execute("ROLLBACK")


def _plan(
    segments: list[Segment], after: int, upto: int, room: Room, threads: Collection[str] | None
) -> tuple[list[tuple[Segment, list[Place]]], int]:
    """Return what to read of which segments, and the last seq that the page covers."""
    plan: list[tuple[Segment, list[Place]]] = []
    for segment in segments:
        places: list[Place] = []
        for place in segment.places(after, upto, threads):
            if not room.take(place.end - place.start):
                if places:
                    plan.append((segment, places))
                return plan, place.seq - 1
            places.append(place)
        if places:
            plan.append((segment, places))
    return plan, min(segments[-1].last_seq, upto)
