"""Who goes down for good with whom: giving up, significance, a user's stops. By example."""

import pytest

from sidecar.contract.vocabulary import RestartPolicy, RestartStrategy
from sidecar.core.supervision import (
    ChildSpec,
    Down,
    Forest,
    GiveUp,
    Stop,
    Suspend,
)
from tests.core.supervision.families import ERROR, GRACEFUL, closed, commands, family, opened
from tests.core.supervision.world import World


def test_one_that_gives_up_takes_its_descendants_with_it() -> None:
    world = World()
    world.start_all(
        ChildSpec("p", max_restarts=0), ChildSpec("c", "p"), ChildSpec("d", "c"), ChildSpec("q")
    )
    assert world.end("p", "error") == "gave up"
    assert commands(world) == [Stop("d", "p"), Stop("c", "p")]
    assert set(world.alive) == {"q"}


@pytest.mark.parametrize(
    ("strategy", "alive"),
    [
        ("one_for_one", {"root", "a", "c"}),
        ("rest_for_one", {"root", "a"}),
        ("one_for_all", {"root"}),
    ],
)
def test_one_that_gives_up_takes_those_with_it_that_were_to_come_back_with_it(
    strategy: RestartStrategy, alive: set[str]
) -> None:
    world = World()
    world.start_all(
        ChildSpec("root", strategy=strategy),
        ChildSpec("a", "root"),
        ChildSpec("b", "root", max_restarts=1),
        ChildSpec("c", "root"),
    )
    world.end("b", "error")
    world.rest()
    assert world.end("b", "error") == "gave up"
    world.rest()
    assert set(world.alive) == alive


def test_a_graceful_end_of_a_transient_one_touches_no_sibling() -> None:
    world = family("one_for_all")
    world.end("b")
    assert closed(world) == "b2 b1"
    assert set(world.alive) == {"root", "a", "c"}


def test_one_that_cannot_be_resumed_ends_as_one_that_has_given_up() -> None:
    world = family("rest_for_one")
    assert world.end("b", "error", recoverable=False) == "ended"
    assert closed(world) == "b2 b1 c"
    assert set(world.alive) == {"root", "a"}


@pytest.mark.parametrize(
    ("policy", "kind", "stopped"),
    [
        ("transient", "graceful", True),
        ("transient", "error", False),
        ("temporary", "graceful", True),
        ("temporary", "error", True),
    ],
)
def test_a_significant_child_that_ends_by_itself_stops_its_parent(
    policy: RestartPolicy, kind: str, stopped: bool
) -> None:
    world = World()
    world.start_all(
        ChildSpec("p", policy="permanent"),
        ChildSpec("a", "p"),
        ChildSpec("s", "p", policy=policy, significant=True),
    )
    world.end("s", kind)
    world.rest()
    assert set(world.alive) == (set() if stopped else {"p", "a", "s"})
    assert closed(world) == ("a p" if stopped else "")


def test_significance_goes_up_as_far_as_parents_are_significant() -> None:
    world = World()
    world.start_all(
        ChildSpec("g"),
        ChildSpec("p", "g", significant=True),
        ChildSpec("c", "p", significant=True),
    )
    world.end("c")
    assert closed(world) == "p g"


def test_a_significant_child_that_gives_up_stops_its_parent() -> None:
    world = World()
    world.start_all(ChildSpec("p"), ChildSpec("s", "p", significant=True, max_restarts=0))
    assert world.end("s", "error") == "gave up"
    assert closed(world) == "p"


def test_a_users_stop_of_a_significant_child_stops_nobody_else() -> None:
    world = World()
    world.start_all(ChildSpec("p"), ChildSpec("s", "p", significant=True))
    world.user_stops("s")
    world.rest()
    assert set(world.alive) == {"p"}


def test_what_a_user_stopped_stays_down_when_its_group_comes_back() -> None:
    world = family("one_for_all")
    world.user_stops("b")
    world.rest()
    world.end("a", "error")
    assert opened(world) == "a c"


def test_a_users_stop_while_the_group_goes_down_leaves_the_others_in_it() -> None:
    world = family("one_for_all")
    world.end("c", "error")
    world.user_stops("c")
    assert opened(world) == "a b b1 b2"


def test_a_users_stop_ends_a_backoff() -> None:
    world = family("one_for_one")
    world.end("a", "error")
    world.user_stops("a")
    world.rest()
    assert world.forest.next_due_s() is None
    assert "a" not in world.alive


def test_a_stop_of_a_group_goes_before_its_suspension() -> None:
    forest = Forest()
    for spec in (ChildSpec("g", max_restarts=0), ChildSpec("p", "g"), ChildSpec("c", "p")):
        forest.asked(spec)
        forest.ready(spec.id)
    forest.take()
    forest.ended("p", ERROR)
    assert forest.take() == [Suspend("c", "p")]
    assert isinstance(forest.ended("g", ERROR), GiveUp)
    assert forest.take() == [], "c closes already"
    assert forest.ended("c", GRACEFUL) == Down("g")
    assert forest.take() == [Stop("p", "g")]
