"""Restarts in trees, rule by rule. The world asserts OTP's order at every command besides."""

import pytest

from sidecar.core.lifecycle import IllegalTransition
from sidecar.core.supervision import (
    ChildSpec,
    Down,
    Forest,
    GiveUp,
    Open,
    Restart,
    Stop,
    Suspend,
    Suspended,
)
from tests.core.supervision.families import ERROR, GRACEFUL, closed, commands, family, opened
from tests.core.supervision.world import World


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


def test_one_that_is_started_again_is_not_closed_over_what_still_closes_below() -> None:
    world = World()
    world.start_all(
        ChildSpec("root", strategy="one_for_all"),
        *(ChildSpec(id_, "root") for id_ in "qp"),
        ChildSpec("c", "p"),
    )
    world.user_stops("p", cascade=False)
    world.end("p")
    world.user_stops("c")
    world.start(ChildSpec("p", "root"))
    world.ready("p")
    world.log.clear()
    world.end("q", "error")
    assert world.log == [], "c is not down yet"
    world.end("c")
    assert world.log == [Suspend("p", "q")]


def test_nobody_is_started_below_itself() -> None:
    forest = Forest()
    for spec in (ChildSpec("p"), ChildSpec("c", "p"), ChildSpec("d", "c")):
        forest.asked(spec)
        forest.ready(spec.id)
    forest.stop_asked("p")
    forest.ended("p", GRACEFUL)
    with pytest.raises(IllegalTransition, match="asked for p"):
        forest.asked(ChildSpec("p", "d"))
    forest.asked(ChildSpec("p", "x"))
    assert forest.children("p") == ["c"]


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
