"""Items: each is started before it is updated, and completed once."""

from typing import Any

from sidecar.contract.events import ProviderRefs
from sidecar.contract.events.turn import ContentDelta, ItemLifecycle
from sidecar.contract.vocabulary import ItemStatus, ItemType, StreamKind
from sidecar.core.conversation import parts
from sidecar.core.conversation.announcing import Announcing
from sidecar.core.conversation.parts import OpenItem, nonblank
from sidecar.core.drafts import Draft
from sidecar.core.streams import ITEM_OF_STREAM


class Items(Announcing):
    """The items of one conversation."""

    def start_item(
        self,
        item_id: str,
        item_type: ItemType,
        *,
        title: str | None = None,
        detail: str | None = None,
        data: Any = None,
        refs: ProviderRefs | None = None,
        agent_id: str | None = None,
        parent_tool_use_id: str | None = None,
        background: bool = False,
    ) -> list[Draft]:
        """Start an item. An open one is updated instead; a closed or blank id does nothing."""
        if nonblank(item_id) is None or self._closed.has("item", item_id):
            return []
        if item_id in self.items:
            return self.update_item(item_id, title=title, detail=detail, data=data)
        drafts: list[Draft] = []
        if len(self.items) >= parts.OPEN_ITEMS:
            drafts += self.complete_item(next(iter(self.items)), "failed")
        self.items[item_id] = OpenItem(
            item_type,
            self._turn_of(background=background),
            nonblank(title),
            refs,
            nonblank(agent_id),
            nonblank(parent_tool_use_id),
            background,
        )
        return [*drafts, self._item("item.started", item_id, "inProgress", detail, data)]

    def update_item(
        self,
        item_id: str,
        *,
        title: str | None = None,
        detail: str | None = None,
        data: Any = None,
    ) -> list[Draft]:
        """Say what is new about an open item; nothing for an item that is not open."""
        item = self.items.get(item_id)
        if item is None:
            return []
        item.title = nonblank(title) or item.title
        return [self._item("item.updated", item_id, "inProgress", detail, data)]

    def complete_item(
        self,
        item_id: str,
        status: ItemStatus = "completed",
        *,
        title: str | None = None,
        detail: str | None = None,
        data: Any = None,
    ) -> list[Draft]:
        """Complete an open item; nothing for an item that is not open. inProgress is completed."""
        item = self.items.get(item_id)
        if item is None:
            return []
        item.title = nonblank(title) or item.title
        final: ItemStatus = "completed" if status == "inProgress" else status
        draft = self._item("item.completed", item_id, final, detail, data)
        del self.items[item_id]
        self._closed.add("item", item_id)
        return [draft]

    def delta(
        self,
        item_id: str,
        stream: StreamKind,
        text: str,
        *,
        content_index: int | None = None,
        summary_index: int | None = None,
    ) -> list[Draft]:
        """Add text to an item; an unknown item is started, a closed one takes nothing more."""
        if not text or nonblank(item_id) is None or self._closed.has("item", item_id):
            return []
        drafts: list[Draft] = []
        if item_id not in self.items:
            drafts = self.start_item(item_id, ITEM_OF_STREAM[stream])
        turn_id = self.items[item_id].turn_id
        for start in range(0, len(text), parts.DELTA_CHARS):
            piece = ContentDelta(
                stream_kind=stream,
                delta=text[start : start + parts.DELTA_CHARS],
                content_index=content_index,
                summary_index=summary_index,
            )
            drafts.append(
                Draft(type="content.delta", payload=piece, turn_id=turn_id, item_id=item_id)
            )
        return drafts

    def _close_items(
        self, status: ItemStatus, declined: set[str] | frozenset[str] = frozenset()
    ) -> list[Draft]:
        """Complete every item that is not in the background."""
        drafts = []
        for item_id in [id_ for id_, item in self.items.items() if not item.background]:
            drafts += self.complete_item(item_id, "declined" if item_id in declined else status)
        return drafts

    def _item(
        self, type_: str, item_id: str, status: ItemStatus, detail: str | None, data: Any
    ) -> Draft:
        item = self.items[item_id]
        payload = ItemLifecycle(
            item_type=item.item_type,
            status=status,
            title=item.title,
            detail=nonblank(detail),
            data=data,
            agent_id=item.agent_id,
            parent_tool_use_id=item.parent_tool_use_id,
        )
        return Draft(
            type=type_, payload=payload, turn_id=item.turn_id, item_id=item_id, refs=item.refs
        )
