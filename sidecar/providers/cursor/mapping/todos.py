"""cursor/update_todos: a to-do list that is replaced, or merged by the ids of its entries."""

from typing import Any

from sidecar.providers.acp.mapping.facts import PLAN_STEPS
from sidecar.providers.acp.mapping.shapes import maps, text


class Todos:
    """The list of one session, in the order in which its entries came."""

    def __init__(self) -> None:
        self._entries: dict[str, dict[str, Any]] = {}

    def take(self, params: dict[str, Any]) -> None:
        """Take {todos: [{id, content, status}], merge}; without an id its place names an entry."""
        if params.get("merge") is not True:
            self._entries.clear()
        for place, entry in enumerate(maps(params.get("todos"))[:PLAN_STEPS]):
            key = text(entry.get("id")) or f"#{place}"
            if key in self._entries or len(self._entries) < PLAN_STEPS:
                self._entries[key] = {**self._entries.get(key, {}), **entry}

    def entries(self) -> list[dict[str, Any]]:
        """Return what is on the list; what was cancelled is off it."""
        return [e for e in self._entries.values() if e.get("status") != "cancelled"]
