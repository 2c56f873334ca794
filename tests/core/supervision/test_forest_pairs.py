"""Every (state, input) pair of a session is decided: taken as the table says, or refused."""

from collections.abc import Callable

import pytest

from sidecar.core.lifecycle import IllegalTransition
from sidecar.core.supervision import (
    ChildSpec,
    Forest,
    State,
)
from tests.core.supervision.families import ERROR


def in_state(state: State | None) -> Forest:
    """Return a forest in which x is in a state; None for down."""
    forest = Forest()
    if state is None:
        return forest
    forest.asked(ChildSpec("x"))
    if state is not State.STARTING:
        forest.ready("x")
    if state is State.WAITING:
        forest.ended("x", ERROR)
    if state is State.CLOSING:
        forest.stop_asked("x")
    forest.take()
    assert forest.state("x") is state
    return forest


PAIRS: dict[tuple[State | None, str], State | type[IllegalTransition] | None] = {
    (None, "asked"): State.STARTING,
    (State.WAITING, "asked"): IllegalTransition,
    (State.STARTING, "asked"): IllegalTransition,
    (State.UP, "asked"): IllegalTransition,
    (State.CLOSING, "asked"): IllegalTransition,
    (None, "ready"): IllegalTransition,
    (State.WAITING, "ready"): IllegalTransition,
    (State.STARTING, "ready"): State.UP,
    (State.UP, "ready"): IllegalTransition,
    (State.CLOSING, "ready"): State.CLOSING,
    (None, "ended"): IllegalTransition,
    (State.WAITING, "ended"): IllegalTransition,
    (State.STARTING, "ended"): State.WAITING,
    (State.UP, "ended"): State.WAITING,
    (State.CLOSING, "ended"): None,
    (None, "stop_asked"): None,
    (State.WAITING, "stop_asked"): State.CLOSING,
    (State.STARTING, "stop_asked"): State.CLOSING,
    (State.UP, "stop_asked"): State.CLOSING,
    (State.CLOSING, "stop_asked"): State.CLOSING,
}


@pytest.mark.parametrize("state", [None, *State])
@pytest.mark.parametrize("event", ["asked", "ready", "ended", "stop_asked"])
def test_every_pair_is_taken_or_refused(state: State | None, event: str) -> None:
    forest = in_state(state)
    does: dict[str, Callable[[], object]] = {
        "asked": lambda: forest.asked(ChildSpec("x")),
        "ready": lambda: forest.ready("x"),
        "ended": lambda: forest.ended("x", ERROR),
        "stop_asked": lambda: forest.stop_asked("x"),
    }
    after = PAIRS[state, event]
    if after is IllegalTransition:
        with pytest.raises(IllegalTransition, match="x"):
            does[event]()
        after = state
    else:
        does[event]()
    assert forest.state("x") is after


def test_nothing_is_asked_for_below_a_parent_that_stops() -> None:
    forest = in_state(State.CLOSING)
    assert forest.stops("x")
    with pytest.raises(IllegalTransition, match="asked for y"):
        forest.asked(ChildSpec("y", "x"))
