"""Restarts in trees, rule by rule. The world asserts OTP's order at every command besides."""

from collections.abc import Callable

import pytest

from sidecar.contract.vocabulary import RestartPolicy, RestartStrategy
from sidecar.core.lifecycle import IllegalTransition
from sidecar.core.supervision import (
    ChildSpec,
    Down,
    End,
    Forest,
    GiveUp,
    Open,
    Restart,
    State,
    Stop,
    Suspend,
    Suspended,
)
from sidecar.core.supervision.forest import Command
from tests.core.supervision.world import World

ERROR = End("error", 1.0, 100.0, 0.0)
GRACEFUL = End("graceful", 1.0, 100.0, 0.0)


def family(strategy: RestartStrategy, **of_b: RestartPolicy) -> World:
    """A root with children a, b and c, b with b1 and b2; all up. `of_b` are policies by id."""
    world = World()
    world.start_all(
        ChildSpec("root", strategy=strategy),
        *(ChildSpec(id_, "root", policy=of_b.get(id_, "transient")) for id_ in "abc"),
        *(ChildSpec(id_, "b", policy=of_b.get(id_, "transient")) for id_ in ("b1", "b2")),
    )
    return world


def commands(world: World) -> list[Command]:
    """Let the world come to rest and return all that was commanded."""
    world.rest()
    return world.log


def closed(world: World) -> str:
    return " ".join(c.id for c in commands(world) if not isinstance(c, Open))


def opened(world: World) -> str:
    return " ".join(c.id for c in commands(world) if isinstance(c, Open))


def test_the_children_of_one_that_fell_go_down_and_come_back_with_it() -> None:
    world = family("one_for_one")
    world.end("b", "error")
    assert closed(world) == "b2 b1"
    assert opened(world) == "b b1 b2"


def test_one_for_all_takes_all_siblings_down_in_reverse_order_of_start() -> None:
    world = family("one_for_all")
    world.end("a", "error")
    assert closed(world) == "c b2 b1 b"
    assert opened(world) == "a b b1 c b2"


def test_rest_for_one_takes_those_down_that_were_started_after() -> None:
    world = family("rest_for_one")
    world.end("b", "error")
    assert closed(world) == "b2 b1 c"
    assert opened(world) == "b b1 c b2"


def test_sessions_without_a_parent_are_one_for_one() -> None:
    world = World()
    world.start_all(ChildSpec("x", strategy="one_for_all"), ChildSpec("y"))
    world.end("x", "error")
    assert commands(world) == [Open("x")]


def test_every_command_names_the_session_that_fell() -> None:
    world = family("one_for_all", c="temporary")
    world.end("a", "error")
    assert world.log == [Stop("c", "a")]
    world.end("c")
    assert world.log[-1] == Suspend("b2", "a")


def test_a_suspended_session_hears_why_it_waits() -> None:
    forest = Forest()
    for spec in (ChildSpec("p"), ChildSpec("c", "p")):
        forest.asked(spec)
        forest.ready(spec.id)
    assert forest.ended("p", ERROR) == Restart(0.5, 1)
    assert forest.ended("c", GRACEFUL) == Suspended("p")


def test_a_temporary_one_of_a_group_is_stopped_for_good_with_its_children() -> None:
    world = family("one_for_all", b="temporary")
    world.end("a", "error")
    assert opened(world) == "a c"
    assert set(world.alive) == {"root", "a", "c"}


def test_nobody_opens_before_the_backoff_of_the_one_that_fell() -> None:
    world = family("one_for_all")
    world.end("c", "error")
    for id_ in ("b2", "b1", "b", "a"):
        world.end(id_)
    assert not [c for c in world.log if isinstance(c, Open)]
    due_s = world.forest.next_due_s()
    assert due_s == world.now_s + 0.5
    world.pass_time(0.49)
    assert not [c for c in world.log if isinstance(c, Open)]
    world.pass_time(0.01)
    assert world.log[-1] == Open("a")


def test_the_backoff_runs_while_the_group_goes_down() -> None:
    world = family("one_for_all")
    world.end("c", "error")
    world.pass_time(0.5)
    for id_ in ("b2", "b1", "b", "a"):
        world.end(id_)
    assert world.log[-1] == Open("a")


def test_children_of_siblings_come_back_side_by_side() -> None:
    world = World()
    world.start_all(
        ChildSpec("root", strategy="one_for_all"),
        *(ChildSpec(id_, "root") for id_ in "ab"),
        *(ChildSpec(id_, id_[0]) for id_ in ("a1", "b1")),
    )
    world.end("root", "error")
    for id_ in ("b1", "b", "a1", "a"):
        world.end(id_)
    world.pass_time(0.5)
    for id_ in ("root", "a", "b"):
        world.ready(id_)
    assert world.log[-2:] == [Open("a1"), Open("b1")] or not world.alive["a1"]
    assert {id_ for id_, up in world.alive.items() if not up} == {"a1", "b1"}


