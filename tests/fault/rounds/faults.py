"""Does the damage that a plan asks for, and mends it. An observer of /proc; nothing of sidecar/."""

import os
import signal
from collections.abc import Callable, Container
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

from tests.fault.rounds.plan import Fault
from tests.support.observer import Seen, parent_of, seen

ROOM_BYTES = 0
"""What a process whose memory is bounded may still take beyond what its allocator holds."""

_SIGNALS = {"kill": signal.SIGKILL, "term": signal.SIGTERM, "stop": signal.SIGSTOP}
_LIMITS = {"descriptors": psutil.RLIMIT_NOFILE, "memory": psutil.RLIMIT_AS}

_starved: dict[tuple[psutil.Process, int], tuple[tuple[int, int], int]] = {}
"""(process, limit) → what it was, and how many faults hold it down."""


class Processes(NamedTuple):
    """What runs at one moment: the agents by thread, and who is above them."""

    supervisor: int
    agents: dict[str, int]
    hosts: dict[int, set[str]]
    """Host pid → threads whose agents are its children."""

    zygote: int | None


class Done(NamedTuple):
    """A fault that was carried out. `threads`: whom it may touch; None: every one."""

    fault: Fault
    pid: int
    threads: frozenset[str] | None
    mend: Callable[[], None]


def look(supervisor: int, sentinel: str) -> Processes:
    """Return what runs below a supervisor now, agents found by their sentinel alone."""
    agents: dict[str, int] = {}
    hosts: dict[int, set[str]] = {}
    for agent in seen(sentinel):
        thread = _name_of(agent)
        parent = parent_of(agent.pid)
        if thread is not None and parent is not None:
            agents[thread] = agent.pid
            hosts.setdefault(parent, set()).add(thread)
    return Processes(supervisor, agents, hosts, _zygote(supervisor, hosts))


def _name_of(agent: Seen) -> str | None:
    """The word before the sentinel is the session's name."""
    words = list(agent.argv)
    index = next((n for n, word in enumerate(words) if word.startswith("sentinel-")), 0)
    return words[index - 1] if index else None


def _zygote(supervisor: int, hosts: Container[int]) -> int | None:
    """Return the youngest: hosts of a dead one are forks of it, and the supervisor's now."""
    found: list[tuple[int, int]] = []
    with suppress(OSError):
        children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
        for pid in map(int, children):
            if b"zygote" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                stat = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
                found += [] if pid in hosts else [(int(stat[19]), pid)]
    return max(found)[1] if found else None


def carry_out(fault: Fault, processes: Processes, known: set[str], switch: Path) -> Done | None:
    """Do a fault now; None when there is nobody to do it to.

    `known` are all threads: one without an agent may be on its way into a host.
    """
    target = _target(fault, processes, known)
    if target is None:
        return None
    pid, threads = target
    mend = _do(fault, pid, switch)
    return None if mend is None else Done(fault, pid, threads, mend)


def _target(
    fault: Fault, processes: Processes, known: set[str]
) -> tuple[int, frozenset[str] | None] | None:
    """Return the process, and the threads that it may touch."""
    starting = known - processes.agents.keys()
    match fault.target:
        case "supervisor":
            harmless = fault.kind in ("disk", "descriptors", "stop")
            return processes.supervisor, frozenset(starting) if harmless else None
        case "zygote":
            return processes.zygote and (processes.zygote, frozenset(starting))  # type: ignore[return-value]
        case "host":
            if not processes.hosts:
                return None
            pids = sorted(processes.hosts)
            pid = pids[fault.which % len(pids)]
            return pid, frozenset(processes.hosts[pid] | starting)
        case "provider":
            if not processes.agents:
                return None
            threads = sorted(processes.agents)
            thread = threads[fault.which % len(threads)]
            return processes.agents[thread], frozenset({thread})


def _do(fault: Fault, pid: int, switch: Path) -> Callable[[], None] | None:
    try:
        if fault.kind == "disk":
            switch.touch()
            return lambda: switch.unlink(missing_ok=True)
        if (number := _SIGNALS.get(fault.kind)) is not None:
            os.kill(pid, number)
            return (lambda: _signal(pid, signal.SIGCONT)) if fault.kind == "stop" else _nothing
        return _starve(fault, psutil.Process(pid))
    except (ProcessLookupError, psutil.Error):
        return None


def _starve(fault: Fault, process: psutil.Process) -> Callable[[], None]:
    """Lower a limit of a process; what lowered it first knows what it was."""
    which = _LIMITS[fault.kind]
    key = (process, which)
    before, starving = _starved.get(key, (process.rlimit(which), 0))
    process.rlimit(which, (_bound(fault, process), before[1]))
    _starved[key] = before, starving + 1
    return lambda: _feed(key)


def _feed(key: tuple[psutil.Process, int]) -> None:
    """Give a process its limit back, with the last fault that lowered it."""
    process, which = key
    before, starving = _starved.pop(key)
    if starving > 1:
        _starved[key] = before, starving - 1
        return
    with suppress(psutil.Error):
        process.rlimit(which, before)


def _bound(fault: Fault, process: psutil.Process) -> int:
    if fault.kind == "descriptors":
        return len(os.listdir(f"/proc/{process.pid}/fd"))  # noqa: PTH208
    return int(process.memory_info().vms) + ROOM_BYTES


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _nothing() -> None:
    """Nothing can mend it."""
