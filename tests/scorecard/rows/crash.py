"""A provider crashes in mid-turn: killed while it asks for a permission, then by its own hand.

Claims: all that it said arrives, what it asked is resolved, its turn ends once, nothing that it
started is alive when its next generation begins, and the conversation goes on, its history not
said anew. One that falls again and again is restarted after growing pauses, and not for ever.
"""

import os
import signal
import time

from tests.scorecard.model import Arena, Outcome, RowSpec
from tests.scorecard.observe import processes, writes
from tests.scorecard.rows.kit import Stage, settled

VICTIM = "victim"
DOOMED = "doomed"
LAST_WORDS = "boom-of-the-victim"
RESTARTS = 3
"""What is granted to the doomed one in a minute."""

BACKOFF_S = 0.5
"""The least pause before the first restart; each further one is twice as long (ARCHITECTURE §3)."""


async def run(arena: Arena) -> Outcome:
    """Run the row."""
    stage = Stage(arena)
    await arena.system.start()
    await stage.stream_siblings(3, 150 if arena.quick else 400, 20)
    await stage.open(VICTIM)
    before_bytes = stage.own_pss()
    began_ns = time.monotonic_ns()
    await arena.system.send(VICTIM, "tool; daemon; say 30 5; ask")
    asked = await stage.told(VICTIM, "request")
    killed_ns = time.monotonic_ns()
    os.kill(stage.agent_pid(VICTIM), 9)
    recovery_ms = await stage.recover(VICTIM, killed_ns)
    resolved = stage.facts(VICTIM, "resolved")
    stage.judge.must(
        [fact.text for fact in resolved] == [asked.text], "its request was not resolved once"
    )
    crashed_ns = time.monotonic_ns()
    await _crash_behind_a_busy_reader(stage)
    again_ms = await stage.recover(VICTIM, crashed_ns)
    _judge_turns(stage, began_ns)
    pauses_s = await _fall_again_and_again(stage)
    until_ns = time.monotonic_ns()
    return await stage.finish(
        "An agent is killed while it asks for a permission; resumed, it says a lot and crashes. "
        f"Another falls {RESTARTS + 1} times in a row.",
        recovery_ms=round(recovery_ms, 1),
        memory_before_bytes=before_bytes,
        memory_after_bytes=stage.own_pss(),
        extra={
            "secondRecoveryMs": round(again_ms, 1),
            "pausesS": pauses_s,
            "siblingP99BeforeMs": stage.sibling_p99(0, killed_ns),
            "siblingP99DuringMs": stage.sibling_p99(killed_ns, until_ns),
        },
    )


async def _crash_behind_a_busy_reader(stage: Stage) -> None:
    """Have it say a pipe's worth and crash while whoever reads it has no time for it."""
    agent = stage.agent_pid(VICTIM)
    reader = stage.host_pid(VICTIM) or stage.system.main_pid
    gate = stage.gate(VICTIM)
    await stage.system.send(VICTIM, f"gate {gate}; burst 200 100; crash {LAST_WORDS}")
    os.kill(reader, signal.SIGSTOP)
    try:
        gate.touch()
        await settled(lambda: processes.is_running(agent), 0, stage.ready_s)
    finally:
        os.kill(reader, signal.SIGCONT)


async def _fall_again_and_again(stage: Stage) -> list[float]:
    """Kill one whenever it is up; return the seconds until its next agent began, each time.

    Then it is given up, and stays down until a person starts it again.
    """
    limits = {"maxRestarts": RESTARTS, "maxSeconds": 60}
    await stage.open(DOOMED, restart=limits)
    await stage.turn(DOOMED, "say 3 0")
    pauses_s: list[float] = []
    for number in range(RESTARTS + 1):
        killed_ns = time.monotonic_ns()
        os.kill(stage.agent_pid(DOOMED), 9)
        next_ = await stage.told(DOOMED, "ready", "gave-up", since_ns=killed_ns)
        if next_.kind == "gave-up":
            break
        began_ns = writes.starts(stage.log(DOOMED))[-1]
        pauses_s.append(round((began_ns - killed_ns) / 1e9, 2))
        least_s = BACKOFF_S * 2**number
        hasty = f"{DOOMED} was restarted within its pause of {least_s:g} s: {pauses_s}"
        stage.judge.must(pauses_s[-1] >= least_s, hasty)
    falls = f"{DOOMED} was restarted {len(pauses_s)} times, not {RESTARTS}"
    stage.judge.must(len(pauses_s) == RESTARTS, falls)
    await stage.by_hand(DOOMED)
    await stage.speaks_again(DOOMED, killed_ns)
    return pauses_s


def _judge_turns(stage: Stage, since_ns: int) -> None:
    begun = len(stage.facts(VICTIM, "turn-started", since_ns=since_ns))
    ended = len(stage.facts(VICTIM, "turn-ended", since_ns=since_ns))
    stage.judge.must(begun == ended == 4, f"{begun} turns began and {ended} ended, of 4")


ROW = RowSpec(
    "crash",
    "A provider crashes in mid-turn",
    run,
    (
        "no-restart",
        "no-ledger",
        "no-turn-end",
        "no-drain",
        "no-fence",
        "no-subreaper",
        "no-mute",
        "no-backoff",
        "no-intensity",
    ),
    settings={"stopMs": 2000},
)
