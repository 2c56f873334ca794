"""Runs the supervisor's event loop, and ends the process where that cannot go on.

    running ── the coroutine has ended ──► leaving ── all tasks have ended, or LEAVE_S ──► exit
       └────── the loop itself has failed ──► exit at once

A loop that has failed (no memory for its own lists, say) must not be asked to stop anything: what
waits for it would wait for ever, and an app keeps a process that lives. Its end is as a kill: who
adopts the hosts ends them, the app starts another supervisor, and the sessions come back.
"""

import asyncio
import contextlib
import faulthandler
import os
import traceback
from collections.abc import Coroutine
from typing import Any

EX_SOFTWARE = 70

LEAVE_S = 5.0
"""The coroutine's end to that of all tasks that it has left; then their stacks are on stderr."""


def run(main: Coroutine[Any, Any, None], *, leave_s: float = LEAVE_S) -> None:
    """Run a coroutine to its end. Raises what it raises; does not return when the loop fails."""
    over = False

    async def whole() -> None:
        nonlocal over
        try:
            await main
        finally:
            over = True

    runner = asyncio.Runner()
    try:
        runner.run(whole())
    except BaseException:
        if not over:
            with contextlib.suppress(BaseException):  # there may be no memory for a traceback
                traceback.print_exc()
            os._exit(EX_SOFTWARE)
        raise
    finally:
        with contextlib.suppress(RuntimeError):  # no thread for it
            faulthandler.dump_traceback_later(leave_s, exit=True)
        runner.close()
        faulthandler.cancel_dump_traceback_later()
