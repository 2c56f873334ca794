"""A tree goes down level by level, with a share of the time for each, and exits in one order."""

import asyncio
from dataclasses import dataclass, field

import pytest

from sidecar.supervisor.kin import cascade
from sidecar.supervisor.kin.cascade import GRACE_LEAST_S, GRACE_S, LONGEST_S, Cascade, ExitTurn

UNIT_S = 0.02
"""One unit of the tests' deadlines."""


@dataclass
class World:
    """What members did, in order."""

    began: list[str] = field(default_factory=list)
    exits: list[str] = field(default_factory=list)
    given_s: dict[str, float] = field(default_factory=dict)
    graces: set[float] = field(default_factory=set)


@dataclass
class Fake:
    """A session that takes `needs_s` to go down, at most as long as it is given."""

    world: World
    thread_id: str
    parent: str | None = None
    needs_s: float = 0.0
    late_s: float = 0.0
    """How long its host takes beyond its deadline."""
    shutdown_s: float | None = None
    one_by_one: bool = False
    idle: bool = False

    async def stop(
        self, deadline_s: float, reason: str, *, grace_s: float, turn: ExitTurn | None
    ) -> bool:
        if self.idle:
            return False
        self.world.began.append(self.thread_id)
        self.world.given_s[self.thread_id] = deadline_s
        self.world.graces.add(grace_s)
        await asyncio.sleep(min(self.needs_s, deadline_s) + self.late_s)
        assert turn is not None
        await turn.come()
        self.world.exits.append(self.thread_id)
        return True


def tree(world: World, **of_thread: dict[str, object]) -> list[Fake]:
    """Return 1 + 2 + 4 members, in order of start."""
    parents = {"r": None, "a": "r", "b": "r", "a1": "a", "a2": "a", "b1": "b", "b2": "b"}
    return [
        Fake(world, name, parent, **of_thread.get(name, {}))  # type: ignore[arg-type]
        for name, parent in parents.items()
    ]


@pytest.fixture
def world() -> World:
    return World()


ORDER = ["b2", "b1", "b", "a2", "a1", "a", "r"]


async def test_exits_are_told_in_one_order_whoever_is_slow(world: World) -> None:
    members = tree(world, b2={"needs_s": 5 * UNIT_S}, a1={"needs_s": 2 * UNIT_S})
    down = Cascade(members, "r", default_s=10 * UNIT_S)
    assert [member.thread_id for member in down.line] == ORDER
    assert await down.run() == ORDER
    assert world.exits == ORDER
    assert set(world.began[:4]) == {"a1", "a2", "b1", "b2"}
    assert world.began[-1] == "r"


async def test_each_level_has_its_share_and_each_sibling_the_same(world: World) -> None:
    members = tree(world, b2={"needs_s": 99})
    await Cascade(members, "r", default_s=1, deadline_s=9 * UNIT_S).run()
    for leaf in ("a1", "a2", "b1", "b2"):
        assert world.given_s[leaf] == pytest.approx(3 * UNIT_S, abs=UNIT_S)
    for parent in ("a", "b"):
        assert world.given_s[parent] == pytest.approx(3 * UNIT_S, abs=2 * UNIT_S)


def chain(world: World, length: int, **of_thread: dict[str, object]) -> list[Fake]:
    """Return members m0 to m9, each below the one before it."""
    names = [f"m{number}" for number in range(length)]
    return [
        Fake(world, name, above, **of_thread.get(name, {}))  # type: ignore[arg-type]
        for name, above in zip(names, [None, *names], strict=False)
    ]


async def test_a_host_has_all_its_grace_however_deep_the_tree_is(world: World) -> None:
    """Others may live in it: a machine that is busy for half a second must not cost them theirs."""
    await Cascade(chain(world, 10), "m0", default_s=1, deadline_s=1).run()
    assert world.exits[0] == "m9"
    assert world.graces == {GRACE_S}


async def test_a_host_that_is_late_costs_nobody_above_its_share(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cascade, "GRACE_S", 10 * UNIT_S)
    members = chain(world, 5, m4={"needs_s": 99, "late_s": 10 * UNIT_S})
    await Cascade(members, "m0", default_s=1, deadline_s=10 * UNIT_S).run()
    assert world.given_s["m4"] == pytest.approx(2 * UNIT_S, abs=UNIT_S / 2)
    for above in ("m3", "m2", "m1", "m0"):
        assert world.given_s[above] > 1.5 * UNIT_S, above


