"""Log records for a person: which ones are wanted, and how they are shown. Text in, text out."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from sidecar.core.correlation import Correlation, parse_cid
from sidecar.observe.log import LEVELS

ANYTHING = Correlation()

ROLES = ("supervisor", "host", "provider", "client")

_COLUMNS = ("at", "level", "role", "cid", "event")
_BLOCKS = ("stderrTail", "traceback", "stacks")
"""Fields that may have many lines: shown below their record."""

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+,")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a log file; `record` is empty for what is none of ours."""

    at: str
    """As the contract writes times: texts that sort as the moments do."""

    text: str
    record: dict[str, Any] = field(default_factory=dict)


def read_line(text: str, before: str) -> Line:
    """Read a line; one that has no time of its own gets that of the line `before`."""
    try:
        record = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        record = None
    if not isinstance(record, dict):
        return Line(before, text)
    at = record.get("at")
    return Line(at if isinstance(at, str) else before, text, record)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter: None wants everything."""

    about: Correlation = ANYTHING
    level: str | None = None
    role: str | None = None
    since: str | None = None

    def fits(self, line: Line) -> bool:
        """Tell whether a line is wanted."""
        record = line.record
        if self.since is not None and line.at < self.since:
            return False
        if self.level is not None and _level(record) < LEVELS[self.level]:
            return False
        if self.role is not None and record.get("role") != self.role:
            return False
        if self.about == ANYTHING:
            return True
        return any(parse_cid(cid).fits(self.about) for cid in _cids(record))


def _level(record: dict[str, Any]) -> int:
    return LEVELS.get(str(record.get("level")), LEVELS["info"])


def _cids(record: dict[str, Any]) -> list[str]:
    """Return what a record is about: one session, or those of a host that they share."""
    several = record.get("sessions")
    found = [record.get("cid"), *(several if isinstance(several, list) else [])]
    return [cid for cid in found if isinstance(cid, str)]


class Columns:
    """Shows lines in columns, and a line of its own when the day changes."""

    def __init__(self) -> None:
        self._day = ""

    def show(self, line: Line) -> Iterator[str]:
        """Yield the lines of text for one line of a log."""
        if line.at[:10] != self._day and line.at:
            self._day = line.at[:10]
            yield f"-- {printable(self._day)} (UTC)"
        record = line.record
        if not record:
            yield printable(line.text)
            return
        cells = [printable(str(record.get(name, ""))) for name in ("level", "role", "cid", "event")]
        level, role, cid, event = cells
        rest = dict(_shown(record))
        blocks = {name: rest.pop(name) for name in _BLOCKS if isinstance(rest.get(name), str)}
        words = " ".join(f"{printable(name)}={_value(value)}" for name, value in rest.items())
        text = f"{printable(line.at[11:23]):12} {level:7} {role:10} {cid:32} {event:22} {words}"
        yield text.rstrip()
        for name, block in blocks.items():
            yield f"    {name}:"
            yield from (f"      {printable(row)}" for row in block.rstrip().split("\n"))


def _shown(record: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the fields that have no column; what a host has said stands beside the others."""
    for name, value in record.items():
        if name == "said" and isinstance(value, dict):
            yield from value.items()
        elif name not in _COLUMNS and value is not None:
            yield name, value


def _value(value: Any) -> str:
    if isinstance(value, str) and value and _PLAIN.issuperset(value):
        return value
    return printable(json.dumps(value, ensure_ascii=False))


def printable(text: str) -> str:
    """Escape what a terminal would obey: control characters and marks of direction."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
