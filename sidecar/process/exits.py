"""Who of our children has ended, and how: the one place that waits on an event loop.

An exit is seen by pidfd, never by waiting for pipes, which an orphan may hold open.
"""

import asyncio
import os
import threading
from collections.abc import Callable

from sidecar.process.identity import UNKNOWN_EXIT, Exit
from sidecar.process.platform import IS_LINUX, os_
from sidecar.process.waited import register, unregister


class ExitWatch:
    """Calls back on the event loop, once, when a child of this process has ended.

    On Linux the ended child stays a zombie until `release`: as long as it does, its pid, and the
    group that has this number, belong to nobody else, and so the group may be signalled.
    """

    def __init__(self, pid: int, on_exit: Callable[[Exit], None]) -> None:
        self._pid = pid
        self._on_exit = on_exit
        self._pidfd: int | None = None
        self._loop = asyncio.get_running_loop()
        self.ended = False
        self.reaped = False
        register(pid)
        if IS_LINUX:
            self._pidfd = os.pidfd_open(pid)
            self._loop.add_reader(self._pidfd, self._look)
        else:
            name = f"wait-{pid}"
            threading.Thread(target=self._wait_in_thread, name=name, daemon=True).start()

    def release(self) -> None:
        """Call nobody back any more, and reap: now if it has ended, else as soon as it does."""
        self._on_exit = _ignore
        if self.ended:
            self._reap()

    def _look(self) -> None:
        assert self._pidfd is not None
        try:
            result = os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:  # somebody else took the status: a defect, but not a hang
            self._end(UNKNOWN_EXIT)
            return
        exit_ = os_.exit_of(result)
        if exit_ is not None:
            self._end(exit_)

    def _end(self, exit_: Exit) -> None:
        self.ended = True
        if self._pidfd is not None:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None
        if self._on_exit is _ignore:
            self._reap()
        else:
            self._on_exit(exit_)

    def _reap(self) -> None:
        if not self.reaped:
            os_.reap(self._pid)
            self.reaped = True
            unregister(self._pid)

    def _wait_in_thread(self) -> None:
        try:
            _, status = os.waitpid(self._pid, 0)
            code = os.waitstatus_to_exitcode(status)
            exit_ = Exit(signal=-code) if code < 0 else Exit(code=code)
        except ChildProcessError:
            exit_ = UNKNOWN_EXIT
        self.reaped = True
        unregister(self._pid)
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._end, exit_)


def _ignore(_exit: Exit) -> None:
    """Stand in for a callback that is no longer wanted."""
