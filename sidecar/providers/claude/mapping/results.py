"""How a result ends its turn, and what the conversation has used."""

from typing import Any, Final

from sidecar.contract.events.session import TokenUsage
from sidecar.core.conversation import Ending
from sidecar.providers.shapes import DETAIL_CHARS, a_map, count, text
from sidecar.providers.text import portable

ERRORS = 8
"""Errors of one result joined to its message."""

_DIAGNOSTIC: Final = "[ede_diagnostic]"
"""How claude begins errors that are about itself, not for people."""

_LIMITS: Final[dict[str, str]] = {
    "error_max_turns": "Claude stopped at its limit of steps in one turn",
    "error_max_budget_usd": "Claude stopped at its budget",
    "error_max_structured_output_retries": "Claude gave no output of the shape asked for",
}
_FIGURES: Final[dict[str, str]] = {
    "inputTokens": "input_tokens",
    "cacheCreationInputTokens": "cache_creation_input_tokens",
    "cachedInputTokens": "cache_read_input_tokens",
    "outputTokens": "output_tokens",
}


def ending_of(result: dict[str, Any], *, interrupting: bool) -> Ending:
    """Return the turn's end for a result. It counts as interrupted if we asked, or Claude says so.

    A result of subtype success is a failure nevertheless when it says is_error.
    """
    subtype = text(result.get("subtype")) or "success"
    reason = text(result.get("stop_reason")) or text(result.get("terminal_reason")) or subtype
    aborted = str(result.get("terminal_reason")).startswith("aborted")
    state, message = "completed", None
    if result.get("is_error") is True or subtype != "success":
        state = "interrupted" if interrupting or aborted else "failed"
        message = None if state == "interrupted" else _words(result, subtype)
    elif reason == "refusal":
        state, message = "failed", "Claude refuses to go on with this request"
    models = portable(a_map(result.get("modelUsage")))
    return Ending(
        "interrupted" if state == "interrupted" else "failed" if state == "failed" else "completed",
        reason if state != "interrupted" else "interrupted",
        figures(result.get("usage")) or None,
        message,
        models if isinstance(models, dict) and models else None,
        _money(result.get("total_cost_usd")),
    )


def figures(usage: object) -> dict[str, int]:
    """Return the token counts of a Messages API usage in our spelling; empty if it has none."""
    source = a_map(usage)
    found = {name: count(source.get(key)) for name, key in _FIGURES.items()}
    return {name: number for name, number in found.items() if number is not None}


class Usage:
    """What the conversation has used, as far as was told. Each method returns what is news."""

    def __init__(self) -> None:
        self._call: dict[str, int] = {}
        self._window: int | None = None
        self._total: int | None = None
        self._said: TokenUsage | None = None

    def heard(self, usage: object) -> None:
        """Take in the usage of a call to the model, whole or what it adds."""
        self._call |= figures(usage)

    def call_begins(self, usage: object) -> None:
        """Take in the usage with which a call to the model begins."""
        self._call = figures(usage)

    def turn_over(self, result: dict[str, Any]) -> TokenUsage | None:
        """Take in a result, which tells the size of the context window and the totals."""
        totals = 0
        for row in a_map(result.get("modelUsage")).values():
            model = a_map(row)
            self._window = count(model.get("contextWindow")) or self._window
            for key in ("inputTokens", "outputTokens", "cacheReadInputTokens"):
                totals += count(model.get(key)) or 0
            totals += count(model.get("cacheCreationInputTokens")) or 0
        self._total = totals or self._total
        return self.news()

    def news(self) -> TokenUsage | None:
        """Return the usage now, None if it was said already or nothing was told."""
        used = sum(self._call.values())
        if used == 0:
            return None
        usage = TokenUsage(
            used_tokens=used,
            total_processed_tokens=self._total,
            max_tokens=self._window,
            last_used_tokens=used,
            last_input_tokens=self._call.get("inputTokens"),
            last_cached_input_tokens=self._call.get("cachedInputTokens"),
            last_output_tokens=self._call.get("outputTokens"),
            compacts_automatically=True,
        )
        if usage == self._said:
            return None
        self._said = usage
        return usage


def _words(result: dict[str, Any], subtype: str) -> str:
    """Return why a turn failed."""
    if subtype in _LIMITS:
        return _LIMITS[subtype]
    told = result.get("errors")
    errors = [text(error, DETAIL_CHARS) for error in told] if isinstance(told, list) else []
    said = [error for error in errors if error and not error.startswith(_DIAGNOSTIC)]
    joined = text("\n".join(said[:ERRORS]), DETAIL_CHARS)
    return text(result.get("result"), DETAIL_CHARS) or joined or "Claude failed without a reason"


def _money(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        return None
    return float(value)
