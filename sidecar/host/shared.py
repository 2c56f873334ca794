"""Services that sessions of one host share: started by the first lease, stopped when idle.

    starting ── up ──► leased ◄──► idle ── idle_s over / unusable / host's end ──► stopping
        └── failed ───────────────────────────────────────────────────────────────► gone

Owns their lifetimes and processes, which belong to the host's shared mark and to no session. Never
knows what a service does; that one broke is for its sessions to see.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import Any

from sidecar.contract.errors import ProviderProcessFailed, SidecarError
from sidecar.core.lastwords import StderrLog
from sidecar.core.redaction import Redactor
from sidecar.host.processes import Environment, LogWriter, ServiceProcesses
from sidecar.process import new_mark
from sidecar.providers.base import ProviderCommand, ProviderProcess, SharedService

SERVICE_START_S = 60.0
"""Longest start of a service; a session's own limit may end its wait before."""

SERVICE_STOP_S = 3.0
"""Stop of an idle service, its own `stop` and the ladder together."""

OWN_STOP_SHARE = 0.3
"""What of a stop's deadline the service itself gets; the ladder has the rest."""

Create = Callable[["ServiceContext"], SharedService]


class ServiceContext:
    """The SharedContext of one service."""

    def __init__(self, processes: ServiceProcesses, log: LogWriter) -> None:
        self._processes = processes
        self._log = log

    @property
    def running(self) -> bool:
        """Whether one of its processes lives, or none was ever started."""
        return self._processes.running

    async def spawn(self, command: ProviderCommand) -> ProviderProcess:
        """Start a process that lives as long as the service."""
        return await self._processes.spawn(command)

    async def stop_processes(self, deadline_s: float) -> None:
        """Stop all that the service has started, by the ladder."""
        await self._processes.stop(deadline_s)

    def new_id(self, prefix: str) -> str:
        """Return an id that is unique for ever."""
        return f"{prefix}-{secrets.token_hex(10)}"

    def now_ms(self) -> int:
        """Return the monotonic clock in milliseconds."""
        return time.monotonic_ns() // 1_000_000

    def log(self, level: str, event: str, **fields: Any) -> None:
        """Write a structured log record."""
        self._log(level, event, **fields)


class ServiceLease:
    """One session's right to a service (Lease)."""

    def __init__(self, service: SharedService, give_back: Callable[[], None]) -> None:
        self.service = service
        self._give_back: Callable[[], None] | None = give_back

    def release(self) -> None:
        """Give it back; a second call does nothing."""
        give_back, self._give_back = self._give_back, None
        if give_back is not None:
            give_back()


