"""A provider hangs in mid-turn: one that a watchdog must notice, one that ignores every stop.

Claims: a turn without progress is ended and the session resumed with its conversation; a stop of
an agent that hears neither cancel nor EOF nor SIGTERM ends it, with all that it has started.
"""

import time

from tests.scorecard.model import Arena, Outcome, RowSpec
from tests.scorecard.observe import processes
from tests.scorecard.rows.kit import Stage

SILENT, DEAF = "silent", "deaf"
STALL_MS = 2_000
STOP_MS = 2_000


async def run(arena: Arena) -> Outcome:
    """Run the row."""
    stage = Stage(arena)
    await arena.system.start()
    await stage.stream_siblings(3, 250 if arena.quick else 600, 20)
    await stage.open(SILENT, limits={"stallMs": STALL_MS})
    await stage.open(DEAF, deaf=True)
    before_bytes = stage.own_pss()
    await arena.system.send(DEAF, "tool; daemon; masked; say 10 5; hang")
    await arena.system.send(SILENT, "say 10 5; hang")
    await stage.heard(SILENT, 10)
    hung_ns = time.monotonic_ns()
    recovery_ms = await stage.recover(SILENT, hung_ns, within_s=STALL_MS * 3 / 1000 + 5)
    ends = stage.facts(SILENT, "turn-ended", since_ns=hung_ns)
    stage.judge.must(len(ends) == 2, f"the hung turn and the next one have {len(ends)} ends")
    if stage.ours:
        told = stage.mentions(SILENT, "stalled", hung_ns)
        stage.judge.must(told, "nothing told that the turn had stalled")
    stop_ms = await _stop(stage)
    left = len(stage.living(DEAF))
    until_ns = time.monotonic_ns()
    return await stage.finish(
        "A turn goes silent and is ended and resumed; an agent deaf to every stop is stopped.",
        recovery_ms=round(recovery_ms, 1),
        memory_before_bytes=before_bytes,
        memory_after_bytes=stage.own_pss(),
        processes_left=left,
        extra={
            "stallLimitMs": STALL_MS,
            "stopOfTheDeafMs": round(stop_ms, 1),
            "siblingP99BeforeMs": stage.sibling_p99(0, hung_ns),
            "siblingP99DuringMs": stage.sibling_p99(hung_ns, until_ns),
        },
    )


async def _stop(stage: Stage) -> float:
    """Stop the deaf one; return the ms until all of it was gone."""
    began = time.monotonic()
    await stage.heard(DEAF, 10)
    await stage.system.close(DEAF)
    left = await processes.until_none(lambda: stage.living(DEAF), stage.end_s)
    stage.judge.must(not left, f"the stopped agent lives on: {left[:3]}")
    return (time.monotonic() - began) * 1000


ROW = RowSpec(
    "hang",
    "A provider hangs",
    run,
    ("no-stall-watch", "no-kill"),
    settings={"stopMs": STOP_MS},
)
