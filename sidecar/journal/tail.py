"""The newest events in memory, bounded by bytes, so that a client that keeps up reads no disk.

    appended ──► young: the objects as they came ── committed, and not of the newest ──► a chunk

Holds what is appended, committed or not; hands out only what is committed. What is not committed
is never evicted here: it waits in the writer's queue anyway, and the same bytes objects serve both.
What nobody is likely to read any more is kept in chunks, as 10,000 small objects of all sizes among
those that come and go cost their own size again in pages that Python cannot give back.
"""

from array import array
from collections import deque
from collections.abc import Collection, Sequence
from itertools import islice

from sidecar.journal.types import Entry, Page, Row

ENTRY_BYTES = 160
"""What a young entry costs beside its body: tuple, integer, bytes header, slot (CPython 3.13)."""

PACKED_BYTES = 12
"""What an entry of a chunk costs beside its body: where it ends, and a reference to its thread."""

CHUNK_BYTES = 64 * 1024
"""Bodies of a chunk: joining them takes 10 µs, and one at a time is dropped."""

YOUNG_BYTES = 256 * 1024
"""Events that stay as they came: one page, so a client that keeps up copies nothing."""


class Room:
    """What a page may still take: at least one event, then only what stays within its bounds."""

    def __init__(self, max_bytes: int, max_events: int) -> None:
        self._bytes = max_bytes
        self._events = max_events
        self._empty = True

    def take(self, size_bytes: int) -> bool:
        """Take room for an event; False when the page is full."""
        if not self._empty and (size_bytes > self._bytes or self._events < 1):
            return False
        self._empty = False
        self._bytes -= size_bytes
        self._events -= 1
        return True


class _Chunk:
    """Committed events with contiguous seqs, as one blob."""

    __slots__ = ("_blob", "_ends", "_threads", "first_seq", "last_seq", "size_bytes")

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.first_seq = entries[0].seq
        self.last_seq = entries[-1].seq
        self._blob = b"".join([entry.body for entry in entries])
        self._threads = tuple([entry.thread_id for entry in entries])
        self._ends = array("I")
        end = 0
        for entry in entries:
            end += len(entry.body)
            self._ends.append(end)
        self.size_bytes = end + len(entries) * PACKED_BYTES

    def thread_id(self, seq: int) -> str:
        """Return whose event it is."""
        return self._threads[seq - self.first_seq]

    def entry(self, seq: int) -> Entry:
        """Return an event."""
        index = seq - self.first_seq
        start = self._ends[index - 1] if index else 0
        return Entry(seq, self._threads[index], self._blob[start : self._ends[index]])


class Tail:
    """Entries with contiguous seqs, oldest first.

    A deque is indexed from its nearer end in blocks of 64: the readers that this serves stand near
    the young end, and the old end is dropped without moving the rest.
    """

    def __init__(self, bound_bytes: int) -> None:
        self._bound_bytes = bound_bytes
        self._chunks: deque[_Chunk] = deque()
        self._young: deque[Entry] = deque()
        self._young_bytes = 0
        self._packed_bytes = 0

    @property
    def size_bytes(self) -> int:
        """What all of it costs."""
        return self._young_bytes + self._packed_bytes

    @property
    def first_seq(self) -> int | None:
        """The oldest seq held, None when empty."""
        if self._chunks:
            return self._chunks[0].first_seq
        return self._young[0].seq if self._young else None

    def extend(self, first_seq: int, rows: Sequence[Row]) -> None:
        """Add events that were appended. Short of memory it lets go of all it has."""
        try:
            for seq, row in enumerate(rows, first_seq):
                self._young.append(Entry(seq, row.thread_id, row.body))
                self._young_bytes += len(row.body) + ENTRY_BYTES
        except MemoryError:  # half of them would stand at wrong places from now on
            self._chunks.clear()
            self._young.clear()
            self._young_bytes = self._packed_bytes = 0
            raise

    def trim(self, head: int) -> None:
        """Pack what is no longer young, and drop the oldest until the bound holds: of what is
        committed.
        """
        while self._young_bytes > YOUNG_BYTES + CHUNK_BYTES and self._pack(head):
            pass
        while self.size_bytes > self._bound_bytes and self._chunks:
            self._packed_bytes -= self._chunks.popleft().size_bytes
        young = self._young
        while self.size_bytes > self._bound_bytes and young and young[0].seq <= head:
            self._young_bytes -= len(young.popleft().body) + ENTRY_BYTES

    def page(
        self, after: int, upto: int, room: Room, threads: Collection[str] | None
    ) -> Page | None:
        """Return events in (after, upto]; None if they are not all here."""
        first = self.first_seq
        if first is None or after + 1 < first:
            return None
        found: list[Entry] = []
        last = after
        if self._chunks and after < self._chunks[-1].last_seq:
            last, full = self._read_chunks(found, after, upto, room, threads)
            if full:
                return Page(found, last)
        young = self._young[0].seq if self._young else 0
        for index in range(last + 1 - young, upto + 1 - young):
            entry = self._young[index]
            if threads is None or entry.thread_id in threads:
                if not room.take(len(entry.body)):
                    break
                found.append(entry)
            last = entry.seq
        return Page(found, last)

    def _read_chunks(
        self,
        found: list[Entry],
        after: int,
        upto: int,
        room: Room,
        threads: Collection[str] | None,
    ) -> tuple[int, bool]:
        """Add to `found` what is in chunks; returns the last seq, and whether the page is full."""
        last = after
        for chunk in self._chunks:
            for seq in range(max(last + 1, chunk.first_seq), min(upto, chunk.last_seq) + 1):
                if threads is None or chunk.thread_id(seq) in threads:
                    entry = chunk.entry(seq)
                    if not room.take(len(entry.body)):
                        return last, True
                    found.append(entry)
                last = seq
        return last, False

    def _pack(self, head: int) -> bool:
        """Make a chunk of the oldest young entries; False while they are not all committed."""
        count = size = 0
        for entry in self._young:
            if size >= CHUNK_BYTES:
                break
            if entry.seq > head:
                return False
            count += 1
            size += len(entry.body)
        chunk = _Chunk(list(islice(self._young, count)))
        self._chunks.append(chunk)  # before anything is let go: there may be no memory for it
        for _ in range(count):
            self._young.popleft()
        self._packed_bytes += chunk.size_bytes
        self._young_bytes -= size + count * ENTRY_BYTES
        return True
