"""Judges events by the tables of docs/EVENTS.md, read as a person reads them.

Owns a parser of the tables and the checks that follow: bold is required, `?` optional, a/b/c and
*Italic* are lists of words, braces and brackets nest. Imports nothing of sidecar/, so that what a
client is told and what it gets are held against each other by somebody else.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).parents[2] / "docs" / "EVENTS.md"

Check = Callable[[Any, str], list[str]]
"""A value and where it stands → what is wrong with it."""

_FIELD = re.compile(r"^(\*\*)?(\w+)(?:\*\*)?(\?)?\s*(.*)$", re.DOTALL)
_COUNT = re.compile(r"(Tokens|^toolUses|Ms)$")
_STREAMED = "delta"


def problems(event: dict[str, Any]) -> list[str]:
    """Return what the tables have against an event, [] for a valid one."""
    tables = read_tables()
    found = tables.envelope.check(event, "event")
    payload = tables.events.get(event.get("type", ""))
    if payload is None:
        return [*found, f"unknown type {event.get('type')!r}"]
    return found + payload.check(event.get("payload"), str(event["type"]))


def check_event(event: dict[str, Any]) -> None:
    """Fail, naming the problems, if an event is not what the tables say."""
    found = problems(event)
    assert not found, f"{found} in {event}"


@dataclass
class Shape:
    """A map with known keys."""

    fields: dict[str, Check] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)

    def check(self, value: Any, where: str) -> list[str]:
        """Return what is wrong with a map."""
        if not isinstance(value, dict):
            return [f"{where} is no map"]
        found = [f"{where} has no {name}" for name in sorted(self.required - value.keys())]
        for name, inner in value.items():
            known = self.fields.get(name)
            if known is None:
                found.append(f"{where} has an unknown key {name}")
            else:
                found += known(inner, f"{where}.{name}")
        return found


@dataclass
class Tables:
    """What the document says."""

    envelope: Shape
    events: dict[str, Shape]
    words: dict[str, frozenset[str]]


@cache
def read_tables() -> Tables:
    """Read the document once."""
    return parse(DOCUMENT.read_text(encoding="utf-8"))


def parse(text: str) -> Tables:
    """Return the tables of a document."""
    words = {name: frozenset(_ticked(said)) for name, said in _rows(_block(text, "words"))}
    reader = _Reader(words, _block(text, "linkage").strip())
    events = {}
    for names, payload, *_ in _rows(_block(text, "events")):
        for name in _types(names):
            events[name] = reader.shape(payload)
    return Tables(_envelope(reader, _block(text, "envelope")), events, words)


def _envelope(reader: "_Reader", block: str) -> Shape:
    shape = Shape()
    for name, type_ in _rows(block):
        reader.add(shape, f"{name} {type_}")
    shape.fields["payload"] = lambda _, __: []  # judged by the row of its type
    return shape


class _Reader:
    def __init__(self, words: dict[str, frozenset[str]], linkage: str) -> None:
        self._words = words
        self._linkage = linkage

    def shape(self, text: str) -> Shape:
        """Read a list of fields."""
        shape = Shape()
        for part in _outermost(text):
            if part == "+ linkage":
                for inner in _outermost(self._linkage):
                    self.add(shape, inner)
            else:
                self.add(shape, part)
        return shape

    def add(self, shape: Shape, text: str) -> None:
        """Read one field into a shape."""
        match = _FIELD.match(text)
        assert match, f"unreadable field {text!r}"
        bold, name, _, type_ = match.groups()
        if bold:
            shape.required.add(name)
        shape.fields[name] = self._check(name, type_.strip())

    def _check(self, name: str, type_: str) -> Check:
        if name == _STREAMED:
            return _streamed
        if not type_:
            return _count if _COUNT.search(name) else _free
        if type_[0] == "[":
            return _list_of(self._check(name, type_[1:-1].strip()))
        if type_[0] == "{":
            return self.shape(type_[1:-1]).check
        if type_[0] == "*":
            return _one_of(self._words[type_.strip("*")])
        if type_ in _PLAIN:
            return _PLAIN[type_]
        assert re.fullmatch(r"[\w-]+(/[\w-]+)+", type_), f"unreadable type {type_!r} of {name}"
        return _one_of(frozenset(type_.split("/")))


def _text(value: Any, where: str) -> list[str]:
    if not isinstance(value, str):
        return [f"{where} is no text"]
    return [] if value.strip() else [f"{where} is blank"]


def _streamed(value: Any, where: str) -> list[str]:
    return [] if isinstance(value, str) and value else [f"{where} is empty or no text"]


def _count(value: Any, where: str) -> list[str]:
    if type(value) is not int or value < 0:
        return [f"{where} is {value!r}, no count"]
    return [f"{where} is 0"] if where.endswith("maxTokens") and value == 0 else []


def _free(value: Any, where: str) -> list[str]:
    """Judge what the tables leave open: text is not blank; a key without content is left out."""
    if value is None:
        return [f"{where} is null"]
    if isinstance(value, str):
        return _text(value, where)
    return _unicode(value, where)


def _unicode(value: Any, where: str) -> list[str]:
    """Judge text at any depth: it has to be valid Unicode."""
    if isinstance(value, dict):
        return [p for key, inner in value.items() for p in _unicode(inner, f"{where}.{key}")]
    if isinstance(value, list):
        return [p for n, inner in enumerate(value) for p in _unicode(inner, f"{where}[{n}]")]
    if isinstance(value, str) and any(0xD800 <= ord(c) <= 0xDFFF for c in value):
        return [f"{where} has a lone surrogate"]
    return []


def _map(value: Any, where: str) -> list[str]:
    return _unicode(value, where) if isinstance(value, dict) else [f"{where} is no map"]


def _one_of(words: frozenset[str]) -> Check:
    def check(value: Any, where: str) -> list[str]:
        return [] if value in words else [f"{where} is {value!r}, none of {sorted(words)}"]

    return check


def _list_of(item: Check) -> Check:
    def check(value: Any, where: str) -> list[str]:
        if not isinstance(value, list):
            return [f"{where} is no list"]
        return [p for n, inner in enumerate(value) for p in item(inner, f"{where}[{n}]")]

    return check


_PLAIN: dict[str, Check] = {"str": _text, "int": _count, "map": _map, "any": _free}


def _block(text: str, name: str) -> str:
    found = re.search(rf"<!-- generated:{name} -->\n(.*?)<!-- /generated -->", text, re.DOTALL)
    assert found is not None, f"no block {name}"
    return found[1]


def _rows(block: str) -> list[list[str]]:
    """Return the cells of a table's rows, without its head."""
    lines = [line for line in block.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def _types(names: str) -> list[str]:
    """Read "item.started / .updated": each name after the first one replaces its last word."""
    first, *more = [name.strip() for name in names.split("/")]
    return [first, *(first.rpartition(".")[0] + name for name in more)]


def _ticked(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def _outermost(fields: str) -> list[str]:
    """Split "a, b {c, d}, e" at the commas that stand in no bracket."""
    parts, depth = [""], 0
    for character in fields:
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip() not in ("", "–")]
