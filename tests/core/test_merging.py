"""Neighbouring deltas of one item and stream are joined; nothing else ever is."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sidecar.contract.events import RawMessage
from sidecar.contract.events.turn import ContentDelta, ItemLifecycle, TurnProposedDelta
from sidecar.contract.limits import MERGE_BYTES
from sidecar.contract.vocabulary import StreamKind
from sidecar.core.drafts import Draft
from sidecar.core.merging import MergingQueue, merge, mergeable


def delta(text: str, item: str = "i", kind: StreamKind = "assistant_text") -> Draft:
    payload = ContentDelta(stream_kind=kind, delta=text)
    return Draft(type="content.delta", payload=payload, turn_id="t", item_id=item)


def test_neighbours_of_one_stream_are_joined() -> None:
    joined = merge(delta("a"), delta("b"))
    assert joined is not None
    assert joined.payload == ContentDelta(stream_kind="assistant_text", delta="ab")
    assert joined.item_id == "i"


def test_other_items_streams_and_types_stay_apart() -> None:
    item = Draft(
        type="item.started",
        payload=ItemLifecycle(item_type="assistant_message"),
        turn_id="t",
        item_id="i",
    )
    assert merge(delta("a"), delta("b", item="j")) is None
    assert merge(delta("a"), delta("b", kind="reasoning_text")) is None
    assert merge(delta("a"), item) is None
    assert merge(item, item) is None


def test_a_draft_with_its_raw_message_stays_apart() -> None:
    raw = Draft(
        type="content.delta",
        payload=ContentDelta(stream_kind="assistant_text", delta="a"),
        raw=RawMessage(source="acp.jsonrpc", payload={}),
    )
    assert not mergeable(raw)


def test_proposed_plan_deltas_are_joined() -> None:
    first = Draft(type="turn.proposed.delta", payload=TurnProposedDelta(delta="a"), turn_id="t")
    joined = merge(first, first)
    assert joined is not None
    assert joined.payload == TurnProposedDelta(delta="aa")


def test_a_merge_stops_at_its_bound_counted_in_bytes() -> None:
    half = "é" * (MERGE_BYTES // 4)
    assert merge(delta(half), delta(half)) is not None
    assert merge(delta(half), delta(half + "x")) is None


@given(st.lists(st.tuples(st.sampled_from("ab"), st.text(min_size=1, max_size=5)), max_size=30))
def test_a_queue_keeps_order_and_text_of_each_item(parts: list[tuple[str, str]]) -> None:
    queue = MergingQueue()
    for item, text in parts:
        queue.push(delta(text, item=item))
    drafts = [queue.pop() for _ in range(len(queue))]
    flat = [(d.item_id, c) for d in drafts for c in d.payload.delta]  # type: ignore[attr-defined]
    assert flat == [(item, c) for item, text in parts for c in text]
    for left, right in pairwise(drafts):
        assert left.item_id != right.item_id
