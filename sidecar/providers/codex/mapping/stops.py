"""How a turn of Codex ended, and what an error says in words. Pure."""

from typing import Any, Final

from sidecar.contract.vocabulary import TaskEnd, TurnState
from sidecar.core.conversation import Ending
from sidecar.providers.shapes import DETAIL_CHARS, a_map, text

_STATES: Final[dict[str, TurnState]] = {
    "completed": "completed",
    "interrupted": "interrupted",
    "failed": "failed",
}

TASK_ENDS: Final[dict[TurnState, TaskEnd]] = {
    "completed": "completed",
    "failed": "failed",
    "interrupted": "stopped",
    "cancelled": "stopped",
}
"""How a sub-agent's task ends with its turn."""


def ending_of(turn: object, usage: dict[str, int] | None = None) -> Ending:
    """Return the end that a turn {status, error} of turn/completed tells."""
    said = a_map(turn)
    status = text(said.get("status"))
    state = _STATES.get(status or "")
    if state is None:
        words = f"Codex ended the turn with the status {status}"
        return Ending("failed", status, usage, words)
    error = said.get("error")
    message = in_words(error) if error or state == "failed" else None
    kind = kind_of(error)
    return Ending(state, kind or status, usage, message)


def in_words(error: object) -> str:
    """Return an error {message, additionalDetails} in words."""
    said = a_map(error)
    message = text(said.get("message"), DETAIL_CHARS) or "Codex gave no reason"
    details = text(said.get("additionalDetails"), DETAIL_CHARS)
    return f"{message}: {details}" if details and details not in message else message


def kind_of(error: object) -> str | None:
    """Return what kind of error it is, such as usageLimitExceeded or responseStreamDisconnected."""
    info: Any = a_map(error).get("codexErrorInfo")
    if isinstance(info, dict):
        info = next(iter(info), None)
    return text(info) if isinstance(info, str) and info != "other" else None
