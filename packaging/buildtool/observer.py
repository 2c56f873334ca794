"""Count processes from outside: whatever carries a random sentinel, by /proc alone.

Uses no code, mark or record of the sidecar, so that it can judge the sidecar. Linux only.
"""

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
SUPPORTED = PROC.is_dir()

SHORTEST = 16
"""Characters of a sentinel at least: 64 random bits in hex."""

POLL_S = 0.05


@dataclass(frozen=True)
class Seen:
    """One process that carries the sentinel."""

    pid: int
    argv: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.pid} {' '.join(self.argv) or '(no argv)'}"


def seen(sentinel: str) -> list[Seen]:
    """Return the living processes with the sentinel in argv, environment, cwd, exe or open files.

    This process and those above it are left out: they made the sentinel.
    """
    if len(sentinel) < SHORTEST:
        raise ValueError("a sentinel must be long and random, or it matches strangers")
    own = _ancestors(os.getpid())
    found = []
    for entry in PROC.iterdir():
        if entry.name.isdigit() and int(entry.name) not in own and _carries(entry, sentinel):
            argv = tuple(part.decode(errors="replace") for part in _read(entry / "cmdline"))
            found.append(Seen(int(entry.name), argv))
    return found


def wait_for_none(sentinel: str, deadline_s: float) -> list[Seen]:
    """Wait until no process carries the sentinel; return those that still do at the deadline."""
    ends = time.monotonic() + deadline_s
    while (left := seen(sentinel)) and time.monotonic() < ends:
        time.sleep(POLL_S)
    return left


def _carries(entry: Path, sentinel: str) -> bool:
    wanted = sentinel.encode()
    if any(wanted in part for name in ("cmdline", "environ") for part in _read(entry / name)):
        return True
    links = [entry / "cwd", entry / "exe"]
    with contextlib.suppress(OSError):
        links += list((entry / "fd").iterdir())
    return any(sentinel in _link(link) for link in links)


def _read(path: Path) -> list[bytes]:
    """Return a NUL-separated file's parts; nothing for a process that is gone or not ours."""
    with contextlib.suppress(OSError):
        return [part for part in path.read_bytes().split(b"\0") if part]
    return []


def _link(path: Path) -> str:
    with contextlib.suppress(OSError):
        return str(path.readlink())
    return ""


def _ancestors(pid: int) -> set[int]:
    """Return the pid and all above it."""
    found = set()
    while pid > 0 and pid not in found:
        found.add(pid)
        try:
            stat = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            break
        pid = int(stat.rpartition(")")[2].split()[1])
    return found
