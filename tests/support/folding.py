"""Golden files of the fold: what they mean, and how an event map becomes an Event.

A file is {"about", "events": [step], "expected": snapshot.state}. A step is an event map, or
{"times": N, "of": [map, …]}: the maps N times, "{n}" in any of their strings replaced by 0 … N−1.
In events and in expected, a map {"$text": [[piece, count], …]} stands for the pieces repeated and
joined. electron-glue's tests read the same files by the same rules.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from sidecar.contract.events import Event, decode_event
from sidecar.core.fold import Fold

FOLDER = Path(__file__).parents[1] / "fixtures" / "fold"


def event(
    type_: str, payload: dict[str, Any] | None = None, n: int = 0, **envelope: Any
) -> dict[str, Any]:
    """Return an event map; `n` counts seconds of its createdAt."""
    return {
        "eventId": f"e{n}",
        "provider": "demo",
        "threadId": "t1",
        "createdAt": f"2026-01-01T00:{n // 60:02}:{n % 60:02}.000Z",
        "generation": 1,
        "type": type_,
        "payload": payload or {},
        **envelope,
    }


def as_event(map_: dict[str, Any]) -> Event[Any]:
    """Decode an event map as the wire would bring it."""
    return decode_event(map_["type"], msgspec.msgpack.encode(map_))


def fold_of(steps: list[dict[str, Any]]) -> Fold:
    """Return the fold of a golden file's steps."""
    fold = Fold()
    for map_ in expand(steps):
        fold.apply(as_event(map_))
    return fold


def plain(fold: Fold) -> Any:
    """Return the snapshot of a fold as JSON has it."""
    return msgspec.to_builtins(fold.snapshot())


def expand(steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the event maps that steps stand for."""
    for step in steps:
        if "times" in step:
            for n in range(step["times"]):
                yield from (fill(map_, n) for map_ in step["of"])
        else:
            yield fill(step)


def fill(value: Any, n: int | None = None) -> Any:
    """Replace "{n}" and {"$text": …} everywhere in a value."""
    if isinstance(value, str):
        return value if n is None else value.replace("{n}", str(n))
    if isinstance(value, list):
        return [fill(part, n) for part in value]
    if isinstance(value, dict):
        if "$text" in value:
            return "".join(piece * count for piece, count in value["$text"])
        return {key: fill(part, n) for key, part in value.items()}
    return value
