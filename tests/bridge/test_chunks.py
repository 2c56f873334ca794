"""Chunks: every message survives them, and every break of their rules is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.bridge.bounds import REMEMBERED_CIDS
from sidecar.bridge.chunks import Budget, Joiner, cut
from sidecar.bridge.refusals import Refusal, Refused
from tests.support import wire


def chunk(cid: int, index: int, count: int, data: bytes = b"x") -> dict[str, Any]:
    return {"cid": cid, "index": index, "count": count, "data": data}


def pieces(message: bytes, cid: int, chunk_bytes: int) -> list[dict[str, Any]]:
    return [wire.decode(data)[2] for data in cut(message, cid, chunk_bytes=chunk_bytes)]


def join_all(joiner: Joiner, chunks: list[dict[str, Any]]) -> bytes | None:
    whole = None
    for params in chunks:
        assert whole is None
        whole = joiner.take(params)
    return whole


def refusal_of(joiner: Joiner, params: dict[str, Any]) -> Refusal:
    with pytest.raises(Refused) as caught:
        joiner.take(params)
    return caught.value.refusal


@given(st.binary(min_size=1, max_size=300), st.integers(1, 50))
@pytest.mark.must("P2.11")
def test_what_is_cut_is_joined_to_the_same_bytes(message: bytes, chunk_bytes: int) -> None:
    cut_up = pieces(message, 3, chunk_bytes)
    assert join_all(Joiner(Budget()), cut_up) == message
    joiner = wire.Joiner()
    joined = [whole for params in cut_up if (whole := joiner.join(params)) is not None]
    assert joined == [message]


@pytest.mark.parametrize(
    "second",
    [
        chunk(1, 0, 3),
        chunk(1, 2, 3),
        chunk(2, 1, 3),
        chunk(2, 0, 3),
        chunk(1, 1, 4),
    ],
    ids=["again", "skipped", "other-cid", "other-transfer", "other-count"],
)
@pytest.mark.must("P2.12")
def test_a_chunk_that_is_not_the_next_is_refused(second: dict[str, Any]) -> None:
    joiner = Joiner(Budget())
    assert joiner.take(chunk(1, 0, 3)) is None
    assert refusal_of(joiner, second) is Refusal.CHUNK_ORDER


@pytest.mark.parametrize("first", [chunk(1, 1, 3), chunk(1, 0, 0), chunk(1, 3, 3)], ids=repr)
@pytest.mark.must("P2.12")
def test_a_transfer_begins_with_its_first_chunk(first: dict[str, Any]) -> None:
    assert refusal_of(Joiner(Budget()), first) is Refusal.CHUNK_ORDER


@pytest.mark.must("P2.12")
def test_a_cid_serves_one_transfer() -> None:
    joiner = Joiner(Budget())
    assert joiner.take(chunk(1, 0, 1)) == b"x"
    assert joiner.take(chunk(2, 0, 1)) == b"x"
    assert refusal_of(joiner, chunk(1, 0, 1)) is Refusal.CHUNK_ORDER


def test_the_memory_of_cids_is_bounded() -> None:
    joiner = Joiner(Budget())
    for cid in range(REMEMBERED_CIDS + 1):
        joiner.take(chunk(cid, 0, 1))
    assert joiner.take(chunk(0, 0, 1)) == b"x"


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"cid": 1, "index": 0, "count": 1, "data": "text"},
        {"cid": 1, "index": -1, "count": 1, "data": b"x"},
        {"cid": 1, "index": 0, "count": 1, "data": b""},
        {"cid": 1, "index": 0, "count": 1.5, "data": b"x"},
    ],
    ids=repr,
)
def test_misshapen_chunk_is_refused(params: dict[str, Any]) -> None:
    assert refusal_of(Joiner(Budget()), params) is Refusal.SHAPE


@pytest.mark.must("P2.15")
def test_a_transfer_is_refused_as_soon_as_it_is_too_large() -> None:
    joiner = Joiner(Budget(), transfer_bytes=10)
    assert joiner.take(chunk(1, 0, 9, b"x" * 10)) is None
    assert refusal_of(joiner, chunk(1, 1, 9)) is Refusal.TRANSFER_TOO_LARGE
    assert Joiner(Budget(), transfer_bytes=10).take(chunk(1, 0, 1, b"x" * 10)) == b"x" * 10


def test_transfers_of_all_connections_share_a_bound() -> None:
    budget = Budget(limit_bytes=10)
    first, second = Joiner(budget), Joiner(budget)
    first.take(chunk(1, 0, 2, b"x" * 8))
    assert refusal_of(second, chunk(1, 0, 2, b"x" * 8)) is Refusal.TRANSFER_TOO_LARGE
    second.clear()
    first.clear()
    assert budget.used_bytes == 0
    assert second.take(chunk(2, 0, 1, b"x" * 8)) == b"x" * 8
    assert budget.used_bytes == 0
