"""Sessions come and go: started, used, stopped, a few at a time, hundreds of them.

Claims: nothing of a stopped session lives; the system's descriptors, threads and zombies do not
grow with the number of sessions that it has had, nor does its memory: what it keeps of each, to
resume it, is next to nothing.
"""

import asyncio
import time
from functools import partial
from typing import Any

from tests.scorecard.model import Arena, Outcome, RowSpec
from tests.scorecard.observe import processes
from tests.scorecard.rows.kit import Stage, settled

AT_ONCE = 4
DAEMON_EACH = 10
"""Every so many sessions one leaves a process that hears no SIGTERM: its stop takes longer."""

FILLING = "flood 15000 200"
"""Over 6 MB of events: ours keeps 4 MiB of the newest in memory."""

SPARE_DESCRIPTORS = 8
SPARE_THREADS = 4
GROWTH = 1.05
"""Memory at the end, over that after the first part (issue: within 5 %)."""


async def run(arena: Arena) -> Outcome:
    """Run the row."""
    stage = Stage(arena)
    await arena.system.start()
    first, all_ = (8, 20) if arena.quick else (100, 500)
    await stage.stream_siblings(2, 300 if arena.quick else 2500, 20)
    if not arena.quick:
        await _fill(stage)
    before = _look(stage)
    began = time.monotonic()
    await _churn(stage, range(first))
    warm_bytes = processes.pss_bytes([arena.system.main_pid])
    await _churn(stage, range(first, all_))
    seconds = time.monotonic() - began
    after_bytes = processes.pss_bytes([arena.system.main_pid])
    after = await _quiet(stage, before)
    for name, spare in (("descriptors", SPARE_DESCRIPTORS), ("threads", SPARE_THREADS)):
        grown = after[name] - before[name]
        stage.judge.must(grown <= spare, f"{grown} more {name} after {all_} sessions")
    stage.judge.must(not after["zombies"], f"{after['zombies']} zombies")
    if not arena.quick and stage.ours:
        fits = after_bytes <= warm_bytes * GROWTH
        stage.judge.must(fits, f"memory grew from {warm_bytes} to {after_bytes} bytes")
    return await stage.finish(
        f"{all_} sessions are started, used and stopped, {AT_ONCE} at a time.",
        memory_before_bytes=warm_bytes,
        memory_after_bytes=after_bytes,
        extra={
            "cycles": all_,
            "keptBytesEach": round((after_bytes - warm_bytes) / (all_ - first)),
            "msEach": round(seconds * 1000 * AT_ONCE / all_, 1),
            "before": before,
            "after": after,
        },
    )


async def _fill(stage: Stage) -> None:
    """Say more than a system keeps of its newest events, so that what is bounded is full."""
    await stage.open("filler")
    await stage.turn("filler", FILLING)
    await stage.system.close("filler")


async def _churn(stage: Stage, numbers: range) -> None:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        thread = f"churn-{number}"
        words = "daemon; masked; tool" if number % DAEMON_EACH == 0 else "tool"
        async with gate:
            await stage.open(thread)
            await stage.turn(thread, f"{words}; say 3 0")
            await stage.system.close(thread)
            left = stage.living(thread)
            stage.judge.must(not left, f"a stopped session lives on: {left[:2]}")

    await asyncio.gather(*(one(number) for number in numbers))


def _look(stage: Stage) -> dict[str, Any]:
    """Count what the system's long-lived processes hold: all but what hosts come and go."""
    pids = [seen.pid for seen in stage.own()]
    return {
        "descriptors": processes.descriptors(stage.system.main_pid),
        "threads": processes.threads(stage.system.main_pid),
        "zombies": processes.zombies_of(pids),
        "ownProcesses": len(pids),
    }


async def _quiet(stage: Stage, before: dict[str, Any]) -> dict[str, Any]:
    """Look again once what is closing has closed."""
    for name, spare in (("descriptors", SPARE_DESCRIPTORS), ("zombies", 0)):
        await settled(partial(_count, stage, name), before[name] + spare, stage.end_s)
    return _look(stage)


def _count(stage: Stage, name: str) -> int:
    count: int = _look(stage)[name]
    return count


ROW = RowSpec(
    "churn",
    "500 sessions come and go",
    run,
    ("no-census", "no-close"),
    settings={"stopMs": 2000},
    timeout_s=240.0,
)
