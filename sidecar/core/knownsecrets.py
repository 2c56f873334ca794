"""Values that are known to be secret, and where they stand in a text, however they are written.

As it is, as JSON and URLs write it, line by line, in hexadecimal, and within base64, of either
alphabet and at any offset: `Basic base64(user:secret)`. A search costs what the text is long or,
while there are few, what there are of them. Pure. Never knows what a secret looks like:
secretshapes.py does.
"""

import binascii
import json
from collections.abc import Iterable, Iterator
from typing import Final

SECRET_CHARS: Final = 8
"""Shortest known value that is replaced: a shorter one is a word that stands anywhere."""

SECRET_CHARS_MAX: Final = 4 * 1024
"""Longest: a longer value is known by its beginning and by its lines."""

LINE_CHARS: Final = 16
"""A line of a value of several lines is replaced by itself from this length on."""

LINES_MAX: Final = 512
"""Lines of one value: more than any key or list of certificates has."""

KNOWN_BYTES_MAX: Final = 5 * 1024 * 1024
"""What may be learnt costs about so much memory: some 1,200 tokens; the oldest is forgotten."""

NEEDLE_BYTES: Final = 600
"""What a string that is looked for costs besides its characters."""

FEW: Final = 120
"""So many strings are looked for one by one: that costs what the windows of a line of log do."""

GRAM_CHARS: Final = 5
STRIDE_CHARS: Final = SECRET_CHARS - GRAM_CHARS + 1
"""Of many, the windows of the text are looked at, each so many characters after the one before. In
the last SECRET_CHARS of a secret there is one of these whatever stands in front of it."""


class Needles:
    """Strings of SECRET_CHARS or more, to be found in texts; each as often as it was added."""

    def __init__(self) -> None:
        self._uses: dict[str, int] = {}
        self._ordered: tuple[str, ...] | None = ()
        self._grams: dict[str, dict[str, None]] | None = None

    def add(self, needle: str) -> None:
        """Look for a string."""
        uses = self._uses[needle] = self._uses.get(needle, 0) + 1
        if uses == 1:
            self._ordered = None
            if self._grams is not None:
                self._put(self._grams, needle)

    def remove(self, needle: str) -> None:
        """Take back one `add`."""
        self._uses[needle] -= 1
        if self._uses[needle] == 0:
            del self._uses[needle]
            self._ordered = None
            if self._grams is not None:
                self._drop(self._grams, needle)

    def found_in(self, text: str) -> list[str]:
        """Return which of them stand in a text, the longest first: it may hold a shorter one."""
        if len(self._uses) > FEW:
            return self._found_by_windows(text)
        self._grams = None
        if self._ordered is None:
            self._ordered = tuple(sorted(self._uses, key=len, reverse=True))
        return [needle for needle in self._ordered if needle in text]

    def _found_by_windows(self, text: str) -> list[str]:
        grams = self._grams
        if grams is None:
            grams = self._grams = {}
            for needle in self._uses:
                self._put(grams, needle)
        starts = range(0, len(text) - GRAM_CHARS + 1, STRIDE_CHARS)
        seen = {gram for at in starts if (gram := text[at : at + GRAM_CHARS]) in grams}
        likely = {needle for gram in seen for needle in grams[gram]}
        return sorted((needle for needle in likely if needle in text), key=len, reverse=True)

    @staticmethod
    def _put(grams: dict[str, dict[str, None]], needle: str) -> None:
        for gram in _grams(needle):
            grams.setdefault(gram, {})[needle] = None

    @staticmethod
    def _drop(grams: dict[str, dict[str, None]], needle: str) -> None:
        for gram in dict.fromkeys(_grams(needle)):
            del grams[gram][needle]
            if not grams[gram]:
                del grams[gram]