def test_two_groups_go_down_and_come_back_side_by_side() -> None:
    world = World()
    world.start_all(
        *(ChildSpec(id_) for id_ in "xy"),
        *(ChildSpec(id_, id_[0]) for id_ in ("x1", "x2", "y1", "y2")),
    )
    world.end("x", "error")
    world.end("y", "error")
    assert world.log == [Suspend("x2", "x"), Suspend("y2", "y")]
    world.end("y2")
    world.end("y1")
    world.pass_time(0.5)
    assert world.log[-1] == Open("y"), "x2 is not down yet"


def test_a_member_that_falls_again_as_the_group_comes_up_begins_anew() -> None:
    world = family("one_for_all")
    world.end("a", "error")
    for id_ in ("c", "b2", "b1", "b"):
        world.end(id_)
    world.pass_time(0.5)
    world.ready("a")
    assert world.alive == {"root": True, "a": True, "b": False}
    world.log.clear()
    world.end("b", "error")
    assert world.log == [Suspend("a", "b")]
    assert opened(world) == "a b b1 c b2"


def test_one_that_falls_while_it_waits_its_turn_to_be_suspended_has_not_fallen() -> None:
    world = family("one_for_all")
    world.end("a", "error")
    assert world.end("b", "error") == "expected"
    assert opened(world) == "a b b1 c b2"
    assert not world.otp.children["b"].restarts


def test_a_parent_that_falls_draws_in_the_round_of_its_children() -> None:
    world = family("one_for_all")
    world.end("a", "error")
    world.end("root", "error")
    assert closed(world) == "c b2 b1 b"
    assert opened(world) == "root a b b1 c b2"


def test_a_backoff_that_is_longer_than_that_of_the_round_is_kept() -> None:
    world = World()
    world.start_all(ChildSpec("p"), ChildSpec("c", "p", max_restarts=9))
    for _ in range(3):
        world.end("c", "error")
        world.rest()
    world.end("c", "error")
    due_s = world.now_s + 4.0
    world.end("p", "error")
    world.pass_time(0.5)
    world.ready("p")
    assert world.forest.next_due_s() == due_s


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


def test_a_child_that_is_started_while_its_parent_is_not_up_waits_for_it() -> None:
    world = World()
    world.start(ChildSpec("p"))
    world.start(ChildSpec("c", "p"))
    assert world.log == [Open("p")]
    world.ready("p")
    assert world.log[-1] == Open("c")


def test_a_start_waits_for_nobody_elses_stop() -> None:
    world = World()
    world.start_all(ChildSpec("x"))
    world.start(ChildSpec("p"))
    world.start(ChildSpec("c", "p"))
    world.user_stops("x")
    world.ready("p")
    assert world.log[-1] == Open("c")


def test_a_child_that_is_started_below_one_about_to_be_suspended_comes_back_with_it() -> None:
    world = World()
    world.start_all(ChildSpec("root", strategy="one_for_all"), ChildSpec("a", "root"))
    world.start(ChildSpec("b", "root"))
    world.start_all(ChildSpec("c", "root"))
    world.end("a", "error")
    assert world.log == [Suspend("c", "a")]
    world.start(ChildSpec("x", "b"))
    world.ready("b")
    assert world.log == [Suspend("c", "a")]
    assert opened(world) == "a b x c"


def test_a_user_who_stops_a_session_is_the_reason_of_its_end_whoever_ends_besides() -> None:
    forest = Forest()
    for spec in (ChildSpec("p", max_restarts=0), ChildSpec("c", "p")):
        forest.asked(spec)
        forest.ready(spec.id)
    forest.stop_asked("c")
    assert isinstance(forest.ended("p", ERROR), GiveUp)
    assert forest.ended("c", GRACEFUL) == Down(None)


def test_a_child_whose_parent_is_down_is_on_its_own() -> None:
    world = World()
    world.start_all(ChildSpec("p", strategy="one_for_all"), *(ChildSpec(i, "p") for i in "ab"))
    world.user_stops("p", cascade=False)
    world.rest()
    world.end("a", "error")
    assert commands(world) == [Open("a")]


def test_a_start_by_hand_forgets_the_past() -> None:
    world = World()
    world.start_all(ChildSpec("x", max_restarts=1))
    world.end("x", "error")
    world.rest()
    assert world.end("x", "error") == "gave up"
    world.start(ChildSpec("x", max_restarts=1))
    assert world.end("x", "error") == "restarted"


def test_a_chain_of_three_hundred_falls() -> None:
    forest = Forest()
    for number in range(300):
        forest.asked(ChildSpec(str(number), str(number - 1) if number else None))
        forest.ready(str(number))
    forest.take()
    forest.ended("0", ERROR)
    assert forest.take() == [Suspend("299", "0")]


# Every (state, input) pair is decided.


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
