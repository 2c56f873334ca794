"""A tree three deep: a middle session crashes, then all is cancelled, then all is stopped.

Claims: a crash takes down and brings back what is below it and nothing else; a cancel and a stop
of the root reach every session, children before their parents, also one that waits for a person.
"""

import asyncio
import os
import time

from tests.scorecard.model import Arena, Outcome, RowSpec, SystemFailedError
from tests.scorecard.observe import processes
from tests.scorecard.rows.kit import Stage

ROOT = "root"
CRASHES = "root.1"
ASKS = "root.2.1"


async def run(arena: Arena) -> Outcome:
    """Run the row."""
    stage = Stage(arena)
    await arena.system.start()
    width = 2 if arena.quick else 3
    parents = _family(width)
    for thread, parent in parents.items():
        await stage.open(thread, parent=parent)
    before_bytes = stage.own_pss()
    below = [thread for thread in parents if thread.startswith(f"{CRASHES}.")]
    recovery_ms = await _crash(stage, [*parents], below)
    cancel_ms = await _cancel(stage, [*parents])
    stop_ms = await _stop(stage, parents)
    return await stage.finish(
        f"In a tree of {len(parents)} a middle session crashes; then all is cancelled and stopped.",
        recovery_ms=round(recovery_ms, 1),
        memory_before_bytes=before_bytes,
        memory_after_bytes=stage.own_pss(),
        extra={
            "sessions": len(parents),
            "cancelMs": round(cancel_ms, 1),
            "stopMs": round(stop_ms, 1),
        },
    )


def _family(width: int) -> dict[str, str | None]:
    """Return thread → parent, in order of start: 1 + width + width²."""
    parents: dict[str, str | None] = {ROOT: None}
    for number in range(1, width + 1):
        parents[f"{ROOT}.{number}"] = ROOT
    for number in range(1, width + 1):
        for leaf in range(1, width + 1):
            parents[f"{ROOT}.{number}.{leaf}"] = f"{ROOT}.{number}"
    return parents


async def _crash(stage: Stage, threads: list[str], below: list[str]) -> float:
    """Kill the agent of a middle session while all stream; wait until its tree is back."""
    others = [thread for thread in threads if thread != CRASHES and thread not in below]
    stage.siblings = {thread: stage.agent_pid(thread) for thread in others}
    await asyncio.gather(*(stage.system.send(thread, "say 150 10") for thread in threads))
    for thread in threads:
        await stage.heard(thread, 3)
    killed_ns = time.monotonic_ns()
    os.kill(stage.agent_pid(CRASHES), 9)
    if stage.ours:
        for thread in below:
            await stage.told(thread, "exited", since_ns=killed_ns)
    recovery_ms = await stage.recover(CRASHES, killed_ns)
    for thread in below:
        if stage.facts(thread, "exited", since_ns=killed_ns):
            await stage.recover(thread, killed_ns)
    for thread in others:
        await stage.told(thread, "turn-ended")
    affected = stage.affected()
    stage.judge.must(not affected, f"touched by a crash beside them: {affected}")
    stage.siblings, stage.strangers = {}, set(others)  # what follows happens to all of them
    return recovery_ms


async def _cancel(stage: Stage, threads: list[str]) -> float:
    """Cancel the root's turn while all have one; return the ms until the last has ended."""
    began_ns = time.monotonic_ns()
    for thread in threads:
        words = "say 3 5; ask" if thread == ASKS else "say 100000 20"
        await stage.system.send(thread, words)
    await stage.told(ASKS, "request", since_ns=began_ns)
    cancelled_ns = time.monotonic_ns()
    await stage.system.interrupt(ROOT)
    for thread in threads:
        try:
            end = await stage.told(thread, "turn-ended", since_ns=began_ns, timeout_s=stage.ready_s)
        except SystemFailedError:
            stage.judge.must(False, f"the cancelled turn of {thread} did not end")
            continue
        fits = end.text in ("cancelled", "interrupted") and end.at_ns >= cancelled_ns
        stage.judge.must(fits, f"the cancelled turn of {thread} has ended as {end.text}")
    resolved = len(stage.facts(ASKS, "resolved", since_ns=began_ns))
    stage.judge.must(resolved == 1, f"the open request was resolved {resolved} times")
    return (time.monotonic_ns() - cancelled_ns) / 1e6


async def _stop(stage: Stage, parents: dict[str, str | None]) -> float:
    """Stop the root; every session must exit once, no parent before a child of its own."""
    began_ns = time.monotonic_ns()
    await stage.system.close(ROOT)
    left = await processes.until_none(stage.living, stage.end_s)
    stop_ms = (time.monotonic_ns() - began_ns) / 1e6
    stage.judge.must(not left, f"{len(left)} processes of the stopped tree live on")
    order = [
        fact.thread
        for fact in stage.system.facts
        if fact.kind == "exited" and fact.at_ns >= began_ns
    ]
    stage.judge.must(sorted(order) == sorted(parents), f"exits of {sorted(order)}")
    for thread, parent in parents.items():
        if parent in order and thread in order:
            fits = order.index(thread) < order.index(parent)
            stage.judge.must(fits, f"{parent} has exited before its child {thread}")
    return stop_ms


ROW = RowSpec(
    "tree",
    "Sub-agent trees three deep: crash and cancel",
    run,
    ("no-cascade", "no-order"),
    settings={"stopMs": 3000},
)
