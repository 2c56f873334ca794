"""The Node baseline is what it is said to be: nothing of it is broken on purpose."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.scorecard.model import SessionPlan
from tests.scorecard.observe import processes, writes
from tests.scorecard.rows.kit import AGENT
from tests.scorecard.systems.node import NodeSystem
from tests.support.observer import new_sentinel

pytestmark = [
    pytest.mark.beside,
    pytest.mark.skipif(shutil.which("node") is None, reason="needs node"),
    pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc"),
]

WAIT_S = 20.0


class Scene:
    """A baseline with its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sentinel = new_sentinel()
        self.node = NodeSystem(folder / "system", self.sentinel)

    def plan(self, thread: str, **more: Any) -> SessionPlan:
        agent = [sys.executable, "-I", "-S", str(AGENT), "--sentinel", self.sentinel]
        agent += ["--thread", thread, "--log", str(self.folder / f"{thread}.log")]
        return SessionPlan(thread, [*agent, "--store", str(self.folder), "--census"], **more)

    def facts(self, thread: str, kind: str) -> list[str]:
        return [f.text for f in self.node.facts if (f.thread, f.kind) == (thread, kind)]

    async def told(self, thread: str, kind: str, count: int = 1) -> str:
        await self.node.wait(
            lambda: len(self.facts(thread, kind)) >= count, f"{kind} of {thread}", WAIT_S
        )
        return self.facts(thread, kind)[count - 1]

    def whole(self, thread: str) -> bool:
        receipts = [r for r in self.node.receipts if r.thread == thread]
        balance = writes.compare(writes.read(self.folder / f"{thread}.log"), receipts)
        return not (balance.lost or balance.doubled or balance.strange or balance.disordered)

    def agents(self) -> list[processes.Seen]:
        return processes.agents(self.sentinel)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    scene = Scene(tmp_path)
    await scene.node.start()
    yield scene
    await scene.node.stop()
    assert not await processes.until_none(scene.agents, WAIT_S)


async def test_a_crash_in_a_tree_loses_nothing_and_brings_back_what_was_below(
    scene: Scene,
) -> None:
    for thread, parent in (("a", None), ("b", "a"), ("c", "b")):
        await scene.node.open(scene.plan(thread, parent=parent))
    await scene.node.send("b", "say 20 5; ask; crash out of cheese")
    request = await scene.told("b", "request")
    await scene.node.drop()
    await scene.node.reconnect()
    await scene.node.answer("b", request)
    await scene.told("c", "ready", 2)
    await scene.node.send("b", "recall")
    assert await scene.told("b", "recall") == "2"
    assert scene.facts("a", "exited") == []
    assert scene.facts("b", "turn-ended")[0] == "failed"
    assert scene.whole("b")
    assert writes.censuses(scene.folder / "c.log") == [0, 0]
    said = [line for line in scene.node.log_lines() if "out of cheese" in line]
    assert said
    assert all('"b/1/turn-1"' in line for line in said)
    await scene.node.close("a")
    assert not scene.agents()


async def test_a_stop_ends_what_has_left_the_group_but_not_the_tree(scene: Scene) -> None:
    await scene.node.open(scene.plan("a"))
    await scene.node.send("a", "tool; say 1 0")
    await scene.told("a", "turn-ended")
    assert len(scene.agents()) == 2
    await scene.node.close("a")
    assert not scene.agents()


async def test_a_turn_that_stalls_and_one_that_is_cancelled_have_one_end_each(
    scene: Scene,
) -> None:
    await scene.node.open(scene.plan("silent", limits={"stallMs": 300}))
    await scene.node.open(scene.plan("asks", limits={"stallMs": 300}))
    await scene.node.send("asks", "ask")
    await scene.node.send("silent", "say 3; hang")
    await scene.told("silent", "ready", 2)
    assert scene.facts("silent", "turn-ended") == ["failed"]
    assert scene.facts("asks", "turn-ended") == []  # a person may take their time
    await scene.node.interrupt("asks")
    assert await scene.told("asks", "turn-ended") == "interrupted"
    assert len(scene.facts("asks", "resolved")) == 1


async def test_what_is_sent_twice_with_a_key_is_done_once(scene: Scene) -> None:
    await scene.node.open(scene.plan("a"))
    for _ in range(2):
        await scene.node.send("a", "recall", "key")
        await scene.told("a", "turn-ended")
    await scene.node.send("a", "recall", "another key")
    await scene.told("a", "recall", 2)
    assert scene.facts("a", "recall") == ["1", "2"]


async def test_memory_over_the_budget_ends_the_one_who_has_it(scene: Scene) -> None:
    await scene.node.open(scene.plan("eats", limits={"memoryHardBytes": 60 * 1024 * 1024}))
    await scene.node.send("eats", "leak 100")
    assert "bytes, more than" in await scene.told("eats", "exited")
    await scene.told("eats", "ready", 2)


async def test_a_rejection_ends_the_session_whose_code_it_was_and_no_other(scene: Scene) -> None:
    await scene.node.open(scene.plan("faulty", faulty=True))
    await scene.node.open(scene.plan("sibling"))
    await scene.node.send("sibling", "say 100 10")
    await scene.node.send("faulty", "say 1; quiet 50; poison raise")
    assert "its code has failed: there is no raise" in await scene.told("faulty", "exited")
    await scene.told("faulty", "ready", 2)
    await scene.node.send("faulty", "recall")
    assert await scene.told("faulty", "recall") == "2"
    assert await scene.told("sibling", "turn-ended") == "completed"
    assert scene.whole("sibling")


async def test_a_crash_leaves_nothing_that_has_kept_its_environment(scene: Scene) -> None:
    await scene.node.open(scene.plan("a"))
    await scene.node.send("a", "tool; say 1; crash")
    await scene.told("a", "ready", 2)
    assert writes.censuses(scene.folder / "a.log") == [0, 0]


async def test_after_its_death_the_next_start_sweeps_and_brings_all_back(scene: Scene) -> None:
    await scene.node.open(scene.plan("a"))
    await scene.node.open(scene.plan("b", parent="a"))
    await scene.node.send("a", "tool; say 1")
    await scene.told("a", "turn-ended")
    old = {seen.pid for seen in scene.agents()}
    os.kill(scene.node.main_pid, signal.SIGKILL)
    await scene.node.died()
    assert old & {seen.pid for seen in scene.agents()}
    await scene.node.start()
    assert not old & {seen.pid for seen in scene.agents()}
    for thread in ("a", "b"):
        await scene.told(thread, "ready", 2)
    await scene.node.send("a", "recall")
    assert await scene.told("a", "recall") == "2"


async def test_a_flood_waits_in_its_pipe_for_a_consumer_that_is_stuck(scene: Scene) -> None:
    await scene.node.open(scene.plan("floods"))
    await scene.node.hold()
    await scene.node.send("floods", "flood 60000 200")
    await _settles(lambda: len(writes.read(scene.folder / "floods.log").gone))
    assert len(writes.read(scene.folder / "floods.log").gone) < 60_000
    await scene.node.release()
    assert await scene.told("floods", "turn-ended") == "completed"
    assert scene.node.figures() == {"broken": [], "gaps": []}
    assert scene.whole("floods")


async def _settles(count: Callable[[], int]) -> None:
    """Wait until a count has not grown for a while."""
    before = -1
    while (now := count()) != before or not now:
        before = now
        await asyncio.sleep(0.5)
