"""A flag that tasks wait for, and that costs next to nothing while nobody does.

An asyncio.Event has a queue from its beginning, 760 bytes; a session that is parked keeps several
flags, and a thousand of them may be.
"""

import asyncio


class Flag:
    """Like asyncio.Event."""

    __slots__ = ("_value", "_waiters")

    def __init__(self) -> None:
        self._value = False
        self._waiters: set[asyncio.Future[None]] | None = None
        """There while somebody waits."""

    def is_set(self) -> bool:
        """Tell whether it is set."""
        return self._value

    def set(self) -> None:
        """Set it and wake everybody who waits."""
        self._value = True
        waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)

    def clear(self) -> None:
        """Unset it; who waits from now on waits for the next set."""
        self._value = False

    async def wait(self) -> None:
        """Return at once when it is set, else at the next set."""
        if self._value:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._waiters is None:
            self._waiters = set()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            if self._waiters is not None:
                self._waiters.discard(waiter)
                self._waiters = self._waiters or None