class SharedServices:
    """Every service of one host, by key."""

    def __init__(
        self, log: LogWriter, on_change: Callable[[], None], redactor: Redactor | None = None
    ) -> None:
        self._redactor = redactor or Redactor()
        self._entries: dict[str, _Entry] = {}
        self._stopping: dict[str, asyncio.Task[None]] = {}
        self._log = log
        self._on_change = on_change
        self._own_mark = new_mark()
        self._number = 0
        self._closed = False

    @property
    def busy(self) -> bool:
        """Whether a service is up, starting or stopping."""
        return bool(self._entries or self._stopping)

    async def lease(
        self, key: str, create: Create, *, mark: str, environment: Environment
    ) -> ServiceLease:
        """Lease the service of `key`, which is created and started if there is none that works.

        `mark` (the host's; "" for one that nobody else knows) and `environment` are those of
        whoever comes first. Raises what its start
        raises, for everybody who waited, and ProviderProcessFailed once the host ends.
        """
        while True:
            if (stopping := self._stopping.get(key)) is not None:
                await asyncio.shield(stopping)
                continue
            if self._closed:
                raise ProviderProcessFailed("Cannot share a service: this host is ending")
            entry = self._entries.get(key)
            if entry is None:
                entry = self._create(key, create, mark or self._own_mark, environment)
            elif entry.started and not entry.service.usable:
                self._retire(entry)
                continue
            return await self._join(entry)

    async def close(self, deadline_s: float) -> None:
        """Stop all services, side by side; none is started any more."""
        self._closed = True
        for entry in list(self._entries.values()):
            self._retire(entry, deadline_s)
        if self._stopping:
            await asyncio.wait(self._stopping.values())

    def _create(self, key: str, create: Create, mark: str, environment: Environment) -> "_Entry":
        self._number += 1
        stderr = StderrLog(self._redactor, time.monotonic, self._log)
        processes = ServiceProcesses(mark, self._number, environment, self._log, stderr)
        entry = _Entry(key, create(ServiceContext(processes, self._log)), processes, self._log)
        entry.starting = asyncio.create_task(self._start(entry), name=f"service {key}")
        self._entries[key] = entry
        self._on_change()
        return entry

    async def _start(self, entry: "_Entry") -> None:
        """Start it and tell those who wait. Never raises but for cancellation."""
        error: Exception
        try:
            async with asyncio.timeout(SERVICE_START_S):
                await entry.service.start()
        except TimeoutError:
            error = ProviderProcessFailed(
                f"Cannot start the shared service: not up within {SERVICE_START_S:g} s"
            )
        except asyncio.CancelledError:
            entry.fail(ProviderProcessFailed("Cannot share a service: this host is ending"))
            raise
        except Exception as raised:  # noqa: BLE001 - provider code may raise anything
            error = raised
        else:
            entry.started = True
            entry.ready.set_result(None)
            entry.log("info", "service.started", service=entry.name)
            self._rest(entry)
            return
        entry.log("warning", "service.start-failed", service=entry.name, error=repr(error))
        entry.fail(error)
        self._retire(entry)

    async def _join(self, entry: "_Entry") -> ServiceLease:
        """Wait for the start and take a lease. It counts from now on: nobody ends it meanwhile."""
        entry.leases += 1
        lease = ServiceLease(entry.service, lambda: self._give_back(entry))
        try:
            await asyncio.shield(entry.ready)
        except BaseException:
            lease.release()
            raise
        return lease

    def _give_back(self, entry: "_Entry") -> None:
        entry.leases -= 1
        self._rest(entry)

    def _rest(self, entry: "_Entry") -> None:
        """Let one that nobody leases wait for its idle time; one that broke is brought down."""
        if entry.leases or not entry.started or self._entries.get(entry.key) is not entry:
            return
        entry.stop_waiting()
        if not entry.service.usable:
            self._retire(entry)
            return
        loop = asyncio.get_running_loop()
        entry.timer = loop.call_later(entry.service.idle_s, self._idle, entry)

    def _idle(self, entry: "_Entry") -> None:
        if entry.leases == 0:
            self._retire(entry)

    def _retire(self, entry: "_Entry", deadline_s: float = SERVICE_STOP_S) -> None:
        """Take it out of the way of new leases and bring it down."""
        entry.stop_waiting()
        if self._entries.get(entry.key) is not entry:
            return
        del self._entries[entry.key]
        task = asyncio.create_task(entry.stop(deadline_s), name=f"stop service {entry.key}")
        self._stopping[entry.key] = task
        task.add_done_callback(lambda _: self._stopped(entry.key))

    def _stopped(self, key: str) -> None:
        del self._stopping[key]
        self._on_change()


class _Entry:
    """A service and who uses it."""

    def __init__(
        self, key: str, service: SharedService, processes: ServiceProcesses, log: LogWriter
    ) -> None:
        self.key = key
        self.name = type(service).__name__
        self.service = service
        self.log = log
        self.leases = 0
        self.started = False
        self.starting: asyncio.Task[None] | None = None
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.timer: asyncio.TimerHandle | None = None
        self._processes = processes

    def fail(self, error: Exception) -> None:
        """Tell everybody who waits for the start, if anybody does."""
        self.ready.set_exception(error)
        self.ready.exception()  # marked as seen: those who waited may be gone

    def stop_waiting(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    async def stop(self, deadline_s: float) -> None:
        """Bring it down: its own way first, then the ladder. Never raises but for cancellation."""
        was_up, self.started = self.started, False
        if self.starting is not None and not self.starting.done():
            self.starting.cancel()
            await asyncio.wait({self.starting})
        own_s = deadline_s * OWN_STOP_SHARE
        if was_up:
            try:
                async with asyncio.timeout(own_s):
                    await self.service.stop()
            except (TimeoutError, SidecarError) as error:
                self.log("warning", "service.stop-failed", service=self.name, error=repr(error))
            except Exception as error:  # noqa: BLE001 - provider code may raise anything
                self.log("error", "service.stop-failed", service=self.name, error=repr(error))
        await self._processes.stop(deadline_s - own_s)
        self.log("info", "service.stopped", service=self.name)
