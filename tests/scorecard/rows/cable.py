"""The cable to the consumer is pulled, then the system's main process is killed, then all of it.

Claims: what is said while the consumer is away arrives once when it comes back, and what it asks
for twice, as it got no answer, is done once; whatever the consumer was shown is still there after a
SIGKILL; nothing below a killed system lives on, also when one of its processes cannot react, or is
the only one left; the next start sweeps what was killed all at once, and resumes.
What was in flight within a second of a kill is no loss: a pipe dies with its reader.
"""

import asyncio
import os
import secrets
import signal
import time

from tests.scorecard.model import Arena, Outcome, RowSpec, SystemFailedError
from tests.scorecard.observe import processes
from tests.scorecard.rows.kit import Stage, settled

LONG = "say 100000 20"
AWAY_S = 2.5
ANOTHER_S = 1.0
"""The last of some prompts to the answer of one more that must not be there."""

THREADS = ("a", "b", "stopped")
WEDGED = "wedged"


async def run(arena: Arena) -> Outcome:
    """Run the row."""
    stage = Stage(arena)
    system = arena.system
    await system.start()
    gate = stage.gate("away")
    await stage.stream_siblings(3, 20, 20, f"gate {gate}; say 80 20")
    await system.drop()
    gate.touch()
    await asyncio.sleep(AWAY_S / 2)
    await system.reconnect()
    await stage.siblings_end()
    affected = stage.affected()
    stage.judge.must(not affected, f"a pulled cable has touched {affected}")
    stage.siblings, stage.strangers = {}, set(stage.siblings)
    await stage.open_all(THREADS)
    await _ask_twice(stage)
    before_bytes = stage.own_pss()
    recovery_ms, end_ms = await _kill_main(stage)
    sweep_ms = await _kill_all(stage)
    return await stage.finish(
        "The consumer's cable is pulled in mid-stream; then the main process is killed while a "
        "process below is stopped; then all processes at once.",
        recovery_ms=round(recovery_ms, 1),
        memory_before_bytes=before_bytes,
        memory_after_bytes=stage.own_pss(),
        extra={"endOfAllMs": round(end_ms, 1), "sweepAndResumeMs": round(sweep_ms, 1)},
    )


async def _ask_twice(stage: Stage) -> None:
    """A consumer whose answer was lost with its cable asks again: the prompt must run once."""
    thread, key = THREADS[0], secrets.token_hex(8)
    await stage.system.send(thread, "recall", key)
    await stage.told(thread, "turn-ended")
    await stage.system.drop()
    await stage.system.reconnect()
    await stage.system.send(thread, "recall", key)
    try:
        for _ in range(2):  # the end of one that runs again may be taken for the first one's
            await stage.turn(thread, "recall")
    except SystemFailedError as error:  # refused: the one that runs again is in its way
        stage.judge.must(False, f"of three prompts, one sent twice, another one ran: {error}")

    def missing() -> int:
        return 4 - len(stage.facts(thread, "recall"))

    await settled(missing, 0, ANOTHER_S)
    said = [fact.text for fact in stage.facts(thread, "recall")]
    stage.judge.must(
        said == ["1", "2", "3"], f"of three prompts, one sent twice, these ran: {said}"
    )


async def _stream(stage: Stage) -> None:
    since_ns = time.monotonic_ns()
    for thread in THREADS:
        await stage.system.send(thread, f"tool; daemon; masked; {LONG}")
    for thread in THREADS:
        await stage.heard(thread, 10, since_ns)


async def _kill_main(stage: Stage) -> tuple[float, float]:
    """SIGKILL the main process in mid-stream, one host stopped; all below must end."""
    await _stream(stage)
    await asyncio.sleep(AWAY_S / 2)
    host = stage.host_pid("stopped")
    if host is not None:
        os.kill(host, signal.SIGSTOP)
    killed_ns = _killed(stage)
    os.kill(stage.system.main_pid, signal.SIGKILL)
    left = await processes.until_none(stage.living, stage.end_s)
    end_ms = (time.monotonic_ns() - killed_ns) / 1e6
    stage.judge.must(
        not left, f"{len(left)} live {stage.end_s:g} s after the main process: {left[:2]}"
    )
    await stage.start_again()
    return await _resumed(stage, killed_ns), end_ms


async def _kill_all(stage: Stage) -> float:
    """SIGKILL all of the system's own processes while the consumer is away; start again.

    All but a host whose code spins, where there are hosts: it has nobody left who would end it.
    """
    await _stream(stage)
    host = await _wedge(stage)
    await stage.system.drop()
    await asyncio.sleep(AWAY_S)
    old = {seen.pid for seen in stage.living()}
    killed_ns = _killed(stage)
    processes.kill(seen for seen in stage.own() if seen.pid != host)
    if host is not None:
        left = await processes.until_none(lambda: stage.living(WEDGED), stage.end_s)
        stage.judge.must(not left, f"a host that spins has outlived all others: {left[:2]}")
    await stage.start_again()

    def unswept() -> list[processes.Seen]:
        return [seen for seen in stage.living() if seen.pid in old]

    left = await processes.until_none(unswept, stage.end_s)
    stage.judge.must(not left, f"the next start has swept {len(left)} not: {left[:2]}")
    return await _resumed(stage, killed_ns)


async def _wedge(stage: Stage) -> int | None:
    """Have the code of one session spin; return its host, None where it has none of its own."""
    await stage.open(WEDGED, faulty=True)
    host = stage.host_pid(WEDGED)
    if host is not None:
        await stage.poison(WEDGED, "spin", "tool; daemon")
    return host


def _killed(stage: Stage) -> int:
    now_ns = time.monotonic_ns()
    for thread in THREADS:
        stage.cut_at_ns.setdefault(thread, []).append(now_ns)
    return now_ns


async def _resumed(stage: Stage, killed_ns: int) -> float:
    """After a new start the sessions come back by themselves. Ms from the kill to the last one."""
    gaps = stage.system.figures().get("gaps", [])
    stage.judge.must(not gaps, f"what the consumer was shown is gone: {gaps}")
    recovery_ms = await asyncio.gather(*(stage.recover(name, killed_ns) for name in THREADS))
    return max(recovery_ms)


ROW = RowSpec(
    "cable",
    "The bridge disconnects in mid-stream",
    run,
    ("no-replay", "no-dedupe", "no-commit", "no-undertaker", "no-guard", "no-marks", "no-tag"),
    settings={"stopMs": 2000},
)
