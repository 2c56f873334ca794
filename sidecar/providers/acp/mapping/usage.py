"""Token figures and cost by shape: agents put them in different places, spelt differently."""

import math
from typing import Any, Final

from sidecar.contract.events.session import TokenUsage
from sidecar.providers.acp.mapping.shapes import a_map, count, maps, text

MODELS_IN_USAGE = 64
"""Models listed in one turn's usage."""

_SPELLINGS: Final[dict[str, tuple[str, ...]]] = {
    "inputTokens": ("inputTokens", "input_tokens"),
    "outputTokens": ("outputTokens", "output_tokens"),
    "cachedInputTokens": ("cachedReadTokens", "cached_read_tokens", "cachedInputTokens"),
    "reasoningOutputTokens": ("thoughtTokens", "thought_tokens", "reasoningOutputTokens"),
    "totalTokens": ("totalTokens", "total_tokens"),
}


def figures(value: object) -> dict[str, int]:
    """Return the token counts of a map in our spelling; empty if it has none."""
    source = a_map(value)
    found: dict[str, int] = {}
    for name, spellings in _SPELLINGS.items():
        counts = [number for key in spellings if (number := count(source.get(key))) is not None]
        if counts:
            found[name] = counts[0]
    return found


def of_result(result: dict[str, Any]) -> tuple[dict[str, int] | None, dict[str, Any] | None]:
    """Return the usage and the usage a model of a prompt's result, each None if not told.

    Seen: `usage {inputTokens …}`, the same in `_meta`, `_meta.quota {token_count, model_usage}`.
    """
    meta = a_map(result.get("_meta"))
    quota = a_map(meta.get("quota"))
    places = (result.get("usage"), meta.get("usage"), quota.get("token_count"))
    usage = next((found for place in places if (found := figures(place))), None)
    models: dict[str, Any] = {}
    for row in maps(quota.get("model_usage"))[:MODELS_IN_USAGE]:
        name = text(row.get("model"))
        if name and (numbers := figures(row.get("token_count"))):
            models[name] = numbers
    return usage, models or None


def of_turn(usage: dict[str, int]) -> TokenUsage | None:
    """Return the thread's usage after a turn that used `usage`, None if that says nothing."""
    used = usage.get("totalTokens", usage.get("inputTokens", 0) + usage.get("outputTokens", 0))
    if used == 0:
        return None
    return TokenUsage(
        used_tokens=used,
        last_used_tokens=used,
        last_input_tokens=usage.get("inputTokens"),
        last_cached_input_tokens=usage.get("cachedInputTokens"),
        last_output_tokens=usage.get("outputTokens"),
        last_reasoning_output_tokens=usage.get("reasoningOutputTokens"),
    )


def of_update(update: dict[str, Any]) -> TokenUsage | None:
    """Return the thread's usage of a usage_update {used, size}."""
    used = count(update.get("used"))
    if used is None:
        return None
    return TokenUsage(used_tokens=used, max_tokens=count(update.get("size")) or None)


def cost_usd(update: dict[str, Any]) -> float | None:
    """Return the session's cost so far of a usage_update {cost: {amount, currency}}, in dollars."""
    cost = a_map(update.get("cost"))
    amount = cost.get("amount")
    if cost.get("currency") != "USD" or isinstance(amount, bool):
        return None
    if not isinstance(amount, int | float) or not 0 <= amount < math.inf:
        return None
    return float(amount)