async def test_many_that_are_late_share_what_is_left(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deadline is that of the whole: beyond its grace nobody has time at the others' cost."""
    monkeypatch.setattr(cascade, "GRACE_S", 5 * UNIT_S)
    late: dict[str, dict[str, object]] = {
        f"m{number}": {"needs_s": 99, "late_s": 5 * UNIT_S} for number in range(10)
    }
    await Cascade(chain(world, 10, **late), "m0", default_s=1, deadline_s=20 * UNIT_S).run()
    given = [world.given_s[name] for name in world.began]
    assert given == sorted(given, reverse=True)
    assert sum(given) <= 25 * UNIT_S
    assert given[2] > UNIT_S / 2, "the first ones have taken all of it"
    assert world.given_s["m0"] == 0.0
    assert world.graces == {5 * UNIT_S, GRACE_LEAST_S}


async def test_without_a_deadline_each_has_its_own(world: World) -> None:
    members = tree(world, a={"shutdown_s": 2.0}, b1={"shutdown_s": 0.0})
    await Cascade(members, "r", default_s=0.5).run()
    assert world.given_s["a"] == pytest.approx(2.0, abs=0.1)
    assert world.given_s["b1"] == 0.0
    assert world.given_s["b"] == world.given_s["r"] == 0.5


async def test_a_deadline_shortens_what_was_declared_and_never_lengthens_it(world: World) -> None:
    members = tree(world, a={"shutdown_s": 0.01}, b={"shutdown_s": 60.0}, r={"shutdown_s": 0.0})
    await Cascade(members, "r", default_s=0.5, deadline_s=2.0).run()
    assert world.given_s["a"] == 0.01
    assert world.given_s["b"] < 2.0
    assert world.given_s["r"] == pytest.approx(2.0, abs=0.2), "it is what was asked for"


@pytest.mark.parametrize("given", [True, False])
async def test_an_hour_declared_for_one_leaves_the_others_their_shares(
    world: World, monkeypatch: pytest.MonkeyPatch, given: bool
) -> None:
    monkeypatch.setattr(cascade, "LONGEST_S", 10 * UNIT_S)
    members = chain(
        world, 2, m0={"shutdown_s": 3600}, m1={"shutdown_s": 10 * UNIT_S, "needs_s": 99}
    )
    deadline_s = 10 * UNIT_S if given else None
    await Cascade(members, "m0", default_s=1, deadline_s=deadline_s).run()
    assert world.given_s["m1"] == pytest.approx(5 * UNIT_S, abs=UNIT_S)
    assert world.given_s["m0"] == pytest.approx(5 * UNIT_S, abs=2 * UNIT_S)


async def test_siblings_that_build_on_each_other_go_one_by_one(world: World) -> None:
    members = tree(world, r={"one_by_one": True}, b2={"needs_s": 3 * UNIT_S})
    await Cascade(members, "r", default_s=1, deadline_s=1).run()
    assert world.began.index("b") < world.began.index("a1")
    assert world.began.index("b") < world.began.index("a2")
    assert world.exits == ORDER


async def test_who_is_down_has_no_share_and_hides_nobody_below(world: World) -> None:
    members = tree(world, a={"idle": True}, b={"idle": True}, b1={"idle": True})
    assert await Cascade(members, "r", default_s=1, deadline_s=1).run() == ["b2", "a2", "a1", "r"]
    assert world.given_s["b2"] == pytest.approx(0.5, abs=0.1)


async def test_an_exit_that_never_comes_holds_the_others_back_for_a_bounded_time() -> None:
    silent = ExitTurn(None, 1.0)
    turn = ExitTurn(silent, UNIT_S)
    async with asyncio.timeout(10):
        await turn.come()


async def test_a_ring_of_parents_is_stopped_once_each(world: World) -> None:
    members = [Fake(world, "x", "y"), Fake(world, "y", "x")]
    assert await Cascade(members, "x", default_s=1).run() == ["y", "x"]


def test_a_deep_tree_stays_within_the_method(world: World) -> None:
    members = [Fake(world, str(n), str(n - 1) if n else None) for n in range(300)]
    assert Cascade(members, "0", default_s=5)._total_s == LONGEST_S
