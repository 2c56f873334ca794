"""An observer of processes that imports nothing of sidecar and knows nothing of its marks.

Finds processes by a random word in their argv (/proc/*/cmdline) or in the environment that they
were started with (/proc/*/environ), and tells which sockets and pipes two processes both have open
(/proc/*/fd).
"""

import asyncio
import fcntl
import os
import re
import secrets
import sys
import termios
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

LOOK_EVERY_S = 0.02

_PROC = Path("/proc")
_STDIO = range(3)


class Seen(NamedTuple):
    """A living process that has the word in its argv."""

    pid: int
    start_ticks: int
    argv: tuple[str, ...]

    def __repr__(self) -> str:
        return f"{self.pid} {' '.join(self.argv[1:])}"


def new_sentinel() -> str:
    """Return a word that is in nobody's argv."""
    return f"sentinel-{secrets.token_hex(12)}"


def seen(sentinel: str) -> list[Seen]:
    """Return the living processes with `sentinel` in their argv; zombies have none."""
    found = []
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                if any(sentinel in word for word in words):
                    found.append(Seen(int(entry.name), _start_ticks(entry), tuple(words)))
    return found


def seen_with_env(word: str) -> list[Seen]:
    """Return the living processes that were started with `word` in their environment."""
    found = []
    needle = word.encode()
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if needle in (entry / "environ").read_bytes():
                    argv = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                    if is_running(int(entry.name)):
                        found.append(Seen(int(entry.name), _start_ticks(entry), tuple(argv)))
    return found


def parent_of(pid: int) -> int | None:
    """Return the parent's pid; None if the process has ended."""
    with suppress(OSError):
        return int((_PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()[1])
    return None


def roots(processes: Iterable[Seen]) -> list[Seen]:
    """Return those of `processes` whose parent is none of them."""
    known = {process.pid: process for process in processes}
    return [process for process in known.values() if parent_of(process.pid) not in known]


def _start_ticks(entry: Path) -> int:
    return int((entry / "stat").read_bytes().rpartition(b")")[2].split()[19])


def is_running(pid: int) -> bool:
    """Tell whether `pid` is a process that has not ended."""
    with suppress(OSError):
        return (_PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    return False


async def wait_until_none(sentinel: str, deadline_s: float) -> list[Seen]:
    """Return [] as soon as nobody is seen, or who is left at the deadline."""
    end = time.monotonic() + deadline_s
    while (left := seen(sentinel)) and time.monotonic() < end:
        await asyncio.sleep(LOOK_EVERY_S)
    return left


async def wait_until_seen(sentinel: str, count: int, deadline_s: float) -> list[Seen]:
    """Return the processes as soon as at least `count` are seen, or those of the deadline."""
    end = time.monotonic() + deadline_s
    while len(found := seen(sentinel)) < count and time.monotonic() < end:
        await asyncio.sleep(LOOK_EVERY_S)
    return found


async def wait_until_ended(pids: Iterable[int], deadline_s: float) -> list[int]:
    """Return [] as soon as none of `pids` runs, or those that do at the deadline."""
    end = time.monotonic() + deadline_s
    while (left := [pid for pid in pids if is_running(pid)]) and time.monotonic() < end:
        await asyncio.sleep(LOOK_EVERY_S)
    return left


def inodes(pid: int, *, stdio: bool = True) -> set[str]:
    """Return the sockets and pipes that `pid` has open, as the kernel names them."""
    found = set()
    folder = f"/proc/{pid}/fd"
    for name in os.listdir(folder):  # noqa: PTH208 (Path.iterdir would keep it open)
        if not stdio and int(name) in _STDIO:
            continue
        with suppress(OSError):
            target = os.readlink(f"{folder}/{name}")  # noqa: PTH115 (no Path a descriptor)
            if re.match(r"(socket|pipe):", target):
                found.add(target)
    return found


def unread_bytes(pid: int) -> int:
    """Return how much waits in the pipe that is the stdin of `pid`, and take nothing of it."""
    fd = os.open(f"/proc/{pid}/fd/0", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, bytes(4)), sys.byteorder)
    finally:
        os.close(fd)


def kill_all(sentinel: str) -> None:
    """Kill whoever is seen: what a failed test left."""
    for process in seen(sentinel):
        with suppress(ProcessLookupError):
            os.kill(process.pid, 9)
