"""What an agent says and thinks: text streamed into items of our own making.

ACP has no message ids that can be relied on: a change of speaker starts a new item.
"""

from collections.abc import Callable
from typing import Any

from sidecar.contract.base import Json
from sidecar.contract.vocabulary import ItemType, StreamKind
from sidecar.core.conversation import Conversation
from sidecar.core.drafts import Draft
from sidecar.providers.acp.mapping.content import block_text
from sidecar.providers.acp.mapping.shapes import a_map
from sidecar.providers.text import SurrogateJoiner, portable

LAST_WORDS_CHARS = 4096
"""How much of the beginning of the last message is kept, to tell what kind of message it was."""


class Speech:
    """The text items of one session; at most one is open."""

    def __init__(self, conversation: Conversation, new_id: Callable[[str], str]) -> None:
        self.last_message = ""
        """The beginning of the last message of the assistant in this turn."""
        self._conversation = conversation
        self._new_id = new_id
        self._item: str | None = None
        self._stream: StreamKind = "assistant_text"
        self._message_id: Json = None
        self._joiner = SurrogateJoiner()

    def chunk(self, update: dict[str, Any], stream: StreamKind, type_: ItemType) -> list[Draft]:
        """Stream a block; what is no text becomes data of the item."""
        block = a_map(update.get("content"))
        words = block_text(block)
        is_text = bool(words) or block.get("type") == "text"
        if not block or (is_text and not words):
            return []
        drafts: list[Draft] = []
        message_id = update.get("messageId")
        if (self._stream, self._message_id) != (stream, message_id):
            drafts += self.close()
        if self._item is None or self._item not in self._conversation.items:
            self._item = self._new_id("item")
            self._stream, self._message_id = stream, message_id
            drafts += self._conversation.start_item(self._item, type_)
            if stream == "assistant_text":
                self.last_message = ""
        if not is_text:
            data = {"content": [portable(block)]}
            return drafts + self._conversation.update_item(self._item, data=data)
        shown = self._joiner.feed(words)
        if stream == "assistant_text" and len(self.last_message) < LAST_WORDS_CHARS:
            self.last_message += shown[:LAST_WORDS_CHARS]
        return drafts + self._conversation.delta(self._item, stream, shown)

    def close(self) -> list[Draft]:
        """Complete the open item: somebody else speaks."""
        if self._item is None:
            return []
        drafts = self._flush() + self._conversation.complete_item(self._item)
        self._item = None
        return drafts

    def end(self) -> list[Draft]:
        """Say what is held back; the item stays open until the turn's end tells if it is whole."""
        drafts = self._flush()
        self._item = None
        return drafts

    def _flush(self) -> list[Draft]:
        left = self._joiner.flush()
        return self._conversation.delta(self._item or "", self._stream, left)
