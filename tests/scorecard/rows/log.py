"""A crash is explained by one log: every line that is needed, found by one word.

Claims: the lines that carry a session's correlation tell its start, its agent's pid, the agent's
own last words, how it ended and that it was started again; no line of another session does.
"""

import time

from tests.scorecard.model import Arena, Outcome, RowSpec
from tests.scorecard.rows.kit import Stage

VICTIM = "victim"
LAST_WORDS = "the-frobnicator-is-jammed"
EXIT_CODE = "70"


async def run(arena: Arena) -> Outcome:
    """Run the row."""
    stage = Stage(arena)
    await arena.system.start()
    await stage.stream_siblings(2, 100, 20)
    await stage.open(VICTIM)
    first_pid = stage.agent_pid(VICTIM)
    crashed_ns = time.monotonic_ns()
    await arena.system.send(VICTIM, f"say 10 5; crash {LAST_WORDS}")
    recovery_ms = await stage.recover(VICTIM, crashed_ns)
    second_pid = stage.agent_pid(VICTIM)
    await stage.siblings_end()
    word = arena.system.correlation(VICTIM)
    all_lines = arena.system.log_lines()
    lines = [line for line in all_lines if word in line]
    needed = {
        "the pid of the agent that crashed": str(first_pid),
        "its last words": LAST_WORDS,
        "its exit code": EXIT_CODE,
        "the pid of the next agent": str(second_pid),
    }
    missing = [what for what, text in needed.items() if not any(text in line for line in lines)]
    stage.judge.must(not missing, f"the log does not tell {', '.join(missing)}")
    for sibling in stage.siblings:
        foreign = [line for line in lines if sibling in line]
        stage.judge.must(not foreign, f"a line of {sibling} is among them")
    return await stage.finish(
        "An agent says why and crashes; one filter of the log tells the whole story.",
        recovery_ms=round(recovery_ms, 1),
        extra={
            "filter": word,
            "linesInAll": len(all_lines),
            "linesFound": len(lines),
            "story": lines[:20],
        },
    )


ROW = RowSpec("log", "A crash explained by one correlated log", run, ("no-cid",))
