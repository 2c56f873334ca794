"""What a test may leave behind: an observer of this process that uses nothing of sidecar/.

Owns the reading of /proc and the comparison of two looks. Never judges which test may keep what:
that is tests/conftest.py.
"""

import os
import re
import secrets
import signal
import threading
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
    """Name this test run in the environment, before anything is started."""
    os.environ[RUN_VARIABLE] = RUN_ID


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
    if not _HAS_PROC:
        return {}
    needle = f"{RUN_VARIABLE}={RUN_ID}".encode()
    own = os.getpid()
    found = {}
    for entry in _PROC.iterdir():
        if not entry.name.isdigit() or int(entry.name) == own:
            continue
        with suppress(OSError):
            stat = _STAT.match((entry / "stat").read_bytes())
            if stat is None:
                continue
            rest = stat["rest"].split()
            zombie = stat["state"] == b"Z"
            if zombie:
                ours = int(rest[0]) == own
            else:
                ours = needle in (entry / "environ").read_bytes().split(b"\0")
            if ours:
                found[int(entry.name), int(rest[_START_TIME])] = _words(entry, stat, zombie)
    return found


def _words(entry: Path, stat: re.Match[bytes], zombie: bool) -> str:
    if zombie:
        return f"({stat['name'].decode(errors='replace')}, a zombie that nobody waited for)"
    command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").strip()
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
