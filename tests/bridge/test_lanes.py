"""Lanes: order within a session, none between sessions, nothing left behind."""

import asyncio

import pytest

from sidecar.bridge.lanes import Lanes


async def walk(lanes: Lanes, thread: str, name: str, log: list[str], gate: asyncio.Event) -> None:
    async with lanes.queue(thread):
        log.append(name)
        await gate.wait()


async def all_that_can_go_on() -> None:
    """Let every task run until it waits; nothing here waits for time."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.must("P5.9")
async def test_one_thread_is_in_order_and_others_do_not_wait() -> None:
    lanes, log, gates = Lanes(), list[str](), [asyncio.Event() for _ in range(3)]
    tasks = [asyncio.create_task(walk(lanes, "a", "a1", log, gates[0]))]
    tasks.append(asyncio.create_task(walk(lanes, "a", "a2", log, gates[1])))
    tasks.append(asyncio.create_task(walk(lanes, "b", "b1", log, gates[2])))
    await all_that_can_go_on()
    assert log == ["a1", "b1"]
    gates[0].set()
    await all_that_can_go_on()
    assert log == ["a1", "b1", "a2"]
    gates[1].set()
    gates[2].set()
    await asyncio.gather(*tasks)
    assert len(lanes) == 0


async def test_who_is_cancelled_while_waiting_blocks_nobody() -> None:
    lanes, log, gate = Lanes(), list[str](), asyncio.Event()
    first = asyncio.create_task(walk(lanes, "a", "1", log, gate))
    second = asyncio.create_task(walk(lanes, "a", "2", log, gate))
    third = asyncio.create_task(walk(lanes, "a", "3", log, gate))
    await all_that_can_go_on()
    second.cancel()
    gate.set()
    await asyncio.gather(first, third)
    assert log == ["1", "3"]
    assert len(lanes) == 0
    with pytest.raises(asyncio.CancelledError):
        await second


async def test_a_place_that_is_never_entered_can_be_left() -> None:
    lanes = Lanes()
    first, second = lanes.queue("a"), lanes.queue("a")
    lanes.leave(first)
    lanes.leave(first)
    async with asyncio.timeout(1):
        async with second:
            assert len(lanes) == 1
    assert len(lanes) == 0
