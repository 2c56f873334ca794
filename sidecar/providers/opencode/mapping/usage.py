"""Token figures of messages: what a turn has used, and what stands in the context. Pure."""

from collections import OrderedDict
from typing import Any, Final

from sidecar.contract.events.session import TokenUsage
from sidecar.providers.shapes import a_map, count, text

MESSAGES_OF_A_TURN: Final = 4096
"""Messages whose figures are kept; one is a step of the agent, so this is a very long turn."""

MODELS: Final = 64


def figures(tokens: object) -> dict[str, int]:
    """Return the figures of a message's `tokens` in our spelling; empty if it has used none."""
    source = a_map(tokens)
    cache = a_map(source.get("cache"))
    found = {
        "inputTokens": count(source.get("input")) or 0,
        "outputTokens": count(source.get("output")) or 0,
        "reasoningOutputTokens": count(source.get("reasoning")) or 0,
        "cachedInputTokens": count(cache.get("read")) or 0,
        "cacheWriteTokens": count(cache.get("write")) or 0,
    }
    total = count(source.get("total"))
    found["totalTokens"] = sum(found.values()) if total is None else total
    return found if found["totalTokens"] else {}


class Tally:
    """Sums the assistant messages of one turn; a message is said many times and counts once."""

    def __init__(self) -> None:
        self.cost_usd: float | None = None
        self._messages: OrderedDict[str, tuple[str, dict[str, int], float]] = OrderedDict()

    def take(self, message_id: str, info: dict[str, Any]) -> None:
        """Take a message as it stands now."""
        provider, model = text(info.get("providerID")), text(info.get("modelID"))
        name = f"{provider}/{model}" if provider and model else model or "?"
        cost = info.get("cost")
        spent = float(cost) if isinstance(cost, int | float) and 0 <= cost < 1e9 else 0.0
        self._messages[message_id] = (name, figures(info.get("tokens")), spent)
        if len(self._messages) > MESSAGES_OF_A_TURN:
            self._messages.popitem(last=False)
        self.cost_usd = sum(row[2] for row in self._messages.values())

    def usage(self) -> dict[str, int] | None:
        """Return the turn's figures, None if it has used nothing."""
        return _sum(row[1] for row in self._messages.values()) or None

    def model_usage(self) -> dict[str, Any] | None:
        """Return the turn's figures by model, None if it has used nothing."""
        found: dict[str, Any] = {}
        for name, numbers, _ in self._messages.values():
            if numbers and (name in found or len(found) < MODELS):
                found[name] = _sum([found.get(name, {}), numbers])
        return found or None


def of_thread(tokens: object, max_tokens: int | None) -> TokenUsage | None:
    """Return what the last message says of the thread's context; None if it says nothing."""
    numbers = figures(tokens)
    if not numbers:
        return None
    return TokenUsage(
        used_tokens=numbers["totalTokens"],
        max_tokens=max_tokens or None,
        last_used_tokens=numbers["totalTokens"],
        last_input_tokens=numbers["inputTokens"],
        last_cached_input_tokens=numbers["cachedInputTokens"],
        last_output_tokens=numbers["outputTokens"],
        last_reasoning_output_tokens=numbers["reasoningOutputTokens"],
    )


def _sum(rows: Any) -> dict[str, int]:
    total: dict[str, int] = {}
    for row in rows:
        for key, number in row.items():
            total[key] = total.get(key, 0) + number
    return total
