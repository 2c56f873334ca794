"""A flag that tasks wait for, and that costs next to nothing while nobody does.

An asyncio.Event has a queue from its beginning, 760 bytes; a session that has ended keeps several
flags, and a thousand of them are kept.
"""

import asyncio


class Flag:
    """Like asyncio.Event."""

    __slots__ = ("_event", "_value")

    def __init__(self) -> None:
        self._value = False
        self._event: asyncio.Event | None = None
        """There while somebody waits."""

    def is_set(self) -> bool:
        """Tell whether it is set."""
        return self._value

    def set(self) -> None:
        """Set it and wake everybody who waits."""
        self._value = True
        if self._event is not None:
            self._event.set()
            self._event = None

    def clear(self) -> None:
        """Unset it; who waits from now on waits for the next set."""
        self._value = False

    async def wait(self) -> None:
        """Return at once when it is set, else at the next set."""
        if self._value:
            return
        if self._event is None:
            self._event = asyncio.Event()
        await self._event.wait()
