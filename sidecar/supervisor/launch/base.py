"""What a launcher gives: host processes, and their ends.

launched ── exit seen, and everything below it dead (or its deadline over) ──► ended
"""

import asyncio
import errno
import os
import signal
import socket
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from sidecar.contract.errors import Overloaded, ProviderProcessFailed, SidecarError
from sidecar.core.scarcity import short_of
from sidecar.process.identity import Exit, ProcessKey
from sidecar.process.platform import SIGKILL, os_
from sidecar.process.waited import register, unregister

_NO_PROCESS = errno.EAGAIN
"""What fork says at the user's limit of processes."""

Role = Literal["host", "probe"]
"""What the launched process does on its channel: run sessions, or find one thing out."""


@dataclass(frozen=True, slots=True)
class HostExit:
    """How a host ended, once what it left is dead.

    `killed` counts the orphans that had to be killed, as far as they can be told from those of
    a sibling that ended at the same moment. `survivors` should be 0.
    """

    exit: Exit
    killed: int = 0
    survivors: int = 0


def cannot_launch(error: Exception) -> SidecarError:
    """Return what to raise for it: Overloaded where there is merely too little of something."""
    short = short_of(error) or (isinstance(error, OSError) and error.errno == _NO_PROCESS)
    kind = Overloaded if short else ProviderProcessFailed
    return kind(f"Cannot start a session host: {error if str(error) else repr(error)}")


class HostProcess:
    """One host process: its channel, its stderr, its end.

    `channel` (our end, non-blocking) and `stderr_fd` belong to whoever asked for the launch;
    `close` closes what was not taken over.
    """

    def __init__(
        self, key: ProcessKey, channel: socket.socket, stderr_fd: int, pidfd: int | None
    ) -> None:
        self.key = key
        self.channel = channel
        self.stderr_fd = stderr_fd
        self.pidfd = pidfd
        self._end: asyncio.Future[HostExit] = asyncio.get_running_loop().create_future()
        register(key.pid)

    @property
    def pid(self) -> int:
        """The host's pid."""
        return self.key.pid

    @property
    def ended(self) -> bool:
        """Whether the end is known."""
        return self._end.done()

    async def wait(self) -> HostExit:
        """Wait until the host has ended and what it left is dead."""
        return await asyncio.shield(self._end)

    def kill(self) -> None:
        """SIGKILL the host itself; whoever adopts what was below it kills that too."""
        if self._end.done():
            return
        if self.pidfd is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.pidfd, SIGKILL)
        else:
            os_.send_signal(self.key, SIGKILL)

    def set_end(self, end: HostExit) -> None:
        """Tell the end, once; for launchers."""
        if self._end.done():
            return
        self._end.set_result(end)
        unregister(self.pid)
        if self.pidfd is not None:
            os.close(self.pidfd)
            self.pidfd = None


class HostLauncher(ABC):
    """Starts hosts. `mark` is in the environment of everything that it starts."""

    mark: str

    @abstractmethod
    async def start(self) -> None:
        """Be ready to launch; adopt orphans from now on."""

    @abstractmethod
    async def launch(self, role: Role = "host", module: str = "") -> HostProcess:
        """Start a host, or a probe guarded like one.

        `module` of a provider that is built in is what it will need first: where hosts share
        memory it is imported once for all of them.
        Raises what `cannot_launch` says, or ShuttingDown after close.
        """

    @abstractmethod
    async def close(self, deadline_s: float) -> None:
        """End everything that was launched and is still there, by SIGKILL at the deadline."""

    @property
    def warm(self) -> bool:
        """Whether a host that is launched now costs little, and has all that any session needs."""
        return False

    @property
    @abstractmethod
    def zygote_pid(self) -> int | None:
        """The zygote's pid; None when there is none now."""
