"""Joining adjacent text deltas of one item, before they have a sequence number.

Used by a host that has no credit (ARCHITECTURE §2) or that coalesces on purpose. Order is kept:
only neighbours are joined, so a merge never moves text over another event.
"""

from collections import deque

import msgspec

from sidecar.contract.events import EVENTS
from sidecar.contract.events.turn import ContentDelta, TurnProposedDelta
from sidecar.contract.limits import MERGE_BYTES
from sidecar.core.drafts import Draft


def mergeable(draft: Draft) -> bool:
    """Tell whether the draft's type may be joined with a neighbour."""
    return EVENTS[draft.type].mergeable and draft.raw is None


def merge(first: Draft, second: Draft) -> Draft | None:
    """Return the two as one delta, or None when they must stay apart."""
    if first.key() != second.key() or not (mergeable(first) and mergeable(second)):
        return None
    left, right = first.payload, second.payload
    if isinstance(left, ContentDelta) and isinstance(right, ContentDelta):
        same = (left.stream_kind, left.content_index, left.summary_index) == (
            right.stream_kind,
            right.content_index,
            right.summary_index,
        )
    else:
        same = isinstance(left, TurnProposedDelta) and isinstance(right, TurnProposedDelta)
    if not same:
        return None
    text: str = left.delta + right.delta  # type: ignore[attr-defined]  # both are delta Structs
    if _bytes_at_most(text) > MERGE_BYTES:
        return None
    return msgspec.structs.replace(first, payload=msgspec.structs.replace(left, delta=text))


def _bytes_at_most(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


class MergingQueue:
    """Drafts waiting for credit, neighbours joined."""

    def __init__(self) -> None:
        self._drafts: deque[Draft] = deque()

    def push(self, draft: Draft) -> None:
        """Append a draft, joined to the last one where that is allowed."""
        if self._drafts and (joined := merge(self._drafts[-1], draft)) is not None:
            self._drafts[-1] = joined
        else:
            self._drafts.append(draft)

    def pop(self) -> Draft:
        """Take the oldest draft."""
        return self._drafts.popleft()

    @property
    def last(self) -> Draft:
        """The youngest draft."""
        return self._drafts[-1]

    def __len__(self) -> int:
        return len(self._drafts)
