"""Memory leaks in one session: in its agent, then in its own session code.

Claims: within its budget nothing happens; beyond it the session is ended and resumed within the
promised 2 s, with the figures in the event, and what leaked is given back.
"""

import asyncio
import time

from tests.scorecard.model import Arena, Outcome, RowSpec, SystemFailedError
from tests.scorecard.observe import processes
from tests.scorecard.rows.kit import Stage, settled

MIB = 1024 * 1024
PROMISED_S = 2.0
"""From crossing the budget to the end of the session (issue: 300 MB, 50 MB/s)."""
LOOK_EVERY_S = 0.02


async def run(arena: Arena) -> Outcome:
    """Run the row."""
    stage = Stage(arena)
    budget_mib, rate = (150, 60) if arena.quick else (300, 50)
    limits = {"memoryHardBytes": budget_mib * MIB}
    await arena.system.start()
    await stage.stream_siblings(3, 350 if arena.quick else 1200, 20)
    await stage.open("agent-leaks", limits=limits)
    await stage.open("code-leaks", limits=limits, faulty=True)
    before_bytes = stage.own_pss()
    began_ns = time.monotonic_ns()
    figures = {}
    for thread, order in (("agent-leaks", "leak"), ("code-leaks", "poison leak")):
        figures[thread] = await _leak(stage, thread, f"say 5 5; {order} {rate}", budget_mib)
    until_ns = time.monotonic_ns()
    most_bytes = before_bytes + budget_mib * MIB // 2
    after_bytes = await settled(stage.own_pss, most_bytes, stage.end_s)
    kept_mib = (after_bytes - before_bytes) // MIB
    stage.judge.must(after_bytes <= most_bytes, f"kept of the leak: {kept_mib} MiB")
    agent, code = figures["agent-leaks"], figures["code-leaks"]
    return await stage.finish(
        f"An agent, then session code, grows by {rate} MB/s beyond its budget of {budget_mib} MB.",
        recovery_ms=max(agent["recoveryMs"], code["recoveryMs"]),
        memory_before_bytes=before_bytes,
        memory_after_bytes=after_bytes,
        extra={
            "agentLeak": agent,
            "codeLeak": code,
            "siblingP99BeforeMs": stage.sibling_p99(0, began_ns),
            "siblingP99DuringMs": stage.sibling_p99(began_ns, until_ns),
        },
    )


async def _leak(stage: Stage, thread: str, text: str, budget_mib: int) -> dict[str, float]:
    """Have a session leak until it is ended; figures: overMs (time beyond the budget) and peak."""
    await stage.system.send(thread, text)
    agent, host = stage.agent_pid(thread), stage.host_pid(thread)
    tree = [agent] if host is None else [agent, host]
    base = 0 if host is not None else processes.rss_bytes([stage.system.main_pid])
    peak, crossed_ns = 0, 0
    began_ns = time.monotonic_ns()
    bound_s = PROMISED_S * 3
    while processes.is_running(agent) and not stage.main_is_dead():
        grown = processes.rss_bytes(tree)
        if host is None:  # its code's heap is everybody's: count what it has grown by
            grown += max(0, processes.rss_bytes([stage.system.main_pid]) - base)
        peak = max(peak, grown)
        now_ns = time.monotonic_ns()
        if not crossed_ns and grown > budget_mib * MIB:
            crossed_ns = now_ns
        if crossed_ns and now_ns - crossed_ns > bound_s * 1e9:
            stage.judge.must(False, f"{thread} ran for {bound_s:g} s beyond its budget")
            await _stop_by_hand(stage, thread)
            break
        await asyncio.sleep(LOOK_EVERY_S)
    ended_ns = time.monotonic_ns()
    recovery_ms = await stage.recover(thread, began_ns)
    if stage.ours:
        told = stage.mentions(thread, "memory", began_ns)
        stage.judge.must(told, f"nothing told that {thread} was over its budget")
    return {
        "overMs": round((ended_ns - (crossed_ns or ended_ns)) / 1e6, 1),
        "peakMiB": round(peak / MIB, 1),
        "recoveryMs": round(recovery_ms - (ended_ns - began_ns) / 1e6, 1),
    }


async def _stop_by_hand(stage: Stage, thread: str) -> None:
    try:
        await stage.system.close(thread)
    except (SystemFailedError, TimeoutError):
        processes.kill(processes.agents(stage.arena.sentinel, thread))


ROW = RowSpec(
    "leak",
    "Memory leaks in one session",
    run,
    ("no-budget",),
    settings={"stopMs": 2000},
)
