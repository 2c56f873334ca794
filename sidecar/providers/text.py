"""Text and bytes of providers made safe: lines, tolerant JSON, cut emoji, values that encode.

Pure. Owns the bounds on what one line or value may be. Never knows a protocol.
"""

import json
import math
import re
from contextlib import suppress
from typing import Any, Final, NamedTuple

import msgspec

from sidecar.contract.base import MAX_INT
from sidecar.contract.limits import MIB

LINE_BYTES = 32 * MIB
"""Longest line taken from a provider. Real ones send lines of 3 MB (images, file contents) and
attachments go up to 10 MiB; half of contract.limits.TRANSFER_BYTES leaves room for what an event
adds. A longer line is skipped and said, as it would be a gap in memory, not in the conversation."""

VALUE_BYTES = 12 * MIB
"""Largest free-form value passed on: the five that one event may hold (input, output, content,
locations, raw) stay below contract.limits.TRANSFER_BYTES together."""

VALUE_DEPTH = 64
"""Deepest nesting of a provider's free-form value that is passed on; deeper parts become text."""

_CUT: Final = "…"
_SCALAR_BYTES: Final = 9
"""What a number, or the head of a string or container, takes in MessagePack at most."""

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_PAIR_OR_LONE: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]")
_REPLACEMENT: Final = "\ufffd"


class Oversized(NamedTuple):
    """Stands in the place of a line over the bound, whose bytes are skipped to the next newline."""

    max_bytes: int


class LineSplitter:
    """Cuts a byte stream at newlines, however it arrives; holds at most one line of max_bytes."""

    def __init__(self, max_bytes: int = LINE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._parts: list[bytes] = []
        self._held_bytes = 0
        self._skipping = False

    def feed(self, data: bytes) -> list[bytes | Oversized]:
        """Return the lines that `data` completes, without their newlines."""
        lines: list[bytes | Oversized] = []
        *ends, rest = data.split(b"\n")
        for end in ends:
            self._hold(end, lines)
            if not self._skipping:
                lines.append(b"".join(self._parts))
            self._reset()
        self._hold(rest, lines)
        return lines

    def finish(self) -> list[bytes | Oversized]:
        """Return the line that the end of the stream cut off, if there is one."""
        left = b"".join(self._parts)
        self._reset()
        return [left] if left else []

    def _hold(self, part: bytes, lines: list[bytes | Oversized]) -> None:
        if self._skipping or not part:
            return
        self._parts.append(part)
        self._held_bytes += len(part)
        if self._held_bytes > self._max_bytes:
            lines.append(Oversized(self._max_bytes))
            self._parts.clear()
            self._skipping = True

    def _reset(self) -> None:
        self._parts.clear()
        self._held_bytes = 0
        self._skipping = False


def decode_json(line: bytes) -> Any:
    """Decode one line, tolerating invalid UTF-8, lone surrogates, a BOM, NaN and huge numbers.

    Strings of the result may hold lone surrogates: pass on only what went through whole(),
    portable() or a SurrogateJoiner. Raises ValueError with the reason for what is no JSON even so.
    """
    with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):  # then tolerantly
        return msgspec.json.decode(line)
    try:
        return json.loads(line.decode("utf-8-sig", "replace"))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def whole(text: str) -> str:
    """Return `text` with surrogate pairs joined and lone surrogates replaced by U+FFFD."""
    if _SURROGATE.search(text) is None:
        return text
    return _PAIR_OR_LONE.sub(_joined, text)


def _joined(match: re.Match[str]) -> str:
    found = match.group()
    if len(found) == 1:
        return _REPLACEMENT
    return chr(0x10000 + ((ord(found[0]) - 0xD800) << 10) + (ord(found[1]) - 0xDC00))


class SurrogateJoiner:
    """Joins an emoji cut in two over adjacent deltas of one item. Its output always encodes."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        """Return what can be shown now; a high half at the end is held for the next delta."""
        if not self._held and _SURROGATE.search(text) is None:
            return text
        text = self._held + text
        self._held = ""
        if "\ud800" <= text[-1:] <= "\udbff":
            self._held = text[-1]
            text = text[:-1]
        return whole(text)

    def flush(self) -> str:
        """Return U+FFFD if a half never got its partner, else nothing."""
        left = _REPLACEMENT if self._held else ""
        self._held = ""
        return left


def portable(value: Any, max_bytes: int = VALUE_BYTES) -> Any:
    """Return a provider's free-form JSON value such that MessagePack and JSON both carry it.

    Strings get whole(), integers that JavaScript cannot hold become text, NaN and infinity None,
    and the text "…" stands for what lies deeper than VALUE_DEPTH or behind `max_bytes`.
    """
    return _Carrier(max_bytes).take(value, VALUE_DEPTH)


class _Carrier:
    """Copies one value within a budget of encoded bytes, never underestimated."""

    def __init__(self, max_bytes: int) -> None:
        self._left_bytes = max_bytes

    def take(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) > MAX_INT:
            return self._text(str(value))
        self._left_bytes -= _SCALAR_BYTES
        if self._left_bytes < 0:
            return _CUT
        if isinstance(value, float):
            return value if math.isfinite(value) else None
        if not isinstance(value, dict | list):
            return value
        if depth == 0:
            return _CUT
        return self._map(value, depth) if isinstance(value, dict) else self._list(value, depth)

    def _map(self, value: dict[Any, Any], depth: int) -> dict[str, Any]:
        taken: dict[str, Any] = {}
        for key, item in value.items():
            if self._left_bytes < 0:
                break
            name = self._text(str(key))
            taken[name] = self.take(item, depth - 1)
        return taken

    def _list(self, value: list[Any], depth: int) -> list[Any]:
        taken: list[Any] = []
        for item in value:
            if self._left_bytes < 0:
                break
            taken.append(self.take(item, depth - 1))
        return taken

    def _text(self, value: str) -> str:
        self._left_bytes -= _SCALAR_BYTES + len(value) * (1 if value.isascii() else 4)
        return _CUT if self._left_bytes < 0 else whole(value)


def clipped(text: str, max_chars: int) -> str:
    """Return at most `max_chars` of `text`, the last of them "…" when something was cut off."""
    return text if len(text) <= max_chars else text[: max_chars - 1] + "…"
