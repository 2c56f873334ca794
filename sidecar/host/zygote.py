"""The zygote: forks hosts from warm modules, reaps them, and buries what they leave.

    serving ── EOF from the supervisor, or its death ──► undertaker ── all dead ──► exit

Single-threaded, no event loop, nothing open but its control socket. A host's end is reported only
when what it left is dead: a session resumes only after the census of its old generation is empty.
Never runs provider code and never reads a channel.
"""

import gc
import importlib
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from sidecar.host.control import Control
from sidecar.host.entry import HostEntry, become_host, default_entry, keep_only
from sidecar.host.sharing import keep_shared
from sidecar.process.census import Kill, is_alive, with_descendants
from sidecar.process.identity import Exit, ProcessInfo, ProcessKey
from sidecar.process.platform import os_

CLEAN_DEADLINE_S = 2.0
"""A host's end to its report, whatever still lives of it then."""

UNDERTAKER_KILL_S = 1.75
"""The supervisor's end to the kill of every host: their own deadline (guard.py) and a bit."""

UNDERTAKER_END_S = 2.5
"""The supervisor's end to the zygote's, whatever still lives then: inside the promised 3 s."""

SURVIVOR_PAUSE_S = 1.0
"""Between two kills of what survived CLEAN_DEADLINE_S: it sleeps in the kernel."""

ROUND_UP_MS = 1
"""poll cuts its timeout to whole milliseconds: without it the loop would spin through the last."""

WARM_AFTER_S = 1.0
"""Ready to the first import of a provider: the supervisor, which starts meanwhile, and its clients
come first. What the first host of a provider needs is imported when that is asked for."""

EX_SOFTWARE = 70

PARENT_DEATH_SIGNAL = signal.SIGUSR1
"""Catchable: it fires when the supervisor's forking *thread* ends, which is no death."""


@dataclass(slots=True)
class Ended:
    """A host that was reaped and not reported yet."""

    exit: Exit
    report_by: float
    killed_before: int


