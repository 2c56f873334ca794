"""Items of all threads: Codex's ids to ours, texts streamed, starts and ends. Pure.

Ids of Codex are those that the model's server gave, which need not be unique: each item gets an id
of ours when it starts, and Codex's own stands in its refs.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from sidecar.contract.events import ProviderRefs
from sidecar.contract.vocabulary import ItemType, StreamKind
from sidecar.core.conversation import OPEN_ITEMS, Conversation
from sidecar.core.drafts import Draft
from sidecar.core.streams import ITEM_OF_STREAM
from sidecar.providers.codex.mapping.facts import Facts, facts_of, full_text
from sidecar.providers.shapes import text
from sidecar.providers.text import SurrogateJoiner, portable

CLOSED_ITEMS = 4096
"""Ended items that are remembered, so that a late word about one starts nothing."""

_STREAMS: Final[dict[str, StreamKind]] = {
    "assistant_message": "assistant_text",
    "command_execution": "command_output",
}
"""Items whose text is told whole at their end, with the stream that it belongs to."""

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose items: the main thread's by default, else a sub-agent's, which belong to no turn."""

    thread_id: str
    agent_id: str | None = None
    parent_item_id: str | None = None


@dataclass(slots=True)
class Tracked:
    """An item that Codex has started and not ended."""

    item_id: str
    item_type: ItemType
    shown_chars: int = 0
    stream: tuple[StreamKind, int | None, int | None] | None = None
    joiner: SurrogateJoiner = field(default_factory=SurrogateJoiner)


