"""Interrupts go up a tree from its leaves; one that does not answer costs its share alone."""

import asyncio

import pytest

from sidecar.contract.errors import SessionClosed
from sidecar.observe.log import Log
from sidecar.supervisor.kin import interrupting
from sidecar.supervisor.kin.interrupting import interrupt_below

PARENTS = {"r": None, "a": "r", "b": "r", "a1": "a", "other": None}


@pytest.fixture
def log() -> Log:
    return Log()


async def test_children_go_before_their_parents_and_the_root_is_left_alone(log: Log) -> None:
    order: list[str] = []

    async def interrupt(thread_id: str, share_s: float) -> None:
        await asyncio.sleep(0)
        order.append(thread_id)

    await interrupt_below("r", PARENTS, interrupt, log)
    assert set(order) == {"a", "a1", "b"}
    assert order.index("a1") < order.index("a")


async def test_one_that_does_not_answer_delays_its_parent_for_its_share(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interrupting, "BELOW_S", 0.1)
    order: list[str] = []

    async def interrupt(thread_id: str, share_s: float) -> None:
        assert share_s == pytest.approx(0.05)
        if thread_id == "a1":
            await asyncio.Event().wait()
        if thread_id == "b":
            raise SessionClosed("it has just ended", provider="demo", threadId="b")
        order.append(thread_id)

    async with asyncio.timeout(10):
        await interrupt_below("r", PARENTS, interrupt, log)
    assert order == ["a"]


async def test_nobody_below_is_nothing_to_do(log: Log) -> None:
    async def interrupt(thread_id: str, share_s: float) -> None:
        raise AssertionError(thread_id)

    await interrupt_below("other", PARENTS, interrupt, log)
