"""The bytes of a segment: what is packed is found again, damage is seen."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.journal.segments import Segment, SegmentDamaged, pack
from sidecar.journal.types import Row

ROWS = st.lists(
    st.builds(Row, st.sampled_from(["a", "b", "c"]), st.binary(max_size=9)), min_size=1, max_size=20
)


@given(ROWS, st.integers(0, 25), st.integers(0, 25), st.sampled_from([None, {"a"}, {"b", "z"}]))
def test_the_places_of_a_segment_lead_to_the_bytes_that_were_packed(
    rows: list[Row], after: int, upto: int, threads: set[str] | None
) -> None:
    index, bodies = pack(rows)
    segment = Segment(5, 4 + len(rows), len(bodies), index)
    found = [
        (place.seq, place.thread_id, bodies[place.start : place.end])
        for place in segment.places(after, upto, threads)
    ]
    assert found == [
        (seq, row.thread_id, row.body)
        for seq, row in enumerate(rows, 5)
        if after < seq <= upto and (threads is None or row.thread_id in threads)
    ]


def index(threads: list[str], owners: list[int], lengths: list[int]) -> bytes:
    return msgspec.msgpack.encode([threads, owners, lengths])


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"\x00",
        index(["a"], [0], [1, 1]),
        index(["a"], [0, 0], [1, 2]),
        index(["a"], [0, 1], [1, 1]),
        index(["a"], [0, -1], [1, 1]),
        index(["a"], [0, 0], [3, -1]),
        index(["a"], [0, 0, 0], [1, 1, 0]),
    ],
)
def test_an_index_that_does_not_fit_is_damage(damaged: bytes) -> None:
    with pytest.raises(SegmentDamaged):
        Segment(1, 2, 2, damaged)
