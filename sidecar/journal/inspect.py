"""What a journal holds, in numbers: for somebody who has to tell what went wrong with it.

Opens the database for reading alone, whether its sidecar runs or is dead, and changes nothing. Of
events only type, thread, size and the facts of exits are taken; a body is never handed on.
"""

import sqlite3
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from sidecar.contract.events import decode_event, event_type_of
from sidecar.contract.limits import MIB
from sidecar.core.fold import Fold, FoldFormatError
from sidecar.journal.errors import JournalUnavailable
from sidecar.journal.segments import Segment, SegmentDamaged

SCAN_BYTES = 64 * MIB
"""Newest bodies whose types are counted: a second or two."""

PAGE_SEGMENTS = 64
"""Read at once, so that no transaction stays open while they are counted."""

BUSY_S = 2.0
EXITS = 100
EPOCHS = 20
THREADS = 200
"""Newest exits and starts, and loudest threads, that are told."""


class Inspected(NamedTuple):
    """What was found."""

    facts: dict[str, Any]
    fold: Fold
    """Every session as of the last event; empty unless it was asked for."""

    marks: dict[str, str]
    """Thread of each mark; processes that carry one may still live."""


def inspect_journal(path: Path, *, scan_bytes: int = SCAN_BYTES, fold: bool = True) -> Inspected:
    """Read a journal's numbers. Blocks. Raises JournalUnavailable."""
    try:
        ended = not path.with_name(f"{path.name}-wal").exists()  # then nobody has it open
        uri = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if ended else ''}"
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None)) as db:
            return _Look(db, path).take(scan_bytes, fold=fold)
    except (sqlite3.Error, OSError, SegmentDamaged) as error:
        raise JournalUnavailable(f"Cannot read the journal: {error}") from error


