"""The bytes of a segment: an index and one blob of bodies.

A segment holds contiguous events. Its index is a MessagePack array of the threads that speak in it,
which of them owns each body, and each body's length; the bodies stand one after the other. So a
filtered reader looks at the small index and leaves the bodies alone. Nothing here knows SQLite.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import msgspec

from sidecar.journal.types import Row


class SegmentDamaged(ValueError):  # noqa: N818 - named after what was found
    """Raised when index and bodies do not fit each other."""


class _Index(msgspec.Struct, array_like=True, frozen=True):
    threads: list[str]
    owners: list[int]
    lengths: list[int]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Index)


def pack(rows: Sequence[Row]) -> tuple[bytes, bytes]:
    """Return (index, bodies) of a segment."""
    numbers: dict[str, int] = {}
    owners = [numbers.setdefault(row.thread_id, len(numbers)) for row in rows]
    index = _Index(list(numbers), owners, [len(row.body) for row in rows])
    return _ENCODER.encode(index), b"".join([row.body for row in rows])


class Place(NamedTuple):
    """Where an event's body stands in its segment's blob."""

    seq: int
    thread_id: str
    start: int
    end: int


class Segment:
    """A segment's index: who speaks in it, and where each body is."""

    def __init__(self, first_seq: int, last_seq: int, size_bytes: int, index: bytes) -> None:
        try:
            self._index = _DECODER.decode(index)
        except msgspec.DecodeError as error:
            raise SegmentDamaged(f"segment {first_seq}: {error}") from None
        rows = last_seq - first_seq + 1
        owners, lengths = self._index.owners, self._index.lengths
        if not (rows == len(owners) == len(lengths) > 0) or sum(lengths) != size_bytes:
            raise SegmentDamaged(f"segment {first_seq}: its index fits neither rows nor bytes")
        if min(owners) < 0 or max(owners) >= len(self._index.threads) or min(lengths) < 0:
            raise SegmentDamaged(f"segment {first_seq}: its index is out of range")
        self.first_seq = first_seq
        self.last_seq = last_seq

    def places(self, after: int, upto: int, threads: Collection[str] | None) -> Iterator[Place]:
        """Yield where the events in (after, upto] are, of `threads` alone unless None."""
        index = self._index
        if threads is not None and not any(thread in threads for thread in index.threads):
            return
        end = 0
        for seq, owner, length in zip(
            range(self.first_seq, self.last_seq + 1), index.owners, index.lengths, strict=True
        ):
            start, end = end, end + length
            thread = index.threads[owner]
            if after < seq <= upto and (threads is None or thread in threads):
                yield Place(seq, thread, start, end)
