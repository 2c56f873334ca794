"""Reaps what a host adopted: the orphans of its providers, once they have ended.

Never kills: a daemon that an agent started lives as long as the session. Never takes the status
of a child that somebody waits for: no waitpid(-1), and an unknown zombie is taken only when a
second look, REAP_AFTER_S later, still finds it.
"""

import asyncio
import signal

from sidecar.process.census import strangers
from sidecar.process.identity import ProcessKey
from sidecar.process.platform import IS_LINUX, os_

REAP_AFTER_S = 1.0
"""Whoever else waits for a child of ours has taken its status long before."""


class OrphanReaper:
    """Looks at SIGCHLD, reaps later. One a process, on its main thread's event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._seen: frozenset[ProcessKey] = frozenset()
        self.reaped = 0

    def start(self) -> None:
        """Adopt orphans from now on, and reap them."""
        os_.set_subreaper()
        if IS_LINUX:
            self._loop.add_signal_handler(signal.SIGCHLD, self._schedule)
            self._schedule()

    def close(self) -> None:
        """Stop reaping; what was adopted stays adopted."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if IS_LINUX:
            self._loop.remove_signal_handler(signal.SIGCHLD)

    def _schedule(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(REAP_AFTER_S, self._look)

    def _look(self) -> None:
        """Reap the zombies that the last look saw too; look again while there are others."""
        self._timer = None
        zombies = frozenset(info.key for info in strangers() if info.dead)
        for key in zombies & self._seen:
            if os_.reap(key.pid) is not None:
                self.reaped += 1
        self._seen = zombies - self._seen
        if self._seen:
            self._schedule()
