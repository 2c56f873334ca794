"""The text of a running turn: the last 256 KiB over all its streams, in order of arrival (X3).

On the hot path: a delta costs one append and a comparison. What is too old is dropped by whole
chunks; the exact cut is made when somebody looks.
"""

from collections import deque
from typing import Any

from sidecar.contract.limits import ACTIVE_TEXT_BYTES
from sidecar.core.fold.bounds import TEXT_RUNS, utf8_bytes

CHUNK_BYTES = 4 * 1024
"""Small deltas join the last chunk up to here: copying 4 KiB costs less than keeping an object."""


class _Chunk:
    __slots__ = ("item_id", "kind", "size_bytes", "text")

    def __init__(self, item_id: str, kind: str, text: str, size_bytes: int) -> None:
        self.item_id = item_id
        self.kind = kind
        self.text = text
        self.size_bytes = size_bytes


class TextWindow:
    """The kept end of a turn's text. What is dropped sets `truncated`."""

    __slots__ = ("_chunks", "_dropped", "_runs", "_size_bytes")

    def __init__(self) -> None:
        self._chunks: deque[_Chunk] = deque()
        self._size_bytes = 0
        self._runs = 0
        self._dropped = False

    @property
    def truncated(self) -> bool:
        """Whether anything that was appended is not kept."""
        return self._dropped or self._size_bytes > ACTIVE_TEXT_BYTES

    def append(self, item_id: str, kind: str, text: str) -> None:
        """Add text to a stream."""
        size = utf8_bytes(text)
        if size > ACTIVE_TEXT_BYTES:
            text = last_bytes(text, ACTIVE_TEXT_BYTES)
            size = utf8_bytes(text)
            self._dropped = True
        last = self._chunks[-1] if self._chunks else None
        same = last is not None and last.item_id == item_id and last.kind == kind
        if last is not None and same and last.size_bytes < CHUNK_BYTES:
            last.text += text
            last.size_bytes += size
        else:
            self._chunks.append(_Chunk(item_id, kind, text, size))
            self._runs += not same
        self._size_bytes += size
        if self._size_bytes > ACTIVE_TEXT_BYTES or self._runs > TEXT_RUNS:
            self._trim()

    def streams(self) -> dict[str, dict[str, str]]:
        """Return item → stream kind → kept text."""
        parts: dict[str, dict[str, list[str]]] = {}
        excess = self._size_bytes - ACTIVE_TEXT_BYTES
        for index, chunk in enumerate(self._chunks):
            text = chunk.text
            if index == 0 and excess > 0:  # _trim leaves the excess in the first chunk alone
                text = last_bytes(text, chunk.size_bytes - excess)
            if text:
                parts.setdefault(chunk.item_id, {}).setdefault(chunk.kind, []).append(text)
        return {
            item: {kind: "".join(texts) for kind, texts in kinds.items()}
            for item, kinds in parts.items()
        }

    def dump(self) -> list[Any]:
        """Return a plain value that `load` takes."""
        chunks = [[c.item_id, c.kind, c.text] for c in self._chunks]
        return [self._dropped, chunks]

    @classmethod
    def load(cls, value: list[Any]) -> "TextWindow":
        """Rebuild what was dumped."""
        window = cls()
        window._dropped, chunks = value
        before = None
        for item_id, kind, text in chunks:
            size = utf8_bytes(text)
            window._chunks.append(_Chunk(item_id, kind, text, size))
            window._size_bytes += size
            window._runs += (item_id, kind) != before
            before = (item_id, kind)
        return window

    def _trim(self) -> None:
        """Drop chunks of which nothing is kept."""
        chunks = self._chunks
        while (
            self._size_bytes - chunks[0].size_bytes >= ACTIVE_TEXT_BYTES or self._runs > TEXT_RUNS
        ):
            gone = chunks.popleft()
            self._size_bytes -= gone.size_bytes
            self._dropped = True
            if (chunks[0].item_id, chunks[0].kind) != (gone.item_id, gone.kind):
                self._runs -= 1


def last_bytes(text: str, bound_bytes: int) -> str:
    """Return the longest end of `text` in whole characters of at most `bound_bytes` of UTF-8."""
    if bound_bytes <= 0:
        return ""
    if text.isascii():
        return text[-bound_bytes:]
    kept = text.encode("utf-8", "surrogatepass")[-bound_bytes:]
    start = 0
    while start < len(kept) and kept[start] & 0xC0 == 0x80:  # inside a character that is cut
        start += 1
    return kept[start:].decode("utf-8", "surrogatepass")
