"""Interrupting what runs below a session, before the session itself.

Children before their parents, siblings side by side: one that waits for a person, or does not
answer, has its share of time and no more. Owns that order; what an interrupt is, the provider says.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from sidecar.contract.errors import SidecarError
from sidecar.core.supervision import stop_order
from sidecar.observe.log import Log

BELOW_S = 5.0
"""What all levels below have together; the session itself has the rest of the method's deadline."""

Interrupt = Callable[[str, float], Awaitable[object]]


async def interrupt_below(
    root: str, parents: Mapping[str, str | None], interrupt: Interrupt, log: Log
) -> None:
    """Interrupt all below `root` by `interrupt(thread_id, deadline_s)`, each until it is done.

    `parents` are all sessions there are, in order of start. Whoever cannot be interrupted is
    logged, and the others go on.
    """
    line = [thread for thread in stop_order(parents, root) if thread != root]
    share_s = BELOW_S / max(1, _levels(line, parents, root))
    done: dict[str, asyncio.Task[None]] = {}
    try:
        for thread_id in line:
            first = [task for child, task in done.items() if parents[child] == thread_id]
            work = _after(first, thread_id, share_s, interrupt, log)
            done[thread_id] = asyncio.create_task(work, name=f"interrupt {thread_id}")
        if done:
            await asyncio.wait(done.values())
    finally:
        for task in done.values():
            task.cancel()


async def _after(
    first: list[asyncio.Task[None]], thread_id: str, share_s: float, interrupt: Interrupt, log: Log
) -> None:
    if first:
        await asyncio.wait(first)
    try:
        async with asyncio.timeout(share_s):
            await interrupt(thread_id, share_s)
    except (SidecarError, TimeoutError) as error:
        log.warning("interrupt.not-taken", thread=thread_id, error=repr(error))


def _levels(line: list[str], parents: Mapping[str, str | None], root: str) -> int:
    """Return how deep the tree below `root` is; `line` has children before their parents."""
    depth: dict[str | None, int] = {root: 0}
    for thread_id in reversed(line):
        depth[thread_id] = depth.get(parents[thread_id], 0) + 1
    return max(depth.values())