class KnownSecrets:
    """Values to be taken out of texts. Those that are `lasting` are never forgotten."""

    def __init__(self, lasting: Iterable[str] = ()) -> None:
        self._needles = Needles()
        self._learnt: dict[int, list[str]] = {}
        """How each may be written, by its hash: of a long one no more is kept than is needed."""
        self._cost_bytes = 0
        for secret in lasting:
            for needle in spellings(secret):
                self._needles.add(needle)

    def learn(self, secrets: Iterable[str]) -> int:
        """Know more values; returns how many older ones had to be forgotten for them."""
        for secret in secrets:
            key = hash(secret)
            if key in self._learnt:
                self._learnt[key] = self._learnt.pop(key)  # the youngest now
            elif needles := spellings(secret):
                self._learnt[key] = needles
                self._cost_bytes += _cost_bytes(needles)
                for needle in needles:
                    self._needles.add(needle)
        forgotten = 0
        while self._cost_bytes > KNOWN_BYTES_MAX:
            self._forget(self._learnt.pop(next(iter(self._learnt))))
            forgotten += 1
        return forgotten

    def taken_out_of(self, text: str, mark: str) -> str:
        """Return a text with a mark in the place of each of them."""
        standard = _in_one_alphabet(text)
        for needle in self._needles.found_in(standard):
            parts = standard.split(needle)
            text, standard = _joined_alike(text, parts, len(needle), mark), mark.join(parts)
        return text

    def _forget(self, needles: list[str]) -> None:
        self._cost_bytes -= _cost_bytes(needles)
        for needle in needles:
            self._needles.remove(needle)


def spellings(secret: str) -> list[str]:
    """Return how a value may be written, in one alphabet; nothing of one that is too short."""
    value = secret.strip()
    lines = value.split("\n", LINES_MAX)[:LINES_MAX]
    value = value[:SECRET_CHARS_MAX]
    found: list[str] = []
    if len(value) >= SECRET_CHARS:
        found += [value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]]
        found += [_in_url(value, ""), _in_url(value, "/")]
        data = value.encode("utf-8", "replace")
        found += [*_in_base64(data), data.hex(), data.hex().upper()]
    if len(lines) > 1:
        whole = (line.strip()[:SECRET_CHARS_MAX] for line in lines)
        found += [line for line in whole if len(line) >= LINE_CHARS]
    return list(dict.fromkeys(_in_one_alphabet(form) for form in found))


def _in_one_alphabet(text: str) -> str:
    """Write the alphabet of base64 that URLs use as the standard one; each character stays one.

    All is looked for in it, as one search costs less than two: so a secret with `-` for a `+` is
    taken out too.
    """
    return text.replace("-", "+").replace("_", "/")


def _cost_bytes(needles: list[str]) -> int:
    return sum(len(needle) + NEEDLE_BYTES for needle in needles)


def _in_base64(value: bytes) -> Iterator[str]:
    """Yield what base64 makes of a value behind 0, 1 and 2 other bytes, whatever these are.

    The characters at both ends that other bytes have a part in are left out.
    """
    for ahead in range(3):
        text = binascii.b2a_base64(bytes(ahead) + value, newline=False).decode()
        yield text[-(-ahead * 8 // 6) : (ahead + len(value)) * 8 // 6]


def _joined_alike(text: str, parts: list[str], gap_chars: int, mark: str) -> str:
    """Cut a text into parts as long as these, with gaps between, and put marks into the gaps."""
    at, own = 0, []
    for part in parts:
        own.append(text[at : at + len(part)])
        at += len(part) + gap_chars
    return mark.join(own)


def _grams(needle: str) -> list[str]:
    """Return the windows of the last SECRET_CHARS of a string: texts differ more at their ends."""
    tail = needle[-SECRET_CHARS:]
    return [tail[at : at + GRAM_CHARS] for at in range(STRIDE_CHARS)]


def _in_url(value: str, safe: str) -> str:
    """Write a value as a URL does (urllib's quote would cost every host its import)."""
    plain = "_.-~" + safe
    return "".join(
        chr(byte) if byte < 128 and (chr(byte).isalnum() or chr(byte) in plain) else f"%{byte:02X}"
        for byte in value.encode("utf-8", "replace")
    )
