"""Launches hosts and probes by exec of their subcommands: where fork without exec is not safe.

On macOS and Windows never run here; on Linux, by a setting, tested.
"""

import asyncio
import os
import socket
import subprocess
from collections.abc import Sequence
from contextlib import suppress

from sidecar.contract.errors import ShuttingDown
from sidecar.observe.log import Log, null_log
from sidecar.process.commands import own_command, own_environment
from sidecar.process.identity import UNKNOWN_EXIT, ProcessKey
from sidecar.process.marks import new_mark, with_mark
from sidecar.process.platform import IS_LINUX, key_of
from sidecar.supervisor.launch.adopter import Adopter
from sidecar.supervisor.launch.base import HostLauncher, HostProcess, Role, cannot_launch


class ExecLauncher(HostLauncher):
    """Every host is a direct child of this process."""

    def __init__(
        self,
        command: Sequence[str] | None = None,
        log: Log | None = None,
        mark: str | None = None,
    ) -> None:
        self.mark = mark or new_mark()
        self._log = log or null_log()
        self._command = command
        self._adopter = Adopter(self._log)
        self._hosts: dict[HostProcess, asyncio.Task[None]] = {}
        self._closing = False

    @property
    def zygote_pid(self) -> int | None:
        """None: there is no zygote."""
        return None

    async def start(self) -> None:
        """Adopt orphans from now on."""
        self._adopter.start()

    async def launch(self, role: Role = "host", module: str = "") -> HostProcess:
        """Start a process, which imports what it needs itself. Raises what `cannot_launch` says."""
        if self._closing:
            raise ShuttingDown("Cannot start a session host: the sidecar is stopping")
        channel, theirs = socket.socketpair()
        stderr_fd, stderr_end = os.pipe()
        try:
            with theirs:
                process = self._popen(role, theirs, stderr_end)
        except OSError as error:
            channel.close()
            os.close(stderr_fd)
            raise cannot_launch(error) from error
        finally:
            os.close(stderr_end)
        channel.setblocking(False)
        key = key_of(process.pid) or ProcessKey(process.pid, 0)
        pidfd = _pidfd(process.pid)
        host = HostProcess(key, channel, stderr_fd, pidfd)
        self._hosts[host] = asyncio.create_task(self._attend(host, process))
        return host

    async def close(self, deadline_s: float) -> None:
        """Give the hosts the deadline to end by themselves, then kill them."""
        self._closing = True
        if self._hosts:
            await asyncio.wait(self._hosts.values(), timeout=deadline_s)
        tasks = list(self._hosts.values())
        for host in list(self._hosts):
            host.kill()
        if tasks:
            await asyncio.wait(tasks)
        await self._adopter.clean()
        self._adopter.close()

    def _popen(
        self, role: Role, theirs: socket.socket, stderr_end: int
    ) -> "subprocess.Popen[bytes]":
        fd = theirs.fileno()
        return subprocess.Popen(
            [*(self._command or own_command(role)), "--channel-fd", str(fd)],
            env=with_mark(own_environment(), self.mark),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr_end,
            pass_fds=[fd],
            start_new_session=True,
        )

    async def _attend(self, host: HostProcess, process: "subprocess.Popen[bytes]") -> None:
        try:
            await self._adopter.attend(host)
        finally:
            exit_ = (await host.wait()).exit if host.ended else UNKNOWN_EXIT
            process.returncode = exit_.returncode()  # Popen must not wait for what was waited for
            self._hosts.pop(host, None)


def _pidfd(pid: int) -> int | None:
    """Return a descriptor of the process where there are such, and one is left."""
    if not IS_LINUX:
        return None
    with suppress(OSError):
        return os.pidfd_open(pid)
    return None
