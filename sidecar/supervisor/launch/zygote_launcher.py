"""Launches hosts by a zygote, and by another one when that is dead.

The zygote's death affects no session: its hosts fall to this process, which waits for them from
then on. Owns the hosts that fell to it; never restarts a session.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from sidecar.contract.errors import ProviderProcessFailed, ShuttingDown
from sidecar.observe.log import Log, null_log
from sidecar.process.marks import new_mark
from sidecar.supervisor.launch.adopter import Adopter
from sidecar.supervisor.launch.base import HostLauncher, HostProcess, Role, cannot_launch
from sidecar.supervisor.launch.zygote_client import ZygoteClient, ZygoteGone
from sidecar.supervisor.launch.zygote_process import ZygoteHandle, start_zygote

LAUNCH_TRIES = 2
"""A zygote may die at any moment; a second one that dies as well has a reason to."""


class ZygoteLauncher(HostLauncher):
    """Linux. Takes over a zygote that was started before, or starts its own."""

    def __init__(
        self,
        handle: ZygoteHandle | None = None,
        command: Sequence[str] | None = None,
        log: Log | None = None,
    ) -> None:
        self._log = log or null_log()
        self.mark = handle.mark if handle else new_mark()
        self._handle = handle
        self._command = command
        self._adopter = Adopter(self._log)
        self._client: ZygoteClient | None = None
        self._living: set[ZygoteClient] = set()
        self._adopted: set[HostProcess] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closing = False

    @property
    def zygote_pid(self) -> int | None:
        """The zygote's pid; None when there is none now."""
        return self._client.pid if self._client and self._client.serves else None

    @property
    def warm(self) -> bool:
        """Whether its zygote has imported all that hosts share."""
        return self._client is not None and self._client.serves and self._client.warm

    async def start(self) -> None:
        """Adopt orphans, take the zygote over."""
        self._adopter.start()
        self._living_client()

    async def launch(self, role: Role = "host", module: str = "") -> HostProcess:
        """Fork a process. Raises ProviderProcessFailed when two zygotes in a row died of it."""
        reason = ""
        for _ in range(LAUNCH_TRIES):
            if self._closing:
                raise ShuttingDown("Cannot start a session host: the sidecar is stopping")
            try:
                return await self._living_client().fork(role, module)
            except ZygoteGone as gone:
                reason = str(gone)
            except OSError as error:  # no descriptor for its channel
                raise cannot_launch(error) from error
        raise ProviderProcessFailed(f"Cannot start a session host: {reason}")

    async def close(self, deadline_s: float) -> None:
        """Let the zygote bury its hosts, kill those that fell to us, adopt no more."""
        self._closing = True
        for host in list(self._adopted):
            host.kill()
        for client in list(self._living):
            await client.close(deadline_s)
        if self._handle is not None:
            self._handle.close()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._adopter.clean()
        self._adopter.close()

    def _living_client(self) -> ZygoteClient:
        """Return the zygote that serves, starting one if need be: one path for first and next."""
        if self._client is None or not self._client.serves:
            handle, self._handle = self._handle or self._start(), None
            self._client = ZygoteClient(handle, self._adopt)
            self._living.add(self._client)
            self._log.info("zygote.started", zygote=handle.pid)
        return self._client

    def _start(self) -> ZygoteHandle:
        try:
            return start_zygote(self.mark, self._command)
        except OSError as error:
            raise cannot_launch(error) from error

    def _adopt(self, client: ZygoteClient, hosts: list[HostProcess]) -> None:
        """Wait for the hosts of a dead zygote; the orphans that it was burying are ours too."""
        self._living.discard(client)
        if not self._closing:
            self._log.warning("zygote.exited", hosts=len(hosts))
        for host in hosts:
            self._adopted.add(host)
            if self._closing:
                host.kill()
            self._keep(self._attend(host))
        self._keep(self._adopter.clean())

    async def _attend(self, host: HostProcess) -> None:
        try:
            await self._adopter.attend(host)
        finally:
            self._adopted.discard(host)

    def _keep(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
