"""Gates open when the machine says so; what it commands reaches the sessions, in time and once."""

import asyncio
import sys
from itertools import pairwise
from typing import Any

import pytest

from sidecar.core.supervision import ChildSpec
from sidecar.observe.log import Log
from sidecar.supervisor.announcing import Again
from sidecar.supervisor.ends import GenerationEnd
from sidecar.supervisor.kin import Kin

CRASH = GenerationEnd("error", "it crashed", True, "last words")
ASKED = GenerationEnd("graceful", "stopped", True, "")


class Relation:
    """A session that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def suspend(self, because: str) -> None:
        self.told.append(("suspend", because))

    def stop_because(self, because: str) -> None:
        self.told.append(("stop", because))


class World:
    def __init__(self) -> None:
        self.now_s = 0.0
        self.kin = Kin(lambda: self.now_s, lambda: 0.0, Log())
        self.relations: dict[str, Relation] = {}

    def start(self, id_: str, parent: str | None = None, **spec: Any) -> None:
        self.relations[id_] = Relation()
        self.kin.asked(self.relations[id_], ChildSpec(id_, parent, **spec))

    def up(self, *ids: str) -> None:
        for id_ in ids:
            assert self.kin.gate(id_).is_set()
            self.kin.ready(id_)

    def told(self, id_: str) -> list[tuple[str, str]]:
        return self.relations[id_].told


@pytest.fixture
async def world() -> World:
    return World()


async def test_a_child_waits_for_its_parent(world: World) -> None:
    world.start("p")
    world.start("c", "p")
    assert world.kin.gate("p").is_set()
    assert not world.kin.gate("c").is_set()
    world.up("p", "c")


async def test_a_fall_suspends_the_family_and_the_backoff_opens_the_gate(world: World) -> None:
    world.start("p", strategy="one_for_all")
    world.start("x", "p")
    world.start("y", "p")
    world.up("p", "x", "y")
    again = world.kin.ended("x", CRASH, 1.0)
    assert again == Again(1, 0.5)
    assert world.told("y") == [("suspend", "x")]
    world.now_s = 0.2
    suspended = world.kin.ended("y", ASKED, 1.0)
    assert isinstance(suspended, Again)
    assert (suspended.count, suspended.because) == (1, "x")
    assert suspended.delay_s == pytest.approx(0.3)
    world.now_s = 0.5
    async with asyncio.timeout(10):
        await world.kin.gate("x").wait()
    assert not world.kin.gate("y").is_set()
    world.kin.ready("x")
    world.up("y")
    world.kin.close()


async def test_giving_up_says_so_and_stops_whom_it_takes_along(world: World) -> None:
    world.start("p")
    world.start("x", "p", significant=True, max_restarts=0)
    world.start("x1", "x")
    world.up("p", "x", "x1")
    detail = world.kin.ended("x", CRASH, 1.0)
    assert detail == {"kind": "gave-up", "count": 0, "maxRestarts": 0, "maxSeconds": 60}
    assert world.told("x1") == [("stop", "x")]
    assert world.kin.ended("x1", ASKED, 1.0) == {"kind": "stopped", "because": "x"}
    assert world.told("p") == [("stop", "x")]


async def test_a_verdict_is_the_cause_of_giving_up(world: World) -> None:
    world.start("x", max_restarts=0)
    world.up("x")
    verdict = {"kind": "memory", "rssBytes": 7}
    detail = world.kin.ended("x", GenerationEnd("error", "too large", True, "", verdict), 1.0)
    assert isinstance(detail, dict)
    assert (detail["kind"], detail["cause"]) == ("gave-up", verdict)


async def test_a_stop_that_was_asked_for_is_no_fall(world: World) -> None:
    world.start("p", strategy="one_for_all")
    world.start("x", "p", significant=True)
    world.start("y", "p")
    world.up("p", "x", "y")
    world.kin.stop_asked("x")
    assert world.kin.ended("x", CRASH, 1.0) is None
    assert world.told("y") == world.told("p") == []
    assert world.kin.has_children("p")


async def test_who_waits_below_one_that_never_was_up_is_stopped(world: World) -> None:
    world.start("p")
    world.start("c", "p")
    world.start("g", "c")
    world.start("other")
    world.kin.never_up("p")
    assert world.told("c") == [("stop", "p")]
    assert world.told("g") == [("stop", "c")]
    for id_ in ("g", "c", "p"):
        assert world.kin.ended(id_, ASKED, 0.0) is None
    assert world.told("other") == []


async def test_a_tree_that_waits_below_it_may_be_of_any_depth(world: World) -> None:
    ids = [f"s{depth}" for depth in range(sys.getrecursionlimit())]
    for parent, id_ in zip([None, *ids], ids, strict=False):
        world.start(id_, parent)
    world.kin.never_up("s0")
    assert world.told("s0") == []
    assert all(world.told(id_) == [("stop", parent)] for parent, id_ in pairwise(ids))


async def test_one_that_ran_before_is_not_stopped_for_a_parent_that_never_was_up(
    world: World,
) -> None:
    world.start("c", "p")
    world.up("c")
    world.start("p")
    world.kin.never_up("p")
    assert world.kin.ended("p", CRASH, 0.0) is None
    assert world.told("c") == []


async def test_a_defect_leaves_nothing_behind(world: World) -> None:
    world.start("p")
    world.start("c", "p")
    world.kin.forget("p")
    world.up("c")
    world.kin.forget("p")
    world.start("p")
    world.up("p")
