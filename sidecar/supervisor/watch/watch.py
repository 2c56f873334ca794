"""Every watchdog of a supervisor, started and stopped together."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from sidecar.observe.log import Log
from sidecar.supervisor.patience import POOR_S, POOR_TRIES

AGAIN_S = 5.0
"""From a watchdog's defect to its next run: what it met may have gone, as a lack of descriptors."""


class Watchdog(Protocol):
    """One watchdog: runs until it is cancelled."""

    name: str

    async def run(self) -> None:
        """Watch. Only cancellation ends it."""


class Watch:
    """Runs watchdogs; one that has a defect is logged and run again, and the others go on."""

    def __init__(
        self, watchdogs: Sequence[Watchdog], log: Log, *, again_s: float = AGAIN_S
    ) -> None:
        self._watchdogs = watchdogs
        self._log = log
        self._again_s = again_s
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start them all."""
        self._tasks = [
            asyncio.create_task(self._run(watchdog), name=f"watch {watchdog.name}")
            for watchdog in self._watchdogs
        ]

    async def stop(self) -> None:
        """End them all."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def _run(self, watchdog: Watchdog) -> None:
        while True:
            try:
                await watchdog.run()
            except Exception as error:  # noqa: BLE001 - its defect must not end a session
                with suppress(MemoryError):  # it runs again, logged or not
                    self._log.exception("watch.defect", error, watchdog=watchdog.name)
            await self._pause()

    async def _pause(self) -> None:
        """Wait before the next run, for which there may be no memory: nobody is left unwatched."""
        for _ in range(POOR_TRIES):
            try:
                await asyncio.sleep(self._again_s)
            except MemoryError:
                time.sleep(POOR_S)  # noqa: ASYNC251 - whatever yields would take memory
            else:
                return
