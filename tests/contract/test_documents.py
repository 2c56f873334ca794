"""docs/EVENTS.md says of every event type what its Struct says; read by a parser of its own."""

import re
from pathlib import Path

from sidecar.contract.events import EVENTS
from tests.contract.test_events import wire_keys

DOCUMENT = Path(__file__).parents[2] / "docs" / "EVENTS.md"


def block(name: str) -> str:
    text = DOCUMENT.read_text("utf-8")
    found = re.search(rf"<!-- generated:{name} -->\n(.*?)<!-- /generated -->", text, re.DOTALL)
    assert found is not None
    return found[1]


def outermost(fields: str) -> list[str]:
    """Split "a, b {c, d}, e" at the commas that stand in no bracket."""
    parts, depth = [""], 0
    for character in fields:
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip() not in ("", "–")]


def keys(fields: str) -> tuple[set[str], set[str]]:
    required, optional = set(), set()
    for part in outermost(fields):
        if part == "+ linkage":
            optional |= keys(block("linkage").strip())[1]
        elif bold := re.match(r"\*\*(\w+)\*\*", part):
            required.add(bold[1])
        elif mark := re.match(r"(\w+)\?", part):
            optional.add(mark[1])
        else:
            raise AssertionError(f"neither bold nor with a question mark: {part!r}")
    return required, optional


def rows() -> dict[str, tuple[str, str]]:
    """Return event type → (fields, carried)."""
    found = {}
    for line in block("events").splitlines()[2:]:
        names, fields, carried = (cell.strip() for cell in line.strip("|").split(" | "))
        first, *others = names.split(" / ")
        stem = first.rsplit(".", 1)[0]
        for name in [first, *(stem + other for other in others)]:
            found[name] = (fields, carried)
    return found


def test_every_type_of_the_table_stands_in_the_document() -> None:
    assert set(rows()) == set(EVENTS)


def test_required_and_optional_keys_are_those_of_the_structs() -> None:
    for name, (fields, _) in rows().items():
        assert keys(fields) == wire_keys(EVENTS[name].payload), name


def test_the_flags_are_those_of_the_table() -> None:
    for name, (_, carried) in rows().items():
        row = EVENTS[name]
        flags = {"ephemeral": not row.durable, "fold": row.fold, "mergeable": row.mergeable}
        said = set(carried.split(", ")) - {"–"}
        assert said == {flag for flag, holds in flags.items() if holds}, name
