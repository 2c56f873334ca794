"""How a prompt's answer ends its turn."""

from collections.abc import Sequence
from typing import Any, Final

from sidecar.core.conversation import Ending
from sidecar.providers.acp.mapping import usage as token_usage
from sidecar.providers.acp.mapping.shapes import DETAIL_CHARS, a_map, text
from sidecar.providers.acp.wire import RpcError

_FAILURES: Final[dict[str, str]] = {
    "refusal": "The agent refuses to go on with this request",
    "max_turn_requests": "The agent stopped at its limit of model requests in one turn",
}
"""Stop reasons after which the work is not done; max_tokens has given all that it can."""


def ending_of_result(result: object, *, interrupting: bool) -> Ending:
    """Return the turn's end for the result {stopReason, …} of a prompt.

    `cancelled` counts as interrupted only if we asked for it: one agent says it after a decline.
    """
    answer = a_map(result)
    reason = text(answer.get("stopReason"))
    used, models = token_usage.of_result(answer)
    if reason == "cancelled":
        return Ending("interrupted" if interrupting else "cancelled", reason, used)
    failure = _FAILURES.get(reason or "")
    return Ending(
        "failed" if failure else "completed",
        reason,
        used,
        error_message=failure,
        model_usage=models,
    )


def ending_of_error(error: RpcError, *, interrupting: bool) -> Ending:
    """Return the turn's end for a prompt that was answered with an error.

    Some agents answer a cancelled prompt so: what we asked for is then what happened.
    """
    if interrupting:
        return Ending("interrupted", "cancelled")
    return Ending("failed", "error", error_message=in_words(error))


def in_words(error: RpcError) -> str:
    """Return an error's message with the details that some agents hide in its data."""
    message = text(error.message, DETAIL_CHARS) or "The agent gave no reason"
    data: Any = error.data
    details = data if isinstance(data, str) else a_map(data).get("details")
    extra = text(details, DETAIL_CHARS)
    return f"{message}: {extra}" if extra and extra not in message else message


def failed_in_words(ending: Ending, last_message: str, failure_texts: Sequence[str]) -> Ending:
    """Return `ending`, as a failure if its last message begins as a declared failure does.

    Some agents report an unreachable model as their answer, and the turn as completed.
    """
    said = last_message.lstrip()
    if ending.state != "completed" or not any(said.startswith(begin) for begin in failure_texts):
        return ending
    return ending._replace(state="failed", error_message=text(said, DETAIL_CHARS))
