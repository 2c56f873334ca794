"""What one event costs: what it concerns, however many sessions there are. In lines that run."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from sidecar.contract.vocabulary import RestartStrategy
from sidecar.core.supervision import ChildSpec, End, Forest, Open
from tests.core.supervision.families import ERROR, GRACEFUL

SHAPES: dict[str, Callable[[int], int | None]] = {
    "alone": lambda number: None,
    "chain": lambda number: number - 1 if number else None,
    "wide": lambda number: 0 if number else None,
    "tree": lambda number: (number - 1) // 3 if number else None,
}
"""The parent of each session by its number."""


def grown(size: int, shape: str, strategy: RestartStrategy = "one_for_one") -> Forest:
    """Return a forest in which all are up."""
    forest = Forest()
    for number in range(size):
        parent = SHAPES[shape](number)
        id_ = None if parent is None else str(parent)
        forest.asked(ChildSpec(str(number), id_, strategy=strategy))
        settle(forest)
    return forest


def settle(forest: Forest) -> None:
    """Carry out all that there is to do."""
    while (due_s := forest.next_due_s()) is not None or (commands := forest.take()):
        if due_s is not None:
            forest.tick(due_s)
            commands = forest.take()
        for command in commands:
            if isinstance(command, Open):
                forest.ready(command.id)
            else:
                forest.ended(command.id, GRACEFUL)


def cost(work: Callable[[], object]) -> int:
    """Return how many lines of ours ran; a loop that turns counts each time."""
    lines = 0

    def count(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal lines
        if "supervision" not in frame.f_code.co_filename:
            return None
        lines += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        work()
    finally:
        sys.settrace(before)
    return lines


def fall_of(forest: Forest, id_: str) -> None:
    forest.ended(id_, ERROR)
    settle(forest)


def stop_all(forest: Forest, size: int) -> None:
    ids = [str(number) for number in reversed(range(size))]
    forest.stop_asked(*ids)
    for id_ in ids:
        forest.ended(id_, GRACEFUL)
        forest.take()
        forest.next_due_s()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_fall_costs_nothing_for_those_that_it_does_not_concern(shape: str) -> None:
    costs = {}
    for size in (50, 500):
        forest = grown(size, shape)
        costs[size] = cost(lambda: fall_of(forest, str(size - 1)))  # noqa: B023 - called at once
    assert costs[500] == costs[50]


@pytest.mark.parametrize("shape", SHAPES)
def test_one_more_session_costs_nothing_for_those_that_are_there(shape: str) -> None:
    costs = {}
    for size in (50, 500):
        forest = grown(size, shape)
        costs[size] = cost(lambda: start_one(forest, f"{size - 1}"))  # noqa: B023 - called at once
    assert costs[500] == costs[50]


def start_one(forest: Forest, parent: str) -> None:
    forest.asked(ChildSpec("new", parent))
    settle(forest)
    forest.ended("new", End("graceful", 1.0, 100.0, 0.0))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_stop_of_all_costs_each_the_same(shape: str) -> None:
    each = {}
    for size in (50, 500):
        forest = grown(size, shape)
        each[size] = cost(lambda: stop_all(forest, size)) / size  # noqa: B023 - called at once
    assert each[500] < 1.5 * each[50]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_fall_of_all_costs_each_the_same(shape: str) -> None:
    each = {}
    for size in (50, 500):
        forest = grown(size, shape, "one_for_all")
        each[size] = cost(lambda: fall_of(forest, "0")) / size  # noqa: B023 - called at once
    assert each[500] < 1.5 * each[50]
