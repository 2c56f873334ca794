"""A turn that was answered is promised until it begins, whichever of the two comes first."""

import msgspec

from sidecar.core.promises import Promises


def started(turn: str) -> tuple[str, bytes]:
    return "turn.started", msgspec.msgpack.encode({"turnId": turn, "payload": {}})


def test_what_was_answered_is_open_until_it_begins() -> None:
    promises = Promises()
    promises.answered("t1")
    promises.answered("t2")
    assert list(promises.open) == ["t1", "t2"]
    promises.heard([("content.delta", b"\xc0"), started("t1")])
    assert list(promises.open) == ["t2"]


def test_what_had_begun_before_its_answer_is_not_open() -> None:
    promises = Promises()
    promises.heard([started("t1")])
    promises.answered("t1")
    promises.answered("t1")  # steered: the same turn again
    assert not promises.open


def test_an_answer_without_a_turn_promises_nothing() -> None:
    promises = Promises()
    promises.answered(None)
    assert not promises.open
