"""The golden messages of tests/fixtures/contract, and the examples that the docs show of them.

A golden file is JSON: `title`, `from` (client or server), `value`, and `hex`, the message on the
wire. In `value` binary data is `{"$bin": "<hex>"}`, and `{"$msgpack": …}` is binary data that holds
MessagePack. Nobody writes them by machine: a test encodes `value` and compares it with `hex`, so
that neither drifts alone. The file's name is `NN-GROUP-what.json`.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

HEX_SHOWN_BYTES = 48
"""Of each example so much is shown in hex, enough to check an encoder by eye."""


@dataclass(frozen=True, slots=True)
class Golden:
    """One golden message."""

    name: str
    title: str
    sender: str
    value: Any
    wire: bytes


def load(folder: Path) -> list[Golden]:
    """Return every golden message, by file name."""
    return [_read(path) for path in sorted(folder.glob("*.json"))]


def render(goldens: Iterable[Golden]) -> dict[str, str]:
    """Return the example blocks by marker, `example-GROUP`: the messages of one group."""
    blocks: dict[str, list[str]] = {}
    for golden in goldens:
        group = golden.name.split("-", 2)[1]
        blocks.setdefault(f"example-{group}", []).append(_block(golden))
    return {name: "\n\n".join(parts) for name, parts in blocks.items()}


def to_python(value: Any) -> Any:
    """Turn a golden `value` into what is encoded."""
    match value:
        case {"$bin": str(text)}:
            return bytes.fromhex(text)
        case {"$msgpack": inner}:
            return msgspec.msgpack.encode(to_python(inner))
        case dict():
            return {key: to_python(item) for key, item in value.items()}
        case list():
            return [to_python(item) for item in value]
    return value


def notation(value: Any) -> str:
    """Write a golden `value` in the docs' notation: JSON, with h'…' for bin."""
    match value:
        case {"$bin": str(text)}:
            return f"h'{text}'"
        case {"$msgpack": inner}:
            return f"msgpack({notation(inner)})"
        case dict():
            items = (f"{json.dumps(key)}: {notation(item)}" for key, item in value.items())
            return "{" + ", ".join(items) + "}"
        case list():
            return "[" + ", ".join(notation(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _read(path: Path) -> Golden:
    file = json.loads(path.read_text("utf-8"))
    return Golden(path.stem, file["title"], file["from"], file["value"], bytes.fromhex(file["hex"]))


def _block(golden: Golden) -> str:
    shown = golden.wire[:HEX_SHOWN_BYTES].hex(" ")
    more = f" … ({len(golden.wire)} bytes)" if len(golden.wire) > HEX_SHOWN_BYTES else ""
    lines = _wrapped(notation(golden.value))
    return "\n".join(
        [f"{golden.title} ({golden.sender}):", "", "```", *lines, "", shown + more, "```"]
    )


def _wrapped(text: str, width: int = 110) -> list[str]:
    """Break at ", " so that no line of an example is longer than a screen."""
    lines = [""]
    for part in text.replace(", ", ",\0 ").split("\0"):
        if lines[-1] and len(lines[-1]) + len(part) > width:
            lines.append("  " + part.lstrip())
        else:
            lines[-1] += part
    return lines
