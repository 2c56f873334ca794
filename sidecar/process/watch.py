"""Watching a process that is not our child: the launcher, the bootloader.

By pidfd on Linux, elsewhere by looking once a second with the identity checked, so that a
recycled pid is never mistaken for a living launcher.
"""

import asyncio
import os
from collections.abc import Callable

from sidecar.process.identity import ProcessKey
from sidecar.process.platform import IS_LINUX, os_

LOOK_EVERY_S = 1.0


class ProcessWatch:
    """Calls back once on the event loop when the process has ended.

    Raises ProcessLookupError when there is no such process to begin with.
    """

    def __init__(self, pid: int, on_end: Callable[[], None]) -> None:
        key = os_.key_of(pid)
        if key is None:
            raise ProcessLookupError(pid)
        self._key: ProcessKey = key
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._pidfd: int | None = None
        self._timer: asyncio.TimerHandle | None = None
        if IS_LINUX:
            self._pidfd = os.pidfd_open(pid)
            self._loop.add_reader(self._pidfd, self._end)
        self._look()

    def close(self) -> None:
        """Watch no longer."""
        if self._pidfd is not None:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        """See that it is still the process we were told of (between the two it may have gone)."""
        if os_.key_of(self._key.pid) != self._key:
            self._timer = self._loop.call_later(0, self._end)
        elif self._pidfd is None:
            self._timer = self._loop.call_later(LOOK_EVERY_S, self._look)

    def _end(self) -> None:
        self.close()
        self._on_end()
