"""The newest events in memory, bounded by bytes, so that a client that keeps up reads no disk.

Holds what is appended, committed or not; hands out only what is committed. What is not committed
is never evicted here: it waits in the writer's queue anyway, and the same bytes objects serve both.
"""

from collections import deque
from collections.abc import Collection, Sequence

from sidecar.journal.types import Entry, Page, Row

ENTRY_BYTES = 160
"""What an entry costs beside its body: tuple, integer, bytes header, slot (CPython 3.13)."""


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


class Tail:
    """Entries with contiguous seqs, oldest first.

    A deque is indexed from its nearer end in blocks of 64: the readers that this serves stand near
    the young end, and the old end is dropped without moving the rest.
    """

    def __init__(self, bound_bytes: int) -> None:
        self._bound_bytes = bound_bytes
        self._entries: deque[Entry] = deque()
        self.size_bytes = 0

    @property
    def first_seq(self) -> int | None:
        """The oldest seq held, None when empty."""
        return self._entries[0].seq if self._entries else None

    def extend(self, first_seq: int, rows: Sequence[Row]) -> None:
        """Add events that were appended. Short of memory it lets go of all it has."""
        try:
            for seq, row in enumerate(rows, first_seq):
                self._entries.append(Entry(seq, row.thread_id, row.body))
                self.size_bytes += len(row.body) + ENTRY_BYTES
        except MemoryError:  # half of them would stand at wrong places from now on
            self._entries.clear()
            self.size_bytes = 0
            raise

    def trim(self, head: int) -> None:
        """Drop the oldest committed events until the bound holds."""
        entries = self._entries
        while self.size_bytes > self._bound_bytes and entries and entries[0].seq <= head:
            self.size_bytes -= len(entries.popleft().body) + ENTRY_BYTES

    def page(
        self, after: int, upto: int, room: Room, threads: Collection[str] | None
    ) -> Page | None:
        """Return events in (after, upto]; None if they are not all here."""
        first = self.first_seq
        if first is None or after + 1 < first:
            return None
        found: list[Entry] = []
        last = after
        for index in range(after + 1 - first, upto + 1 - first):
            entry = self._entries[index]
            if threads is None or entry.thread_id in threads:
                if not room.take(len(entry.body)):
                    break
                found.append(entry)
            last = entry.seq
        return Page(found, last)
