"""An event before it is stamped: what a mapping says, without id, time, thread or generation."""

from typing import Any

import msgspec

from sidecar.contract.base import Wire
from sidecar.contract.events import ProviderRefs, RawMessage


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """One canonical event of a provider, as pure data.

    `payload` must be the Struct of `type`'s row in EVENTS. Whoever owns the session stamps
    eventId, createdAt, threadId, provider and generation, and encodes it once.
    """

    type: str
    payload: Wire
    turn_id: str | None = None
    item_id: str | None = None
    request_id: str | None = None
    refs: ProviderRefs | None = None
    raw: RawMessage | None = None

    def key(self) -> tuple[Any, ...]:
        """Return what two drafts must share to be about the same stream of one item."""
        return (self.type, self.turn_id, self.item_id, self.request_id)
