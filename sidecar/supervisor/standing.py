"""Where a session stands between its starts and its ends, for whoever waits for one of them.

Flags alone: what follows from one is the session's affair.
"""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

from sidecar.supervisor.flag import Flag
from sidecar.supervisor.patience import first_of


class Standing:
    """The flags of one session."""

    __slots__ = ("returned", "settled", "stopping", "suspended")

    def __init__(self) -> None:
        self.stopping = Flag()
        """Set from when it is to stop for good."""
        self.suspended = Flag()
        """Set from when the generation is to end for a restart until it has."""
        self.settled = Flag()
        """Set while no start is under way: the client may know of `ready` before we do."""
        self.returned = Flag()
        """Set while it is live, or down: while nothing of it is to come back by itself."""

    @property
    def ending(self) -> bool:
        """Whether the generation that is, or is to be, must end."""
        return self.stopping.is_set() or self.suspended.is_set()

    def starts(self) -> None:
        """Note that it begins to come up."""
        for flag in (self.stopping, self.suspended, self.settled, self.returned):
            flag.clear()

    def suspends(self) -> None:
        """Note that its generation is to end for a restart."""
        self.suspended.set()
        self.returned.clear()

    def is_down(self) -> None:
        """Note that nothing of it is under way, or to come."""
        self.settled.set()
        self.returned.set()

    async def unless_ending(self, wait: Coroutine[Any, Any, object]) -> None:
        """Wait for something, no longer than until the generation must end."""
        await first_of(wait, self.stopping.wait(), self.suspended.wait())

    async def wait(self, deadline_s: float, *, patient: bool) -> None:
        """Wait until no start is under way; if `patient`, until it is back for good or down."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline_s):
                await (self.returned if patient else self.settled).wait()
