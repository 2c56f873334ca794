"""The correlation id `thread/generation/turn/request`: one field by which all logs are joined.

Parts that are not known are left off from the right; one that is missing between known ones is
`-`. Supervisor, host, provider and Node client write it the same way (electron-glue/src/log/cid.ts;
both are held to tests/fixtures/correlation.json).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

PART_CHARS = 120
"""Longest part as it is written: ids are some 40 characters, but a client chooses its own."""

UNKNOWN = "-"

FIELDS = ("thread", "generation", "turn", "request")
"""Names of the parts, as a log is bound to them."""


class Correlation(NamedTuple):
    """What a record is about; None where that is not known."""

    thread: str | None = None
    generation: int | None = None
    turn: str | None = None
    request: str | None = None

    def fits(self, wanted: "Correlation") -> bool:
        """Tell whether every part that `wanted` names is the same here."""
        return all(want in (None, has) for has, want in zip(self, wanted, strict=True))


def cid_of(correlation: Correlation) -> str | None:
    """Return the id as it stands in a record; None when nothing is known."""
    parts = [UNKNOWN if part is None else _written(str(part)) for part in correlation]
    while parts and parts[-1] == UNKNOWN:
        parts.pop()
    return "/".join(parts) or None


def parse_cid(cid: str) -> Correlation:
    """Read an id back; what does not fit is not known."""
    parts = [_read(part) for part in cid.split("/")[:4]]
    thread, generation, turn, request = [*parts, None, None, None, None][:4]
    number = int(generation) if generation is not None and generation.isdecimal() else None
    return Correlation(thread, number, turn, request)


def taken_from(fields: Mapping[str, Any]) -> tuple[Correlation, dict[str, Any]]:
    """Part a record's fields: what correlates it, and the rest in its order."""
    parts = {name: fields.get(name) for name in FIELDS}
    rest = {name: value for name, value in fields.items() if name not in parts}
    return Correlation(**parts), rest


def _written(part: str) -> str:
    """Escape what would part the id, and what a terminal or a column must not see."""
    clipped = part[:PART_CHARS]
    plain = "".join(char if _plain(char) else _escaped(char) for char in clipped)
    return f"%{ord(UNKNOWN):02X}" if plain == UNKNOWN else plain


def _plain(char: str) -> bool:
    return "!" <= char <= "~" and char not in "/%"


def _escaped(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "replace"))


def _read(part: str) -> str | None:
    if part in ("", UNKNOWN):
        return None
    first, *others = part.split("%")
    data = bytearray(first.encode("utf-8", "replace"))
    for piece in others:
        try:
            data += bytes.fromhex(piece[:2]) + piece[2:].encode("utf-8", "replace")
        except ValueError:
            data += b"%" + piece.encode("utf-8", "replace")
    return data.decode("utf-8", "replace")
