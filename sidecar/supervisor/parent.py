"""Who started us, and how we learn that it is gone.

Three signs, each enough: EOF on stdin (the launcher holds the other end), the death of the
launcher, the death of the onefile bootloader (which Electron sees as the sidecar; SIGKILL of it
leaves our stdin open). A parent-death signal is asked for as well, but never trusted alone: it
fires when the forking thread ends (ARCHITECTURE §4).
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable

from sidecar.observe.log import Log
from sidecar.process import key_of
from sidecar.process.platform import IS_LINUX, os_
from sidecar.process.watch import ProcessWatch

STDIN = 0


class ParentWatch:
    """Calls `gone(reason)` once when the launcher is no more."""

    def __init__(self, gone: Callable[[str], None], log: Log) -> None:
        self._gone = gone
        self._log = log
        self._told = False
        self._watches: list[ProcessWatch] = []
        self._stdin_watched = False

    def start(self, parent_pid: int | None) -> None:
        """Watch stdin, our own parent, and the launcher that the bootstrap names."""
        loop = asyncio.get_running_loop()
        os.set_blocking(STDIN, False)
        loop.add_reader(STDIN, self._on_stdin)
        self._stdin_watched = True
        for pid, name in ((os.getppid(), "parent"), (parent_pid, "launcher")):
            if pid is not None and pid > 1:
                self._watch(pid, name)
        if IS_LINUX:
            loop.add_signal_handler(signal.SIGUSR2, self._on_death_signal, key_of(os.getppid()))
            os_.set_parent_death_signal(signal.SIGUSR2)

    def stop(self) -> None:
        """Watch no longer."""
        loop = asyncio.get_running_loop()
        if self._stdin_watched:
            loop.remove_reader(STDIN)
            with contextlib.suppress(OSError):
                os.set_blocking(STDIN, True)
            self._stdin_watched = False
        for watch in self._watches:
            watch.close()
        self._watches.clear()

    def _watch(self, pid: int, name: str) -> None:
        try:
            self._watches.append(ProcessWatch(pid, lambda: self._tell(f"the {name} ({pid}) died")))
        except ProcessLookupError:
            self._tell(f"the {name} ({pid}) is gone already")

    def _on_stdin(self) -> None:
        try:
            data = os.read(STDIN, 65_536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(STDIN)
            self._stdin_watched = False
            self._tell("stdin was closed")

    def _on_death_signal(self, parent: object) -> None:
        if parent is None or key_of(os.getppid()) != parent:
            self._tell("the parent died")

    def _tell(self, reason: str) -> None:
        if not self._told:
            self._told = True
            self._log.info("parent.gone", reason=reason)
            self._gone(reason)
