"""What Claude says and thinks: streamed blocks, and the messages that repeat them whole.

With partial messages each block is streamed, then told again by an assistant message of the same
message id, block by block, in order. A stream that broke is followed by a message of another id,
which tells everything anew. Without partial messages there are only the latter.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from sidecar.contract.events import ProviderRefs
from sidecar.contract.vocabulary import ItemType, StreamKind
from sidecar.core.conversation import Conversation
from sidecar.core.drafts import Draft
from sidecar.providers.claude.mapping.tools import Scope
from sidecar.providers.shapes import a_map, text
from sidecar.providers.text import SurrogateJoiner, whole

SPEAKERS = 64
"""Threads whose half-streamed message is remembered: the main one and its sub-agents."""

BLOCKS = 256
"""Blocks of one message remembered; real ones have a handful."""

_STREAMS: Final[dict[str, tuple[StreamKind, ItemType, str]]] = {
    "text": ("assistant_text", "assistant_message", "text"),
    "thinking": ("reasoning_text", "reasoning", "thinking"),
}
"""Block type → stream, item type, and the key that holds the text."""

_DELTAS: Final[dict[str, str]] = {"text_delta": "text", "thinking_delta": "thinking"}
"""Delta type → block type."""


@dataclass(slots=True)
class Block:
    """A block under way; its item begins with its first text."""

    kind: str
    item_id: str
    shown_chars: int = 0
    told: bool = False
    joiner: SurrogateJoiner = field(default_factory=SurrogateJoiner)


@dataclass(slots=True)
class Talk:
    """The message that one speaker is streaming."""

    message_id: str | None = None
    blocks: OrderedDict[object, Block] = field(default_factory=OrderedDict)


class Speech:
    """Maps text and thinking. Each method returns the drafts that its message makes."""

    def __init__(self, conversation: Conversation, new_id: Callable[[str], str]) -> None:
        self._conversation = conversation
        self._new_id = new_id
        self._talks: OrderedDict[str | None, Talk] = OrderedDict()

    def event(self, scope: Scope, event: dict[str, Any]) -> list[Draft]:
        """Map a streaming event of the Messages API; nothing for blocks that are no speech."""
        kind = event.get("type")
        talk = self._talk(scope)
        if kind == "message_start":
            return self._begin(talk, text(a_map(event.get("message")).get("id")))
        index = event.get("index")
        if not isinstance(index, int):
            return []
        if kind == "content_block_start":
            return self._start_block(talk, index, a_map(event.get("content_block")), scope)
        if kind == "content_block_delta":
            return self._delta(talk, index, a_map(event.get("delta")), scope)
        if kind == "content_block_stop" and index in talk.blocks:
            return self._close(talk.blocks[index])
        return []

    def tell(self, scope: Scope, message_id: object, block: dict[str, Any]) -> list[Draft]:
        """Map a whole block: what of it was not streamed is said, and its item completed."""
        kind = str(block.get("type"))
        if kind not in _STREAMS:
            return []
        told = block.get(_STREAMS[kind][2])
        said = whole(told) if isinstance(told, str) else ""
        talk = self._talk(scope)
        drafts: list[Draft] = []
        if talk.message_id != text(message_id):
            drafts += self._begin(talk, text(message_id))
        streamed = next((b for b in talk.blocks.values() if b.kind == kind and not b.told), None)
        if streamed is None:
            streamed = self._new_block(talk, -1 - len(talk.blocks), kind)
        streamed.told = True
        streamed.joiner.flush()
        drafts += self._say(talk, streamed, said[streamed.shown_chars :], scope)
        return drafts + self._close(streamed)

    def hush(self) -> list[Draft]:
        """Say what is held back, at the end of a turn; the turn's end says if blocks are whole."""
        drafts: list[Draft] = []
        for talk in self._talks.values():
            for block in talk.blocks.values():
                drafts += self._flush(block)
        self._talks.clear()
        return drafts

    def _begin(self, talk: Talk, message_id: str | None) -> list[Draft]:
        """Go over to another message; what the last one left open is complete as it is."""
        drafts: list[Draft] = []
        for block in talk.blocks.values():
            drafts += self._close(block)
        talk.blocks.clear()
        talk.message_id = message_id
        return drafts

    def _start_block(
        self, talk: Talk, index: int, block: dict[str, Any], scope: Scope
    ) -> list[Draft]:
        kind = str(block.get("type"))
        if kind not in _STREAMS:
            return []
        begun = self._new_block(talk, index, kind)
        said = block.get(_STREAMS[kind][2])
        return self._say(talk, begun, said, scope) if isinstance(said, str) else []

    def _delta(self, talk: Talk, index: int, delta: dict[str, Any], scope: Scope) -> list[Draft]:
        kind = _DELTAS.get(str(delta.get("type")))
        said = delta.get(_STREAMS[kind][2]) if kind else None
        if kind is None or not isinstance(said, str):
            return []
        block = talk.blocks.get(index)
        if block is None or block.kind != kind:
            block = self._new_block(talk, index, kind)
        return self._say(talk, block, said, scope)

    def _say(self, talk: Talk, block: Block, said: str, scope: Scope) -> list[Draft]:
        shown = block.joiner.feed(said)
        if not shown:
            return []
        block.shown_chars += len(shown)
        stream, item_type, _ = _STREAMS[block.kind]
        drafts: list[Draft] = []
        if block.item_id not in self._conversation.items:
            drafts += self._conversation.start_item(
                block.item_id,
                item_type,
                refs=ProviderRefs(provider_item_id=talk.message_id) if talk.message_id else None,
                agent_id=scope.agent_id,
                parent_tool_use_id=scope.parent_tool_use_id,
                background=scope.background,
            )
        return drafts + self._conversation.delta(block.item_id, stream, shown)

    def _close(self, block: Block) -> list[Draft]:
        return self._flush(block) + self._conversation.complete_item(block.item_id)

    def _flush(self, block: Block) -> list[Draft]:
        stream = _STREAMS[block.kind][0]
        left = block.joiner.flush()
        if block.item_id not in self._conversation.items:
            return []
        return self._conversation.delta(block.item_id, stream, left)

    def _talk(self, scope: Scope) -> Talk:
        key = scope.parent_tool_use_id
        if key not in self._talks:
            self._talks[key] = Talk()
            if len(self._talks) > SPEAKERS:
                self._talks.popitem(last=False)
        return self._talks[key]

    def _new_block(self, talk: Talk, key: object, kind: str) -> Block:
        block = Block(kind, self._new_id("item"))
        talk.blocks[key] = block
        if len(talk.blocks) > BLOCKS:
            talk.blocks.popitem(last=False)
        return block
