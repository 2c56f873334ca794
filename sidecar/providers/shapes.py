"""Careful reading of a provider's JSON: the right type or nothing, never an exception. Pure."""

from typing import Any

from sidecar.contract.base import MAX_INT
from sidecar.contract.events.request import QuestionOption
from sidecar.core.conversation import nonblank
from sidecar.providers.text import clipped, whole

TITLE_CHARS = 1_000
"""Longest title or name passed on: a line of a user interface."""

DETAIL_CHARS = 16_000
"""Longest detail passed on: a few screens; the whole text stands in `data` or the deltas."""


def a_map(value: object) -> dict[str, Any]:
    """Return `value` if it is a map, else an empty one."""
    return value if isinstance(value, dict) else {}


def maps(value: object) -> list[dict[str, Any]]:
    """Return the maps in the list `value`; nothing for another type."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: object, max_chars: int = TITLE_CHARS) -> str | None:
    """Return a clean, bounded, non-blank string, else None."""
    found = nonblank(value)
    return None if found is None else nonblank(clipped(whole(found), max_chars))


def question_options(value: object, most: int) -> list[QuestionOption]:
    """Return the options {label, description?} of a question, at most so many of them."""
    options = []
    for row in maps(value)[:most]:
        label = text(row.get("label"))
        if label is not None:
            description = text(row.get("description"), DETAIL_CHARS) or label
            options.append(QuestionOption(label=label, description=description))
    return options


def count(value: object) -> int | None:
    """Return a non-negative integer (a whole float too), else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 0 <= value <= MAX_INT or value != int(value):
        return None
    return int(value)