class _Look:
    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._db = db
        self._path = path
        self._types: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self._threads: Counter[str] = Counter()
        self._restarts: Counter[str] = Counter()
        self._exits: deque[dict[str, Any]] = deque(maxlen=EXITS)
        self._unread = 0
        self._scanned_bytes = 0

    def take(self, scan_bytes: int, *, fold: bool) -> Inspected:
        facts = self._tables()
        at, folded = self._stored_fold() if fold else (0, Fold())
        scan_from = self._first_seq_within(scan_bytes)
        for seq, thread_id, body in self._events(min(scan_from, at + 1) if fold else scan_from):
            if seq >= scan_from:
                self._count(thread_id, body)
            if fold and seq > at:
                self._apply(folded, body)
        return Inspected(facts | self._counted(scan_from), folded, self._marks())

    def _tables(self) -> dict[str, Any]:
        segments, first, last, size, oldest, newest = self._row(
            "SELECT count(*), min(first_seq), max(last_seq), coalesce(sum(size_bytes), 0),"
            " min(stored_ms), max(stored_ms) FROM segments"
        )
        meta = dict(self._db.execute("SELECT key, value FROM meta").fetchall())
        epochs = self._db.execute(
            "SELECT epoch, first_seq, started_ms FROM epochs ORDER BY epoch DESC LIMIT ?", (EPOCHS,)
        ).fetchall()
        return {
            "files": {file.name: file.stat().st_size for file in self._files()},
            "schema": self._row("PRAGMA user_version")[0],
            "pages": self._row("PRAGMA page_count")[0],
            "freePages": self._row("PRAGMA freelist_count")[0],
            "endedClean": meta.get("clean") == b"1",
            "suspect": meta.get("suspect") == b"1",
            "segments": segments,
            "firstSeq": first,
            "lastSeq": last,
            "bodyBytes": size,
            "oldest": _moment(oldest),
            "newest": _moment(newest),
            "starts": self._row("SELECT count(*) FROM epochs")[0],
            "epochs": [
                {"epoch": epoch, "firstSeq": seq, "startedAt": _moment(ms)}
                for epoch, seq, ms in epochs
            ],
            "sessionRecords": self._row("SELECT count(*) FROM sessions")[0],
            "marks": self._row("SELECT count(*) FROM marks")[0],
            "idempotencyKeys": self._row("SELECT count(*) FROM requests")[0],
            "unansweredKeys": self._row("SELECT count(*) FROM requests WHERE answer IS NULL")[0],
            "snapshotAt": (self._row("SELECT max(at) FROM snapshots") or [None])[0],
        }

    def _files(self) -> list[Path]:
        return sorted(file for file in self._path.parent.glob(f"{self._path.name}*"))

    def _row(self, query: str) -> Any:
        return self._db.execute(query).fetchone()

    def _stored_fold(self) -> tuple[int, Fold]:
        row = self._row("SELECT at, body FROM snapshots")
        if row is not None:
            with suppress(FoldFormatError):  # as recovery does: the events stand for it
                return row[0], Fold.load(row[1])
        return 0, Fold()

    def _first_seq_within(self, scan_bytes: int) -> int:
        """Return where the newest segments of so many bytes begin."""
        first = 0
        rows = self._db.execute(
            "SELECT first_seq, size_bytes FROM segments ORDER BY first_seq DESC"
        )
        with closing(rows):
            for seq, size in rows:
                scan_bytes -= size
                if scan_bytes < 0 and first:
                    return first
                first = seq
        return first

    def _events(self, seq: int) -> Iterator[tuple[int, str, bytes]]:
        while True:
            rows = self._db.execute(
                "SELECT first_seq, last_seq, idx, bodies FROM segments"
                " WHERE last_seq >= ? ORDER BY first_seq LIMIT ?",
                (seq, PAGE_SEGMENTS),
            ).fetchall()
            if not rows:
                return
            for first, last, index, bodies in rows:
                segment = Segment(first, last, len(bodies), index)
                for place in segment.places(seq - 1, last, None):
                    yield place.seq, place.thread_id, bodies[place.start : place.end]
                seq = last + 1

    def _count(self, thread_id: str, body: bytes) -> None:
        self._scanned_bytes += len(body)
        try:
            kind = event_type_of(body)
            self._note(kind, thread_id, body)
        except (msgspec.DecodeError, KeyError):
            kind = "unreadable"
        self._types[kind] += 1
        self._bytes[kind] += len(body)
        self._threads[thread_id] += 1

    def _note(self, kind: str, thread_id: str, body: bytes) -> None:
        """Keep how a generation ended, and that it was a restart."""
        if kind not in ("session.exited", "session.state.changed"):
            return
        event = decode_event(kind, body)
        detail = getattr(event.payload, "detail", None)
        if isinstance(detail, dict) and detail.get("kind") == "restarting":
            self._restarts[thread_id] += 1
        if kind == "session.exited":
            self._exits.append(
                {
                    "threadId": thread_id,
                    "generation": event.generation,
                    "at": event.created_at,
                    "exitKind": event.payload.exit_kind,
                    "recoverable": event.payload.recoverable,
                    "reason": event.payload.reason,
                }
            )

    def _apply(self, fold: Fold, body: bytes) -> None:
        try:
            fold.apply(decode_event(event_type_of(body), body))
        except (msgspec.DecodeError, KeyError):
            self._unread += 1

    def _counted(self, scan_from: int) -> dict[str, Any]:
        return {
            "counted": {
                "fromSeq": scan_from,
                "bytes": self._scanned_bytes,
                "events": self._types.total(),
                "byType": dict(self._types.most_common()),
                "bytesByType": dict(self._bytes.most_common()),
                "byThread": dict(self._threads.most_common(THREADS)),
                "restartsByThread": dict(self._restarts.most_common(THREADS)),
            },
            "exits": list(self._exits),
            "unreadable": self._unread,
        }

    def _marks(self) -> dict[str, str]:
        return dict(self._db.execute("SELECT mark, thread_id FROM marks").fetchall())


def _moment(at_ms: int | None) -> str | None:
    if at_ms is None:
        return None
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"
