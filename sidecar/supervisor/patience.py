"""Waiting: for the journal only so long, for the first of several, for what is settled once.

Stopping works without a journal (ARCHITECTURE §2).
"""

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any

from sidecar.contract.errors import SidecarError
from sidecar.journal import JournalUnavailable
from sidecar.observe.log import Log

JOURNAL_WAIT_S = 2.0
"""A commit takes a millisecond, on a busy disk a hundred; after this the disk is full or gone, and
what is to be stopped or killed must not wait for it."""

POOR_S = 0.01
POOR_TRIES = 500
"""Pauses of a loop that has no memory to wait in another way: other threads, or the system, give
some back. 5 s in all, in which nothing else is done."""


async def journalled(work: Awaitable[object], what: str, log: Log) -> bool:
    """Wait for a commit, JOURNAL_WAIT_S at most; False and a record in the log when it failed.

    What was queued is still committed if the journal recovers.
    """
    try:
        async with asyncio.timeout(JOURNAL_WAIT_S):
            await work
    except (TimeoutError, JournalUnavailable) as error:
        log.error("journal.not-in-time", what=what, error=repr(error))
        return False
    return True


async def first_of(*waits: Coroutine[Any, Any, object]) -> None:
    """Wait until one of them is over, and give the others up."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


def settle(future: asyncio.Future[Any], error: SidecarError | None = None) -> None:
    """Have who waits go on, with None or with `error`; nothing when it was settled before."""
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
        future.exception()  # marked as seen: the caller may be gone
