"""Processes as /proc shows them: agents by a word in their argv, a system's own by one in its env.

What an agent has started that hides its words is known by its pid, from the agent's log. Identity
is (pid, start ticks). Linux only, like the counts that rest on it.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LOOK_EVERY_S = 0.02

RUN_VARIABLE = "SCORECARD_RUN"
"""In the environment that a system is started with: what it starts of its own inherits it."""

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Seen:
    """One living process."""

    pid: int
    start_ticks: int
    parent: int
    argv: tuple[str, ...]

    @property
    def thread(self) -> str | None:
        """The session that an agent, or what it has started, says that it belongs to."""
        if "--thread" in self.argv[:-1]:
            return self.argv[self.argv.index("--thread") + 1]
        return None

    @property
    def speaks(self) -> bool:
        """Whether it is an agent itself: what an agent starts keeps no write log."""
        return "--log" in self.argv

    def __repr__(self) -> str:
        """Name it for a person: pid, program, whose it is."""
        programs = [word for word in self.argv if word.endswith((".py", ".mjs"))]
        name = Path(programs[0] if programs else self.argv[0]).name
        kind = [] if self.speaks or not self.thread else [self.argv[-1]]
        return " ".join(
            [str(self.pid), name, *kind, *([f"of {self.thread}"] if self.thread else [])]
        )


def agents(sentinel: str, thread: str | None = None) -> list[Seen]:
    """Return the living processes with the sentinel in argv, all or those of one session."""
    found = [seen for seen in _all() if sentinel in seen.argv]
    return [seen for seen in found if thread is None or seen.thread == thread]


def noted(logs: Iterable[Path]) -> list[Seen]:
    """Return those living processes that agents' logs name, whatever their argv says by now."""
    found = []
    for log in logs:
        lines = log.read_text("utf-8").splitlines() if log.exists() else []
        for _, pid, ticks in (line.split(" ") for line in lines if line.startswith("! ")):
            with suppress(OSError):
                if (seen := _seen(int(pid))) is not None and seen.start_ticks == int(ticks):
                    found.append(seen)
    return found


def own(run: str, sentinel: str) -> list[Seen]:
    """Return a system's own processes: those started with its run word that are no agents."""
    word = f"{RUN_VARIABLE}={run}".encode()
    found = []
    for seen in _all():
        if sentinel not in seen.argv:
            with suppress(OSError):
                if word in (_PROC / str(seen.pid) / "environ").read_bytes().split(b"\0"):
                    found.append(seen)
    return found


def _all() -> Iterable[Seen]:
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if (seen := _seen(int(entry.name))) is not None:
                    yield seen


def _seen(pid: int) -> Seen | None:
    """Return a process; None for a zombie, and for one of the kernel's own."""
    words = (_PROC / str(pid) / "cmdline").read_bytes().rstrip(b"\0").decode(errors="replace")
    fields = _stat(pid)
    if not words or fields[0] == b"Z":
        return None
    return Seen(pid, int(fields[19]), int(fields[1]), tuple(words.split("\0")))


def _stat(pid: int) -> list[bytes]:
    """Return the fields of /proc/PID/stat behind the name: state, parent, …"""
    return (_PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()


def is_running(pid: int) -> bool:
    """Tell whether `pid` is a process that has not ended."""
    with suppress(OSError):
        return _stat(pid)[0] != b"Z"
    return False


def parent_of(pid: int) -> int | None:
    """Return the parent's pid; None if the process has ended."""
    with suppress(OSError):
        return int(_stat(pid)[1])
    return None


def zombies_of(pids: Iterable[int]) -> int:
    """Count the dead children that `pids` have not waited for."""
    parents = set(pids)
    count = 0
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                fields = _stat(int(entry.name))
                count += fields[0] == b"Z" and int(fields[1]) in parents
    return count


def pss_bytes(pids: Iterable[int]) -> int:
    """Return the proportional set size of processes together; those that are gone have none."""
    total = 0
    for pid in pids:
        with suppress(OSError):
            for line in (_PROC / str(pid) / "smaps_rollup").read_text("utf-8").splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def rss_bytes(pids: Iterable[int]) -> int:
    """Return the resident set size of processes together, pages they share counted each time."""
    pages = 0
    for pid in pids:
        with suppress(OSError):
            pages += int((_PROC / str(pid) / "statm").read_text("utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def descriptors(pid: int) -> int:
    """Count the open descriptors of a process; 0 if it is gone."""
    with suppress(OSError):
        return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 (Path.iterdir keeps it open)
    return 0


def threads(pid: int) -> int:
    """Count the threads of a process; 0 if it is gone."""
    with suppress(OSError):
        return len(os.listdir(f"/proc/{pid}/task"))  # noqa: PTH208 (the same)
    return 0


async def until_none(look: Callable[[], list[Seen]], deadline_s: float) -> list[Seen]:
    """Return [] as soon as nobody is seen, or who is left at the deadline."""
    end = time.monotonic() + deadline_s
    while (left := look()) and time.monotonic() < end:
        await asyncio.sleep(LOOK_EVERY_S)
    return left


def kill(seen: Iterable[Seen], number: int = 9) -> None:
    """Signal each of them, if it still is the same process."""
    for process in seen:
        with suppress(OSError):
            if int(_stat(process.pid)[19]) == process.start_ticks:
                os.kill(process.pid, number)