@dataclass(slots=True)
class Zygote:
    """The loop. `entry` is what a forked host runs."""

    control: Control
    entry: HostEntry
    cold: deque[str] = field(default_factory=deque)
    """Modules that hosts will need, imported here once while there is nothing else to do."""
    sharing: Iterator[None] | None = None
    """What is done when all are imported, so that hosts share them: in parts, as quietly."""
    warm_at: float = 0.0
    supervisor: ProcessKey | None = None
    hosts: dict[int, ProcessKey] = field(default_factory=dict)
    ended: dict[int, Ended] = field(default_factory=dict)
    kill: Kill | None = None
    killed: int = 0
    next_kill: float = 0.0
    alone_since: float | None = None
    wakeup: tuple[int, int] = (-1, -1)

    def run(self) -> int:
        """Serve until the supervisor is gone and everything is buried; the exit code."""
        self._catch_signals()
        poll = select.poll()
        poll.register(self.wakeup[0], select.POLLIN)
        self.control.send({"op": "ready", "pid": os.getpid()})
        self.warm_at = time.monotonic() + WARM_AFTER_S
        while not self._buried():
            self._listen(poll)
            events = poll.poll(self._timeout_ms())
            for fd, _ in events:
                if fd == self.wakeup[0]:
                    self._woken()
                else:
                    self._serve()
            self._reap()
            self._step_kill()
            if not events:
                self.warm()
        return 0

    def warm(self) -> None:
        """Import the next module, if its time has come; forked hosts share its pages.

        One that cannot be imported fails its own sessions, in words, and no others.
        """
        busy = self.kill is not None or self.alone_since is not None
        if busy or time.monotonic() < self.warm_at:
            return
        if self.cold:
            self._import(self.cold[0])
        elif self.sharing is not None:
            self._share(self.sharing)

    def _share(self, sharing: Iterator[None]) -> None:
        """Do the next part; without those that cannot be done hosts are larger, and no worse."""
        try:
            next(sharing)
        except StopIteration:
            self._is_warm()
        except Exception:  # noqa: BLE001 - whatever it is, hosts can be forked without
            traceback.print_exc()
            self._is_warm()

    def _is_warm(self) -> None:
        """Tell that hosts which are forked from now on share all that they can."""
        self.sharing = None
        self.control.send({"op": "warm"})

    def _import_now(self, module: str) -> None:
        """Import what the host that is asked for needs first: once here, or else in every host."""
        if module in self.cold:
            self._import(module)

    def _import(self, module: str) -> None:
        self.cold.remove(module)
        try:
            importlib.import_module(module)
        except Exception:  # noqa: BLE001 - a host tells it to whoever starts such a session
            traceback.print_exc()
        gc.collect()
        gc.freeze()

    def _catch_signals(self) -> None:
        """Have SIGCHLD and the parent-death signal wake the poll; they do nothing else."""
        read, write = os.pipe()
        os.set_blocking(read, False)
        os.set_blocking(write, False)
        self.wakeup = (read, write)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, PARENT_DEATH_SIGNAL):
            signal.signal(number, _only_wake)

    def _listen(self, poll: "select.poll") -> None:
        """Read requests while there is a supervisor, write answers while some are waiting."""
        wanted = select.POLLIN if self.alone_since is None else 0
        wanted |= select.POLLOUT if self.control.outbox else 0
        if wanted:
            poll.register(self.control.fileno(), wanted)
        else:  # a socket whose other end is gone would be ready for ever
            with suppress(KeyError):
                poll.unregister(self.control.fileno())

    def _woken(self) -> None:
        try:
            numbers = os.read(self.wakeup[0], 4096)
        except BlockingIOError:
            return
        if PARENT_DEATH_SIGNAL in numbers and self.supervisor and not is_alive(self.supervisor):
            self._undertake()

    def _serve(self) -> None:
        self.control.flush()
        if self.alone_since is not None:
            return
        try:
            request = self.control.receive()
        except EOFError:
            self._undertake()
            return
        if request is None:
            return
        message, fds = request
        if message["op"] == "fork":
            self._import_now(message.get("module", ""))
            self._fork(message["id"], message.get("role", "host"), *fds)
        elif message["op"] == "hello":
            self._meet(ProcessKey(message["pid"], message["createTime"]))

    def _meet(self, supervisor: ProcessKey) -> None:
        """Have the kernel tell of the supervisor's end as well; it may have come already."""
        self.supervisor = supervisor
        os_.set_parent_death_signal(PARENT_DEATH_SIGNAL)
        if not is_alive(supervisor):
            self._undertake()

    # Hosts

    def _fork(self, request_id: int, role: str, channel_fd: int, stderr_fd: int) -> None:
        try:
            pid = os.fork()
        except OSError as error:  # EAGAIN: the user's process limit
            said = {"errno": error.errno, "message": error.strerror}
            self.control.send({"op": "failed", "id": request_id} | said)
            return
        if pid == 0:
            self._host(role, channel_fd, stderr_fd)
        os.close(channel_fd)
        os.close(stderr_fd)
        key = os_.key_of(pid) or ProcessKey(pid, 0)
        self.hosts[pid] = key
        pidfd = os.pidfd_open(pid)
        answer = {"op": "forked", "id": request_id, "pid": pid, "createTime": key.create_time}
        self.control.send(answer, pidfd)

    def _host(self, role: str, channel_fd: int, stderr_fd: int) -> None:
        """Turn this forked process into a host or a probe; never returns."""
        code = EX_SOFTWARE
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, PARENT_DEATH_SIGNAL):
                signal.signal(number, signal.SIG_DFL)
            self.control.forget()
            os.dup2(stderr_fd, 2)
            channel = socket.socket(fileno=keep_only(channel_fd))
            code = become_host(channel, _probe_entry() if role == "probe" else self.entry)
        except BaseException:  # noqa: BLE001 - a forked child must never return into the loop
            traceback.print_exc()
        finally:
            with suppress(OSError):
                sys.stderr.flush()
            os._exit(code)

    # What hosts leave

    def _reap(self) -> None:
        """Take every status there is: nobody else waits in this process."""
        while True:
            try:
                result = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG)
            except ChildProcessError:
                return
            exit_ = os_.exit_of(result)
            if result is None or exit_ is None:
                return
            if self.hosts.pop(result.si_pid, None) is not None:
                report_by = time.monotonic() + CLEAN_DEADLINE_S
                self.ended[result.si_pid] = Ended(exit_, report_by, self._killed())
                self._start_kill()

    def _orphans(self) -> list[ProcessInfo]:
        """Return what is below us and below no living host; every host, once mercy has ended."""
        spared = {} if self._mercy_is_over() else self.hosts
        children = os_.children_of(os.getpid())
        return with_descendants(info for info in children if info.key.pid not in spared)

    def _start_kill(self) -> None:
        """Begin to kill the orphans, or begin anew: two empty looks must follow the last end."""
        self.killed = self._killed()
        self.kill = Kill(self._orphans)
        self.next_kill = 0.0

    def _killed(self) -> int:
        return self.killed + (len(self.kill.killed) if self.kill else 0)

    def _step_kill(self) -> None:
        now = time.monotonic()
        if self.kill is None or now < self.next_kill:
            return
        pause_s = self.kill.step()
        if pause_s is None:
            self._report(list(self.ended), survivors=0)
            self.killed = self._killed()
            self.kill = None
            return
        late = [pid for pid, ended in self.ended.items() if now >= ended.report_by]
        self._report(late, survivors=len(self.kill.survivors))
        hopeless = not self.ended and self.alone_since is None
        self.next_kill = now + (SURVIVOR_PAUSE_S if hopeless else pause_s)

    def _report(self, pids: list[int], survivors: int) -> None:
        for pid in pids:
            ended = self.ended.pop(pid)
            self.control.send(
                {
                    "op": "exited",
                    "pid": pid,
                    "code": ended.exit.code,
                    "signal": ended.exit.signal,
                    "killed": self._killed() - ended.killed_before,
                    "survivors": survivors,
                }
            )

    # The undertaker

    def _undertake(self) -> None:
        if self.alone_since is None:
            self.alone_since = time.monotonic()
            self._start_kill()

    def _alone_s(self) -> float:
        return 0.0 if self.alone_since is None else time.monotonic() - self.alone_since

    def _mercy_is_over(self) -> bool:
        return self._alone_s() >= UNDERTAKER_KILL_S

    def _buried(self) -> bool:
        if self.alone_since is None:
            return False
        if self._alone_s() >= UNDERTAKER_END_S:
            return True
        if self._mercy_is_over() and self.hosts and self.kill is None:
            self._start_kill()
        return not self.hosts and self.kill is None and not self.control.outbox

    def _timeout_ms(self) -> float | None:
        """Return the time to the next thing that no descriptor tells."""
        now = time.monotonic()
        due = [self.next_kill] if self.kill else []
        idle = self.kill is None and self.alone_since is None
        due += [self.warm_at] if (self.cold or self.sharing) and idle else []
        if self.alone_since is not None:
            ends = (self.alone_since + UNDERTAKER_KILL_S, self.alone_since + UNDERTAKER_END_S)
            due += [end for end in ends if end > now]
        return max(min(due) - now, 0.0) * 1000 + ROUND_UP_MS if due else None


def _only_wake(_number: int, _frame: object) -> None:
    """Handle a signal that only has to end the poll."""


def _probe_entry() -> HostEntry:
    """Import what a probe runs, in the forked process: probes are few, hosts are many."""
    entry: HostEntry = importlib.import_module("sidecar.host.probe").serve_channel
    return entry


def _provider_modules() -> list[str]:
    """Return the modules of the built-in providers; drop-ins are imported in hosts alone."""
    rows = importlib.import_module("sidecar.providers.registry").PROVIDERS.values()
    return list(dict.fromkeys(row.module for row in rows))


def main(control_fd: int, entry: HostEntry | None = None) -> int:
    """Be the zygote; the exit code of the process. `entry` is for tests."""
    control = Control(socket.socket(fileno=control_fd))
    os.set_inheritable(control_fd, False)
    os_.set_subreaper()
    cold = deque(_provider_modules() if entry is None else ())
    sharing = keep_shared() if entry is None else None
    entry = entry or default_entry()
    gc.collect()
    gc.freeze()
    return Zygote(control, entry, cold, sharing).run()
