"""Session code fails: an exception that nobody catches, then a loop that never ends.

The same planted defect in both systems: the handler of one message begins something asynchronous
that raises, or spins. Claims: the session whose code it is ends, says why and is resumed; no other
session notices.
"""

import time

from tests.scorecard.model import Arena, Outcome, RowSpec
from tests.scorecard.rows.kit import Stage

RAISES, SPINS = "raises", "spins"
BEAT_MS = 1_000


async def run(arena: Arena) -> Outcome:
    """Run the row."""
    stage = Stage(arena)
    await arena.system.start()
    await stage.stream_siblings(4, 400 if arena.quick else 800, 20)
    await stage.open(RAISES, faulty=True)
    await stage.open(SPINS, faulty=True)
    before_bytes = stage.own_pss()
    raised_ns = await stage.poison(RAISES, "raise")
    raise_ms = await stage.recover(RAISES, raised_ns)
    stage.judge.must(_reason(stage, RAISES, raised_ns), "nothing told of the exception")
    affected = stage.affected_now()
    spun_ns = await stage.poison(SPINS, "spin")
    spin_ms = await stage.recover(SPINS, spun_ns)
    until_ns = time.monotonic_ns()
    return await stage.finish(
        "Session code raises where nobody catches it, then spins for ever.",
        recovery_ms=round(max(raise_ms, spin_ms), 1),
        memory_before_bytes=before_bytes,
        memory_after_bytes=stage.own_pss(),
        extra={
            "raiseRecoveryMs": round(raise_ms, 1),
            "spinRecoveryMs": round(spin_ms, 1),
            "siblingsAffectedByRaise": len(affected),
            "siblingP99BeforeMs": stage.sibling_p99(0, raised_ns),
            "siblingP99DuringMs": stage.sibling_p99(raised_ns, until_ns),
        },
    )


def _reason(stage: Stage, thread: str, since_ns: int) -> bool:
    """Tell whether an exit says which exception it was."""
    exits = stage.facts(thread, "exited", since_ns=since_ns)
    return not stage.ours or any("KeyError" in fact.text for fact in exits)


ROW = RowSpec(
    "code",
    "Session code fails",
    run,
    ("no-heartbeat", "no-isolation", "no-owner"),
    settings={"hostBeatMs": BEAT_MS, "stopMs": 2000},
)
