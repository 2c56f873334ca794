"""Killing on the event loop until nothing is found; census.py has the blocking form of it."""

import asyncio
from collections.abc import Callable

from sidecar.process.census import KILL_LOOKS_MIN, Kill, Look


async def kill_all(look: Look, deadline_s: float, each: Callable[[], None] | None = None) -> Kill:
    """Kill what `look` finds until two looks in a row are empty or the deadline passes.

    `each` is called after every look that found something. What still lives at the deadline is in
    `survivors`; looks KILL_LOOKS_MIN times whatever it is.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline_s
    kill = Kill(look)
    while (pause_s := kill.step()) is not None:
        if kill.survivors and each is not None:
            each()
        if loop.time() >= end and kill.looks >= KILL_LOOKS_MIN:
            break
        await asyncio.sleep(pause_s)
    return kill
