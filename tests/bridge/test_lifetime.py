"""A connection's table decides every pair, and only hello's acceptance can be a defect."""

import itertools

import pytest

from sidecar.bridge.lifetime import TRANSITIONS, Cause, Lifetime, Phase


def test_every_pair_is_decided() -> None:
    missing = set(itertools.product(Phase, Cause)) - set(TRANSITIONS)
    assert missing == {(phase, Cause.WELCOMED) for phase in Phase if phase.name != "AWAITING_HELLO"}


def test_a_connection_is_welcomed_once() -> None:
    life = Lifetime()
    life.move(Cause.WELCOMED)
    with pytest.raises(KeyError):
        life.move(Cause.WELCOMED)


def test_every_way_ends_closed() -> None:
    for causes in itertools.product((Cause.REFUSED, Cause.LOST), repeat=3):
        life = Lifetime()
        for cause in (*causes, Cause.LOST):
            life.move(cause)
        assert life.phase is Phase.CLOSED
