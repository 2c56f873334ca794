"""Which item shows the output of which terminal: a tool call names its terminal, often after the
command has begun to speak. Pure.

Owns what is held back until then. The terminals themselves are the session's.
"""

from collections import OrderedDict

from sidecar.core.conversation import Conversation
from sidecar.core.drafts import Draft

TERMINALS = 64
"""Terminals remembered; an agent may have half as many open at once."""

HELD_CHARS = 64 * 1024
"""Output kept of a terminal that no tool call shows yet: the last of it, some screens."""

SHOWN_CHARS = 4 * 1024 * 1024
"""Output of one terminal passed on as deltas. A server that logs for days must not fill the
journal; the agent still reads the newest output."""


class TerminalTexts:
    """The output of one session's terminals on its way to their items."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._held: OrderedDict[str, str] = OrderedDict()
        self._items: dict[str, str] = {}
        self._left: dict[str, int] = {}

    def open(self, terminal_id: str) -> None:
        """Expect output of a terminal; the oldest of too many is forgotten."""
        self._held[terminal_id] = ""
        self._left[terminal_id] = SHOWN_CHARS
        if len(self._held) > TERMINALS:
            self.forget(next(iter(self._held)))

    def show(self, terminal_id: str, item_id: str) -> list[Draft]:
        """Show a terminal in an item, from what it has said so far; nothing for an unknown one."""
        if terminal_id not in self._held or terminal_id in self._items:
            return []
        self._items[terminal_id] = item_id
        held, self._held[terminal_id] = self._held[terminal_id], ""
        return self.add(terminal_id, held)

    def add(self, terminal_id: str, text: str) -> list[Draft]:
        """Take what a terminal has said: shown by its item, or held until there is one."""
        if terminal_id not in self._held:
            return []
        item_id = self._items.get(terminal_id)
        if item_id is None:
            self._held[terminal_id] = (self._held[terminal_id] + text)[-HELD_CHARS:]
            return []
        shown = text[: self._left[terminal_id]]
        self._left[terminal_id] -= len(shown)
        return self._conversation.delta(item_id, "command_output", shown)

    def forget(self, terminal_id: str) -> None:
        """Drop a terminal that was released."""
        self._held.pop(terminal_id, None)
        self._items.pop(terminal_id, None)
        self._left.pop(terminal_id, None)
