"""Token figures and rate limits of Codex in our words. Pure."""

from typing import Any, Final

from sidecar.contract.events.session import TokenUsage
from sidecar.providers.shapes import a_map, count
from sidecar.providers.text import portable

_KEYS: Final = (
    "totalTokens",
    "inputTokens",
    "cachedInputTokens",
    "outputTokens",
    "reasoningOutputTokens",
)

Figures = dict[str, int]


def figures(value: object) -> Figures:
    """Return the counts of a breakdown; empty for what is none."""
    source = a_map(value)
    found = {key: count(source.get(key)) for key in _KEYS}
    return {key: number for key, number in found.items() if number is not None}


def of_thread(token_usage: object) -> TokenUsage | None:
    """Return a thread's usage: what its context holds, and what it has cost in all."""
    usage = a_map(token_usage)
    last, total = figures(usage.get("last")), figures(usage.get("total"))
    used = last.get("totalTokens")
    if not used:
        return None
    processed = total.get("totalTokens")
    return TokenUsage(
        used_tokens=used,
        total_processed_tokens=processed if processed and processed > used else None,
        max_tokens=count(usage.get("modelContextWindow")) or None,
        input_tokens=last.get("inputTokens"),
        cached_input_tokens=last.get("cachedInputTokens"),
        output_tokens=last.get("outputTokens"),
        reasoning_output_tokens=last.get("reasoningOutputTokens"),
        last_used_tokens=used,
        last_input_tokens=last.get("inputTokens"),
        last_cached_input_tokens=last.get("cachedInputTokens"),
        last_output_tokens=last.get("outputTokens"),
        last_reasoning_output_tokens=last.get("reasoningOutputTokens"),
        compacts_automatically=True,
    )


class TurnMeter:
    """What one turn of a thread has used: the totals at its end less those before it."""

    def __init__(self) -> None:
        self._before: Figures | None = None
        self._total: Figures = {}

    def add(self, token_usage: object) -> None:
        """Take a thread/tokenUsage/updated."""
        usage = a_map(token_usage)
        last, total = figures(usage.get("last")), figures(usage.get("total"))
        if self._before is None:
            self._before = {key: total[key] - last.get(key, 0) for key in total}
        self._total = total

    def take(self) -> Figures | None:
        """Return what was used since the last take; None if nothing was told."""
        before, self._before = self._before, None
        if before is None:
            return None
        used = {key: max(0, self._total[key] - before.get(key, 0)) for key in self._total}
        return used or None


def rate_limits(snapshot: object) -> dict[str, Any] | None:
    """Return rate limits without what they leave open; None if they say nothing."""
    said = {key: portable(value) for key, value in a_map(snapshot).items() if value is not None}
    return said if set(said) - {"limitId", "limitName"} else None
