"""The supervisor's side of one zygote: fork requests, the ends of its hosts, its own end.

starting ── ready ──► ready ── EOF, silence, or closed ──► gone (hosts left to the launcher)
"""

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

from sidecar.process.exits import ExitWatch
from sidecar.process.identity import Exit, ProcessKey
from sidecar.process.platform import SIGKILL, os_
from sidecar.supervisor.launch.base import HostExit, HostProcess, Role, cannot_launch
from sidecar.supervisor.launch.zygote_process import ZygoteHandle

READY_DEADLINE_S = 20.0
"""Start of a zygote to its word that it is ready: 0.2 s, a cold disk and a virus scanner more."""

FORK_DEADLINE_S = 5.0
"""Request to answer: 3 ms, on a machine that swaps much more."""

REPORT_DEADLINE_S = 4.0
"""End of a host (by pidfd) to the zygote's report: it cleans for 2 s at most. A zygote that says
nothing for longer is wedged, and its hosts are better off with us."""

MESSAGE_BYTES = 4096

T = TypeVar("T")


class ZygoteGone(Exception):  # noqa: N818 - not an error of the caller
    """Raised by `fork` when this zygote cannot serve it; another one may."""


class ZygoteClient:
    """Talks to one zygote. `on_gone(self, hosts)` is called once, when it is dead and reaped."""

    def __init__(
        self, handle: ZygoteHandle, on_gone: Callable[["ZygoteClient", list[HostProcess]], None]
    ) -> None:
        handle.taken = True
        self._handle = handle
        self._on_gone = on_gone
        self._loop = asyncio.get_running_loop()
        self._control = handle.control
        self._control.setblocking(False)
        self._hosts: dict[int, HostProcess] = {}
        self._forks: dict[int, tuple[asyncio.Future[HostProcess], socket.socket, int]] = {}
        self._next_id = 1
        self._ready = asyncio.Event()
        self._gone = asyncio.Event()
        self._send_turn = asyncio.Lock()
        self._condemned = False
        self.warm = False
        """Whether it has imported all that hosts need."""
        self.exit: Exit | None = None
        self._watch = ExitWatch(handle.pid, self._exited)
        self._loop.add_reader(self._control, self._readable)

    @property
    def pid(self) -> int:
        """The zygote's pid."""
        return self._handle.pid

    @property
    def gone(self) -> bool:
        """Whether it is dead and reaped."""
        return self._gone.is_set()

    @property
    def serves(self) -> bool:
        """Whether it may be asked for hosts: it is neither dead nor condemned."""
        return not (self._condemned or self.gone)

    async def fork(self, role: Role = "host", module: str = "") -> HostProcess:
        """Have a host or a probe forked, after the import of `module` if it is still to come.

        Raises ZygoteGone, and what `cannot_launch` says when the machine has no room for a process.
        """
        if not self._ready.is_set():
            await self._within(self._ready.wait(), READY_DEADLINE_S, "did not get ready")
        channel, theirs = socket.socketpair()
        stderr_fd, stderr_end = os.pipe()
        fork_id, self._next_id = self._next_id, self._next_id + 1
        answer: asyncio.Future[HostProcess] = self._loop.create_future()
        channel.setblocking(False)
        self._forks[fork_id] = (answer, channel, stderr_fd)
        try:
            with theirs:
                request = {"op": "fork", "id": fork_id, "role": role, "module": module}
                sending = self._send(request, [theirs.fileno(), stderr_end])
                await self._within(sending, FORK_DEADLINE_S, "does not read its socket")
            return await self._within(answer, FORK_DEADLINE_S, "does not answer")
        except BaseException:
            if self._forks.pop(fork_id, None) is not None:  # else the host owns them
                channel.close()
                os.close(stderr_fd)
            elif answer.done() and not answer.cancelled() and answer.exception() is None:
                _abandon(answer.result())
            raise
        finally:
            os.close(stderr_end)

    def kill(self) -> None:
        """SIGKILL it: its hosts live on, and fall to us."""
        self._condemned = True
        if self.exit is None:
            os_.send_signal(self._handle.key, SIGKILL)

    async def close(self, deadline_s: float) -> None:
        """Let it bury what is left and end; SIGKILL at the deadline."""
        if not self.gone:
            with suppress(OSError):
                self._control.shutdown(socket.SHUT_WR)
            with suppress(TimeoutError):
                async with asyncio.timeout(deadline_s):
                    await self._gone.wait()
        if not self.gone:
            self.kill()
            await self._gone.wait()

    async def _within(self, waiting: Awaitable[T], deadline_s: float, failure: str) -> T:
        """Wait for something of the zygote's, but not for a dead or wedged one."""
        task = asyncio.ensure_future(waiting)
        gone = asyncio.ensure_future(self._gone.wait())
        try:
            await asyncio.wait(
                {task, gone}, timeout=deadline_s, return_when=asyncio.FIRST_COMPLETED
            )
            if task.done():
                return task.result()
            if not gone.done():
                self.kill()
            raise ZygoteGone(f"the zygote {failure}" if not gone.done() else "the zygote died")
        finally:
            task.cancel()
            gone.cancel()

    async def _send(self, message: dict[str, Any], fds: list[int]) -> None:
        data = json.dumps(message).encode()
        async with self._send_turn:
            while True:
                try:
                    socket.send_fds(self._control, [data], fds)
                except BlockingIOError:
                    await self._writable()
                except OSError as error:
                    raise ZygoteGone("the zygote died") from error
                else:
                    return

    async def _writable(self) -> None:
        waiter = self._loop.create_future()
        self._loop.add_writer(self._control, _wake, waiter)
        try:
            await waiter
        finally:
            self._loop.remove_writer(self._control)

    def _readable(self) -> None:
        self._read_one()

    def _read_one(self) -> bool:
        """Read and handle a message; false when there is none now, or none will ever come."""
        try:
            data, fds, _, _ = socket.recv_fds(self._control, MESSAGE_BYTES, 1)
        except BlockingIOError:
            return False
        except OSError:
            data, fds = b"", []
        if not data:  # it has ended, or is about to; its exit tells the rest
            self._loop.remove_reader(self._control)
            self.kill()
            return False
        self._handle_message(json.loads(data), fds)
        return True

    def _handle_message(self, message: dict[str, Any], fds: list[int]) -> None:
        match message["op"]:
            case "ready":
                self._ready.set()
            case "warm":
                self.warm = True
            case "forked":
                self._forked(message, fds[0])
            case "failed":
                self._fork_failed(message)
            case "exited":
                self._host_exited(message)

    def _forked(self, message: dict[str, Any], pidfd: int) -> None:
        key = ProcessKey(message["pid"], message["createTime"])
        fork = self._forks.pop(message["id"], None)
        if fork is None:  # given up meanwhile: it sees the end of its channel and goes
            os.close(pidfd)
            return
        answer, channel, stderr_fd = fork
        host = HostProcess(key, channel, stderr_fd, pidfd)
        self._hosts[host.pid] = host
        self._loop.add_reader(pidfd, self._host_seen_dead, host)
        if answer.done():
            _abandon(host)
        else:
            answer.set_result(host)

    def _fork_failed(self, message: dict[str, Any]) -> None:
        fork = self._forks.get(message["id"])
        if fork is not None and not fork[0].done():
            fork[0].set_exception(cannot_launch(OSError(message["errno"], message["message"])))

    def _host_seen_dead(self, host: HostProcess) -> None:
        """Give the zygote its time to clean and report."""
        self._stop_looking(host)
        self._loop.call_later(REPORT_DEADLINE_S, self._condemn, host.key)

    def _condemn(self, key: ProcessKey) -> None:
        """Kill the zygote if it has not reported this one; by its key, so that nothing keeps it."""
        host = self._hosts.get(key.pid)
        if host is not None and host.key == key and not host.ended:
            self.kill()

    def _host_exited(self, message: dict[str, Any]) -> None:
        host = self._hosts.pop(message["pid"], None)
        if host is not None:
            self._stop_looking(host)
            exit_ = Exit(message["code"], message["signal"])
            host.set_end(HostExit(exit_, message["killed"], message["survivors"]))

    def _stop_looking(self, host: HostProcess) -> None:
        if host.pidfd is not None:
            self._loop.remove_reader(host.pidfd)

    def _exited(self, exit_: Exit) -> None:
        """See the zygote's own end. What it said before it died is read first."""
        self.exit = exit_
        self._watch.release()
        self._handle.process.returncode = exit_.returncode()
        while self._read_one():
            pass
        self._gone.set()
        self._loop.remove_reader(self._control)
        self._loop.remove_writer(self._control)
        self._control.close()
        hosts = list(self._hosts.values())
        self._hosts.clear()
        for host in hosts:
            self._stop_looking(host)
        self._on_gone(self, hosts)


def _wake(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)


def _abandon(host: HostProcess) -> None:
    """End a host that nobody wants: it has no session yet."""
    host.channel.close()
    os.close(host.stderr_fd)
    host.kill()
