"""Many sessions at a time: one crashes, one floods, and the consumer gets stuck for a while.

Claims: every word of every session arrives once, however many there are; a stuck consumer costs
the system no more than its window, behind which a flood waits in its agent's pipe, also when it has
come back to more than fits; a crash and a flood in the crowd touch nobody else.
"""

import asyncio
import os
import time
from typing import Any

from tests.scorecard.model import Arena, Outcome, RowSpec
from tests.scorecard.observe import writes
from tests.scorecard.rows.kit import Stage

MESSAGE_BYTES = 1024 * 1024
"""One message may overdraw the window (PROTOCOL §4, P4.8)."""

STUCK_S = 1.5
PIECE_BYTES = 200
LOOK_EVERY_S = 0.2
CROWD_S = 150.0


async def run(arena: Arena) -> Outcome:
    """Run the row."""
    stage = Stage(arena)
    await arena.system.start()
    before_bytes = stage.own_pss()
    sizes = (6, 12) if arena.quick else (50, 200)
    extra: dict[str, Any] = {"sizes": list(sizes)}
    recovery_ms = 0.0
    for size in sizes:
        figures = await _grow(stage, size)
        recovery_ms = max(recovery_ms, figures["recoveryMs"])
        extra[f"with{size}"] = figures
    window = arena.system.figures()
    over = window.get("unackedMostBytes", 0) - window.get("creditBytes", 0)
    stage.judge.must(over <= MESSAGE_BYTES, f"{over} bytes beyond the stuck consumer's window")
    extra["unackedMostBytes"] = window.get("unackedMostBytes")
    return await stage.finish(
        f"{sizes[0]}, then {sizes[1]} sessions stream; one crashes, one floods, the consumer is "
        "stuck, also when it has been away.",
        recovery_ms=recovery_ms,
        memory_before_bytes=before_bytes,
        memory_after_bytes=stage.own_pss(),
        extra=extra,
    )


async def _grow(stage: Stage, size: int) -> dict[str, Any]:
    """Bring the crowd to `size` sessions and have it stream; figures of this size.

    Delays are of what was said while the consumer was not stuck: what it takes in while it is
    differs from system to system.
    """
    arena = stage.arena
    names = [f"s{number}" for number in range(len(stage.strangers) + 1, size - 1)]
    flooder, victim = f"flooder-{size}", f"victim-{size}"
    began = time.monotonic()
    await stage.open_all([*names, flooder, victim])
    opening_s = time.monotonic() - began
    stage.strangers.update(names)
    crowd = sorted(stage.strangers)
    began_ns = time.monotonic_ns()
    pieces = 60 if arena.quick else 80
    await asyncio.gather(*(arena.system.send(name, f"say {pieces} 100") for name in crowd))
    await arena.system.send(victim, "say 1000 10")
    await stage.heard(victim, 5)
    held_ns = time.monotonic_ns()
    written = await _flood_a_stuck_consumer(stage, flooder)
    released_ns = time.monotonic_ns()
    killed_ns = time.monotonic_ns()
    os.kill(stage.agent_pid(victim), 9)
    recovery_ms = await stage.recover(victim, killed_ns)
    for name in [*crowd, flooder]:
        await stage.told(name, "turn-ended", since_ns=began_ns, timeout_s=CROWD_S)
    ends = [stage.facts(name, "turn-ended", since_ns=began_ns) for name in crowd]
    whole = [[fact.text for fact in facts] == ["completed"] for facts in ends]
    stage.judge.must(all(whole), f"{whole.count(False)} turns of the crowd did not complete")
    delays = [
        *stage.delays_ms(crowd, began_ns, held_ns),
        *stage.delays_ms(crowd, released_ns, time.monotonic_ns()),
    ]
    return {
        "floodedWhileStuck": written,
        "openMsEach": round(opening_s * 1000 / (len(names) + 2), 1),
        "p50Ms": _rounded(writes.percentile(delays, 0.5)),
        "p99Ms": _rounded(writes.percentile(delays, 0.99)),
        "recoveryMs": round(recovery_ms, 1),
        "pssMiB": round(stage.own_pss() / 1024 / 1024, 1),
    }


async def _flood_a_stuck_consumer(stage: Stage, flooder: str) -> int:
    """Flood one that is stuck, goes away, comes back and still is; how much was said meanwhile."""
    system, count = stage.system, 16_000 if stage.arena.quick else 20_000
    await system.hold()
    await system.send(flooder, f"flood {count} {PIECE_BYTES}")
    await asyncio.sleep(STUCK_S)  # for what should not come
    written = _written(stage, flooder)
    window = system.figures().get("creditBytes", count * PIECE_BYTES)
    fits = written * PIECE_BYTES <= window
    stage.judge.must(fits, f"{written} pieces of its flood were taken beyond a stuck consumer")
    await system.drop()
    end = time.monotonic() + stage.turn_s
    while _written(stage, flooder) < count and time.monotonic() < end:
        await asyncio.sleep(LOOK_EVERY_S)
    await system.reconnect()
    await _until_it_stands_still(stage)
    await system.release()
    return written


async def _until_it_stands_still(stage: Stage) -> None:
    """Wait until a stuck consumer's window is full, where there is one, and gets nothing more."""

    def unacked() -> tuple[int, int]:
        figures = stage.system.figures()
        return figures.get("unackedMostBytes", 0), figures.get("creditBytes", 0)

    await stage.system.wait(lambda: unacked()[0] >= unacked()[1], "a full window", stage.turn_s)
    before = None
    while before != (before := unacked()):
        await asyncio.sleep(STUCK_S)


def _written(stage: Stage, thread: str) -> int:
    return len(writes.read(stage.log(thread)).gone)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


ROW = RowSpec(
    "crowd",
    "50 and 200 sessions at a time",
    run,
    ("no-credit", "no-host-credit"),
    settings={"stopMs": 2000},
    timeout_s=300.0,
)