class Items:
    """The open items of a session."""

    def __init__(self, conversation: Conversation, new_id: Callable[[str], str]) -> None:
        self._talk = conversation
        self._new_id = new_id
        self._open: dict[Key, Tracked] = {}
        self._closed: OrderedDict[Key, None] = OrderedDict()

    def id_of(self, thread_id: str, codex_id: object) -> str | None:
        """Return our id of an open item."""
        tracked = self._open.get((thread_id, str(codex_id)))
        return tracked.item_id if tracked else None

    def start(self, owner: Owner, item: dict[str, Any]) -> list[Draft]:
        """Start an item; one that is open is updated."""
        facts = facts_of(item)
        codex_id = text(item.get("id"))
        if codex_id is None:
            return []
        known = self._open.get((owner.thread_id, codex_id))
        if known is not None and known.item_id in self._talk.items:
            return self._talk.update_item(
                known.item_id, title=facts.title, detail=facts.detail, data=facts.data
            )
        return self._start(owner, codex_id, facts)

    def complete(self, owner: Owner, item: dict[str, Any]) -> list[Draft]:
        """End an item with what it has become; one that was never started is started first."""
        facts = facts_of(item)
        codex_id = text(item.get("id"))
        if codex_id is None or (owner.thread_id, codex_id) in self._closed:
            return []
        key = (owner.thread_id, codex_id)
        drafts = [] if key in self._open else self._start(owner, codex_id, facts)
        tracked = self._open.pop(key)
        self._remember(key)
        drafts += self._rest(tracked, full_text(item))
        data = self._with_output(tracked, facts.data, full_text(item))
        return drafts + self._talk.complete_item(
            tracked.item_id, facts.status, title=facts.title, detail=facts.detail, data=data
        )

    def update(self, thread_id: str, codex_id: object, **fields: Any) -> list[Draft]:
        """Say what is new about an open item; nothing for another."""
        item_id = self.id_of(thread_id, codex_id)
        return self._talk.update_item(item_id, **fields) if item_id else []

    def delta(
        self,
        owner: Owner,
        codex_id: object,
        stream: StreamKind,
        piece: object,
        *,
        content_index: int | None = None,
        summary_index: int | None = None,
    ) -> list[Draft]:
        """Stream text; an item that was never started is, one that has ended takes nothing."""
        id_ = text(codex_id)
        if id_ is None or not isinstance(piece, str) or (owner.thread_id, id_) in self._closed:
            return []
        drafts: list[Draft] = []
        if (owner.thread_id, id_) not in self._open:
            facts = Facts("", ITEM_OF_STREAM[stream], None, None, None, "completed")
            drafts = self._start(owner, id_, facts)
        tracked = self._open[owner.thread_id, id_]
        place = (stream, content_index, summary_index)
        if tracked.stream is not None and tracked.stream != place:
            drafts += self._flush(tracked)
        tracked.stream = place
        tracked.shown_chars += len(piece)
        return drafts + self._say(tracked, tracked.joiner.feed(piece))

    def forget_turn(self) -> None:
        """Forget the items that the conversation has closed at a turn's end."""
        for key in [k for k, t in self._open.items() if t.item_id not in self._talk.items]:
            del self._open[key]
            self._remember(key)

    def end_of(self, thread_id: str) -> list[Draft]:
        """End what a thread has left open: a sub-agent whose turn has ended."""
        drafts: list[Draft] = []
        for key in [key for key in self._open if key[0] == thread_id]:
            tracked = self._open.pop(key)
            self._remember(key)
            drafts += self._flush(tracked)
            drafts += self._talk.complete_item(tracked.item_id, "failed")
        return drafts

    def flush(self) -> list[Draft]:
        """Show halves of characters that wait for another; at a turn's end none will come."""
        return [draft for tracked in self._open.values() for draft in self._flush(tracked)]

    # Within

    def _start(self, owner: Owner, codex_id: str, facts: Facts) -> list[Draft]:
        drafts: list[Draft] = []
        if len(self._open) >= OPEN_ITEMS:
            key = next(iter(self._open))
            drafts += self._talk.complete_item(self._open.pop(key).item_id, "failed")
            self._remember(key)
        tracked = Tracked(self._new_id("item"), facts.item_type)
        self._open[owner.thread_id, codex_id] = tracked
        self._closed.pop((owner.thread_id, codex_id), None)
        return drafts + self._talk.start_item(
            tracked.item_id,
            facts.item_type,
            title=facts.title,
            detail=facts.detail,
            data=facts.data,
            refs=ProviderRefs(provider_item_id=codex_id),
            agent_id=owner.agent_id,
            parent_tool_use_id=owner.parent_item_id,
            background=owner.agent_id is not None,
        )

    def _rest(self, tracked: Tracked, whole_text: str) -> list[Draft]:
        """Stream the text of an item of which nothing was streamed, else what is held back."""
        stream = _STREAMS.get(tracked.item_type)
        if tracked.shown_chars == 0 and stream is not None and whole_text:
            tracked.stream = (stream, None, None)
            tracked.shown_chars = len(whole_text)
            drafts = self._say(tracked, tracked.joiner.feed(whole_text))
            return drafts + self._flush(tracked)
        return self._flush(tracked)

    @staticmethod
    def _with_output(
        tracked: Tracked, data: dict[str, Any] | None, output: str
    ) -> dict[str, Any] | None:
        """Add a command's whole output if it was not streamed whole: Codex leaves pieces out."""
        if tracked.item_type != "command_execution" or len(output) == tracked.shown_chars:
            return data
        return {**(data or {}), "aggregatedOutput": portable(output)}

    def _flush(self, tracked: Tracked) -> list[Draft]:
        return self._say(tracked, tracked.joiner.flush())

    def _say(self, tracked: Tracked, words: str) -> list[Draft]:
        if tracked.stream is None:
            return []
        stream, content_index, summary_index = tracked.stream
        return self._talk.delta(
            tracked.item_id,
            stream,
            words,
            content_index=content_index,
            summary_index=summary_index,
        )

    def _remember(self, key: Key) -> None:
        self._closed[key] = None
        if len(self._closed) > CLOSED_ITEMS:
            self._closed.popitem(last=False)
