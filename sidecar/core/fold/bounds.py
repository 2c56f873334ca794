"""Every bound of the fold, and how a value is weighed and cut (rules W, R3, K4, S7)."""

from typing import Any

TURN_ITEMS = 1024
"""Items of a running turn in a snapshot; core/conversation opens no more at once."""

LOOSE_ITEMS = 1024
"""Open items beside the running turn; the same bound for the same reason."""

TEXT_RUNS = 4096
"""Alternations between streams in the kept text: 64 bytes a run fill ACTIVE_TEXT_BYTES."""

PENDING_REQUESTS = 256
"""Unanswered requests a session: what core/conversation opens at most."""

PAYLOAD_BYTES = 64 * 1024
"""Weight of one pending request's payload. A diff to approve fits; a whole file need not."""

TASKS = 256
TASK_BYTES = 16 * 1024
"""Open tasks a session, and the weight of one: titles and descriptions, not results."""

CURSOR_BYTES = 64 * 1024
"""Weight of a resume cursor: an id or two; what is larger is no cursor."""

ERROR_CHARS = 4_000
"""Code points of lastError: as much as an exit's stderr tail."""

EXITED_SESSIONS = 1_000
"""Ended sessions that stay visible. At about 1 KB each a snapshot stays near one message."""

PARKED_SESSIONS = 2_000
"""Parked sessions: twice what the supervisor parks. They are counted apart, as others' ends are no
reason to forget what comes back with its next call."""

FORGOTTEN = 16_384
"""Threads whose last generation is remembered after they were forgotten: about 2 MB."""

_SCALAR_WEIGHT = 8


def utf8_bytes(text: str) -> int:
    """Return the length of `text` in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def weight(value: Any) -> int:
    """Weigh a JSON-like value (rule W)."""
    total = 0
    stack = [value]
    while stack:
        part = stack.pop()
        if isinstance(part, str):
            total += utf8_bytes(part)
        elif isinstance(part, bytes):
            total += len(part)
        else:
            total += _SCALAR_WEIGHT
            if isinstance(part, dict):
                stack += part.keys()
                stack += part.values()
            elif isinstance(part, list):
                stack += part
    return total


def text_or_none(value: Any) -> str | None:
    """Return `value` if it is a string that is not blank."""
    return value if isinstance(value, str) and value.strip() else None


def drop_first(entries: dict[str, Any], bound: int) -> None:
    """Drop the oldest entry above a bound."""
    if len(entries) > bound:
        del entries[next(iter(entries))]
