"""A session may be parked when nothing of it is alive but what was there before its first turn."""

import pytest

from sidecar.core.watch.idle import Ages, Idle, Process, Signs, Tree, tree_of

QUIET = Signs(busy=False, active_s=0.0)
BARE = Tree(100)


def test_two_samples_an_idle_time_apart_decide() -> None:
    idle = Idle(0.0)
    assert idle.wants_sample(1.0, QUIET, 60.0)
    assert idle.weigh(1.0, BARE, 60.0) is None
    assert not idle.wants_sample(59.0, QUIET, 60.0)
    assert idle.wants_sample(61.0, QUIET, 60.0)
    assert idle.weigh(61.0, BARE, 60.0) == 61.0


def test_what_is_under_way_keeps_it() -> None:
    idle = Idle(0.0)
    idle.wants_sample(1.0, QUIET, 60.0)
    idle.weigh(1.0, BARE, 60.0)
    assert not idle.wants_sample(61.0, Signs(busy=True, active_s=0.0), 60.0)
    assert idle.wants_sample(62.0, QUIET, 60.0), "the first look of a new count"
    assert idle.weigh(62.0, BARE, 60.0) is None
    assert not idle.wants_sample(120.0, QUIET, 60.0)
    assert idle.wants_sample(121.0, QUIET, 60.0)


def test_anything_that_happened_begins_the_count_anew() -> None:
    idle = Idle(0.0)
    idle.wants_sample(1.0, QUIET, 60.0)
    idle.weigh(1.0, BARE, 60.0)
    assert idle.wants_sample(61.0, Signs(busy=False, active_s=30.0), 60.0)
    assert idle.weigh(61.0, BARE, 60.0) is None
    assert idle.wants_sample(90.0, Signs(busy=False, active_s=30.0), 60.0)
    assert idle.weigh(90.0, BARE, 60.0) == 60.0


@pytest.mark.parametrize(
    ("tree", "kept_by"),
    [
        (Tree(100 + 5_000), ("cpu",)),
        (Tree(100, ("vite",)), ("vite",)),
        (Tree(100 + 5_000, ("make", "cc")), ("make", "cc")),
    ],
)
def test_live_work_is_activity(tree: Tree, kept_by: tuple[str, ...]) -> None:
    idle = Idle(0.0)
    idle.wants_sample(0.0, QUIET, 60.0)
    idle.weigh(0.0, BARE, 60.0)
    assert idle.wants_sample(60.0, QUIET, 60.0)
    assert idle.weigh(60.0, tree, 60.0) is None
    assert idle.kept_by == kept_by
    assert not idle.wants_sample(119.0, QUIET, 60.0)
    assert idle.wants_sample(120.0, QUIET, 60.0)
    assert idle.weigh(120.0, Tree(tree.cpu_ms), 60.0) == 60.0
    assert idle.kept_by == ()


def test_the_timers_of_an_agent_are_no_activity() -> None:
    idle = Idle(0.0)
    idle.weigh(0.0, BARE, 60.0)
    assert idle.weigh(60.0, Tree(100 + 300), 60.0) == 60.0


def test_the_first_look_judges_nothing_however_late_it_comes() -> None:
    idle = Idle(0.0)
    assert idle.weigh(1_000.0, BARE, 60.0) is None
    assert idle.weigh(1_001.0, BARE, 60.0) == 1_001.0


HOST = Process("host", 10, 1_000.0)
AGENT = Process("agent", 20, 999.0)
MCP = Process("mcp", 30, 990.0)


@pytest.mark.parametrize("ages", [Ages(None, None), Ages(1.0, None)])
def test_before_a_turn_has_done_anything_nothing_is_work(ages: Ages) -> None:
    assert tree_of([HOST, AGENT, MCP], ages) == Tree(60)


def test_what_is_younger_than_the_first_deed_is_work() -> None:
    shell, helper = Process("sh", 1, 500.0), Process("watcher", 1, 880.5)
    tree = tree_of([HOST, AGENT, MCP, shell, helper], Ages(900.0, 880.0))
    assert tree == Tree(62, ("sh", "watcher"), 2)


def test_what_ended_children_burnt_is_work_whoever_waited_for_them() -> None:
    make, agent = Process("make", 1, 500.0, 300), AGENT._replace(waited_cpu_ms=5_000)
    tree = tree_of([HOST, agent, MCP, make], Ages(900.0, 880.0))
    assert tree == Tree(61 + 5_300, ("make",), 1 + 5_300)
    ended = agent._replace(waited_cpu_ms=5_301)
    assert tree_of([HOST, ended, MCP], Ages(900.0, 880.0)).work_cpu_ms == tree.work_cpu_ms


def test_a_turn_that_comes_at_once_does_not_make_work_of_the_agent_s_own_servers() -> None:
    """As after a wake: the turn is there before the MCP servers, but these before its answer."""
    ages = Ages(998.5, 985.0)
    assert tree_of([HOST, AGENT, MCP], ages).work == ()
    assert tree_of([HOST, AGENT, MCP, Process("sh", 1, 984.0)], ages).work == ("sh",)


def test_what_is_older_than_the_first_turn_is_no_work_however_fast_that_was() -> None:
    assert tree_of([HOST, Process("mcp", 1, 10.2)], Ages(10.0, 9.9)).work == ()
