"""What falls to the supervisor: exec'd hosts, the hosts of a dead zygote, and orphans of both.

Waits for its hosts by pidfd and takes no status that is not theirs or an orphan's. An orphan here
is always left over from something dead, so it is killed.
"""

import asyncio
import os
from dataclasses import dataclass

from sidecar.observe.log import Log
from sidecar.process.census import Kill, strangers, with_descendants
from sidecar.process.exits import ExitWatch
from sidecar.process.identity import UNKNOWN_EXIT, Exit, ProcessInfo, ProcessKey
from sidecar.process.platform import os_
from sidecar.supervisor.launch.base import HostExit, HostProcess

CLEAN_DEADLINE_S = 2.0
"""A host's end to the news of it, whatever still lives of it then."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What a cleaning did."""

    killed: int
    survivors: int


class Adopter:
    """Waits for own hosts and cleans up behind them. One a supervisor process."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._was_subreaper: bool | None = None

    def start(self) -> None:
        """Adopt orphans from now on."""
        if self._was_subreaper is None:
            self._was_subreaper = os_.set_subreaper()

    def close(self) -> None:
        """Adopt no more, unless the process did before we came."""
        if self._was_subreaper is False:
            os_.set_subreaper(False)
        self._was_subreaper = None

    async def attend(self, host: HostProcess) -> None:
        """Wait for the end of a host that is (or should be) our child, clean up, and tell it."""
        exit_ = await (_exit_of(host.key) if host.pidfd is None else _exit_by(host.pidfd, host.pid))
        cleaned = await self.clean()
        host.set_end(HostExit(exit_, cleaned.killed, cleaned.survivors))

    async def clean(self, deadline_s: float = CLEAN_DEADLINE_S) -> Cleaned:
        """Kill and reap every orphan, until two looks in a row find none."""
        loop = asyncio.get_running_loop()
        end = loop.time() + deadline_s
        kill = Kill(_orphans)
        while True:
            pause_s = kill.step()
            if pause_s is None or loop.time() >= end:
                break
            await asyncio.sleep(pause_s)
        _orphans()  # reaps those that died since the last look
        if kill.killed:
            self._log.info("orphans.killed", killed=len(kill.killed), survivors=len(kill.survivors))
        return Cleaned(len(kill.killed), len(kill.survivors))


async def _exit_by(pidfd: int, pid: int) -> Exit:
    """Wait for the exit of a process, and reap it if it is our child; opens nothing for that."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(pidfd, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(pidfd)
    return os_.reap(pid) or UNKNOWN_EXIT


async def _exit_of(key: ProcessKey) -> Exit:
    """Wait for a child's exit and reap it; UNKNOWN_EXIT when it is not our child."""
    info = os_.info_of(key.pid)
    if info is None or info.key != key or info.parent != os.getpid():
        return UNKNOWN_EXIT
    ended: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
    watch = ExitWatch(key.pid, ended.set_result)
    try:
        return await ended
    finally:
        watch.release()


def _orphans() -> list[ProcessInfo]:
    """Return everything alive that fell to us; what is dead of it is reaped."""
    found = strangers()
    for info in found:
        if info.dead:
            os_.reap(info.key.pid)
    return with_descendants(found)
