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


HOST = Process("host", 10, 1_000.0, 1)
AGENT = Process("agent", 20, 999.0, 2)
MCP = Process("mcp", 30, 990.0, 2)


def test_before_the_first_turn_nothing_is_work() -> None:
    assert tree_of([HOST, AGENT, MCP], Ages(1_000.0, None)) == Tree(60)


def test_what_is_younger_than_the_first_turn_is_work() -> None:
    shell = Process("sh", 1, 500.0, 7)
    helper = Process("watcher", 1, 500.0, 2)
    tree = tree_of([HOST, AGENT, MCP, shell, helper], Ages(1_000.0, 900.0))
    assert tree == Tree(62, ("sh", "watcher"), 2)


def test_a_turn_that_comes_at_once_does_not_make_work_of_the_agent_s_own_servers() -> None:
    """As after a wake: the turn is there before the MCP servers are."""
    ages = Ages(1_000.0, 998.5)
    shell = Process("sh", 1, 990.0, 7)
    late = Process("sh -c", 1, 900.0, 2)
    assert tree_of([HOST, AGENT, MCP], ages).work == ()
    assert tree_of([HOST, AGENT, MCP, shell, late], ages).work == ("sh", "sh -c")
