"""What a test may leave behind: an observer of this process that uses nothing of sidecar/.

Owns the reading of /proc and the comparison of two looks. Never judges which test may keep what:
that is tests/conftest.py.
"""

import os
import re
import secrets
import signal
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

RUN_VARIABLE = "AGENT_SIDECAR_TEST_RUN"
RUN_ID = secrets.token_hex(16)
"""Put into this process' environment, hence into that of everything that a test starts: a child
that was re-parented to init is still found, and other test runs on the machine are not."""

_PROC = Path("/proc")
_HAS_PROC = (_PROC / "self" / "fd").is_dir()
_STAT = re.compile(rb"^\d+ \((?P<name>.*)\) (?P<state>\S) (?P<rest>.*)$", re.DOTALL)
_START_TIME = 18
"""Index of starttime (clock ticks since boot) among the fields of /proc/PID/stat behind state."""

_strangers: set[tuple[int, int]] = set()
"""Living processes of others, each looked into once. A young one is looked into again: between fork
and exec a child of ours has the environment that this process was started with, unmarked."""

_SETTLED_TICKS = 1_000
"""Ten seconds in most kernels' ticks: far longer than from fork to exec."""

_STARTS = frozenset({"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn"})
"""Audit events: each way in which this process can start another one."""

_started = 0
"""How often it did."""

_nobody_since = -1
"""So often it had when nobody of ours was found: while that holds nobody need be looked for, and
reading all of /proc before and after thousands of tests is what they cost most."""

_QUIET_TARGETS = ("/dev/null", "/dev/tty", "/dev/pts/", "/dev/urandom", "/dev/random", "/proc/")
_QUIET_THREADS = ("asyncio_", "MainThread")
"""The loop's default executor keeps its threads until the loop closes, which is after our look."""


@dataclass(frozen=True, slots=True)
class Look:
    """The state at one moment; two of them are compared."""

    processes: dict[tuple[int, int], str] = field(default_factory=dict)
    descriptors: Counter[str] = field(default_factory=Counter)
    threads: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What the second look has and the first had not."""

    processes: dict[tuple[int, int], str]
    descriptors: list[str]
    threads: list[str]
    files: list[str]

    def describe(self, ignored: frozenset[str] = frozenset()) -> list[str]:
        """Return one line a thing left behind, without the kinds in `ignored`."""
        kinds: dict[str, list[str]] = {
            "processes": [f"{pid} {what}" for (pid, _), what in self.processes.items()],
            "descriptors": self.descriptors,
            "threads": self.threads,
            "files": self.files,
        }
        return [
            f"{kind}: {thing}"
            for kind, things in kinds.items()
            if kind not in ignored
            for thing in things
        ]


def mark_this_run() -> None:
    """Name this test run in the environment, before anything is started, and count what is."""
    os.environ[RUN_VARIABLE] = RUN_ID
    sys.addaudithook(_count)


def _count(event: str, _args: object) -> None:
    global _started  # noqa: PLW0603 - a hook has nothing else to keep it in
    if event in _STARTS:
        _started += 1


def look(files_in: Path | None = None) -> Look:
    """Look at this process and at everything that was started below it."""
    return Look(_processes(), _descriptors(), _threads(), _files(files_in))


def compare(before: Look, after: Look) -> Leftovers:
    """Return what came between the two looks and is still there."""
    return Leftovers(
        {key: what for key, what in after.processes.items() if key not in before.processes},
        sorted((after.descriptors - before.descriptors).elements()),
        sorted(after.threads - before.threads),
        sorted(after.files - before.files),
    )


def kill(processes: dict[tuple[int, int], str]) -> None:
    """Kill what a test left, so that the next test is judged alone."""
    for pid, _ in processes:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def _processes() -> dict[tuple[int, int], str]:
    """Return (pid, start time) → words of every process of this run but this one."""
    global _nobody_since  # noqa: PLW0603 - the same
    if not _HAS_PROC or _nobody_since == _started:
        return {}
    own, started = os.getpid(), _started
    found = {}
    living = set()
    for name in os.listdir(_PROC):  # noqa: PTH208 (this and _read run before and after each test)
        if not name.isdigit() or int(name) == own:
            continue
        with suppress(OSError):
            stat = _STAT.match(_read(name, "stat"))
            if stat is None:
                continue
            rest = stat["rest"].split()
            key = int(name), int(rest[_START_TIME])
            living.add(key)
            zombie = stat["state"] == b"Z"
            if int(rest[0]) == own if zombie else _is_ours(key):
                found[key] = _words(name, stat, zombie)
    _strangers.intersection_update(living)
    _nobody_since = -1 if found else started
    return found


def _read(pid: str | int, name: str) -> bytes:
    """Read a small file of a process; a third of what Path.read_bytes costs."""
    descriptor = os.open(f"/proc/{pid}/{name}", os.O_RDONLY)
    try:
        data = b""
        while more := os.read(descriptor, 65_536):
            data += more
        return data
    finally:
        os.close(descriptor)


def _is_ours(key: tuple[int, int]) -> bool:
    if key in _strangers:
        return False
    ours = f"{RUN_VARIABLE}={RUN_ID}".encode() in _read(key[0], "environ").split(b"\0")
    if not ours and _uptime_ticks() - key[1] > _SETTLED_TICKS:
        _strangers.add(key)
    return ours


def _uptime_ticks() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK")


def _words(pid: str, stat: re.Match[bytes], zombie: bool) -> str:
    if zombie:
        return f"({stat['name'].decode(errors='replace')}, a zombie that nobody waited for)"
    command = _read(pid, "cmdline").replace(b"\0", b" ").strip()
    return command.decode(errors="replace")[:200]


def _descriptors() -> Counter[str]:
    """Count open sockets, pipes, files and anonymous inodes by what they are."""
    found: Counter[str] = Counter()
    if not _HAS_PROC:
        return found
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 (Path.iterdir would keep it open)
        with suppress(OSError):
            target = os.readlink(f"/proc/self/fd/{name}")  # noqa: PTH115 (no Path a descriptor)
            if not target.startswith(_QUIET_TARGETS):
                found[target] += 1
    return found


def _threads() -> frozenset[str]:
    return frozenset(
        f"{thread.name} ({thread.ident})"
        for thread in threading.enumerate()
        if not thread.name.startswith(_QUIET_THREADS)
    )


def _files(folder: Path | None) -> frozenset[str]:
    if folder is None:
        return frozenset()
    return frozenset(str(path) for path in folder.iterdir())
