"""Linux: one cgroup v2 leaf a host, where a subtree was delegated to us.

    base (ours alone) ─┬─ agent-sidecar.<pid>.<time>.self   this process, the zygote
                       └─ agent-sidecar.<pid>.<time>.<n>    a host and all below it

A cgroup with controllers for its children may hold no processes itself, so this process moves into
a leaf first; never is a process of somebody else moved, and where one lives in our cgroup nothing
is done. The kernel was never seen to do this here, for lack of the memory controller: the logic is
tested against a folder that looks like one, and entering a leaf against a real cgroup2.
"""

import itertools
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from sidecar.process.containment import Found
from sidecar.process.identity import ProcessKey
from sidecar.process.platform import os_

NAME = "agent-sidecar"

Remove = Callable[[Path], None]


class Leaf:
    """A host's cgroup."""

    def __init__(self, path: Path, limit_bytes: int, remove: Remove) -> None:
        self._path = path
        self._limit_bytes = limit_bytes
        self._remove = remove

    def verdict(self) -> dict[str, Any] | None:
        """Return the figures, if the kernel killed in here because of memory.max."""
        if not _events(self._path / "memory.events").get("oom_kill"):
            return None
        figures = {"kind": "memory", "scope": "cgroup", "limitBytes": self._limit_bytes}
        peak = _read(self._path / "memory.peak").strip()
        if peak.isdigit():
            figures["peakBytes"] = int(peak)
        return figures

    def close(self) -> None:
        """Remove it; one that still has a process is left to the sweep of the next start."""
        with suppress(OSError):
            self._remove(self._path)


class Cgroup:
    """A delegated cgroup, and the leaves that this supervisor made in it."""

    def __init__(self, base: Path, owner: ProcessKey, remove: Remove = Path.rmdir) -> None:
        self._base = base
        self._prefix = f"{NAME}.{owner.pid}.{owner.create_time}"
        self._remove = remove
        self._numbers = itertools.count(1)
        self._moved = False

    def prepare(self, processes: Callable[[], set[int]]) -> str:
        """Get the memory controller for leaves; return why that cannot be, "" if it can.

        Moves this process and what is below it into a leaf of their own, if it must.
        """
        if "memory" not in _read(self._base / "cgroup.controllers").split():
            return "its cgroup has no memory controller"
        if "memory" in _read(self._base / "cgroup.subtree_control").split():
            return "" if os.access(self._base, os.W_OK) else "its cgroup is not writable"
        living = {int(word) for word in _read(self._base / "cgroup.procs").split()}
        if living - processes():
            return "others live in its cgroup"
        try:
            self._move_aside(living)
            (self._base / "cgroup.subtree_control").write_text("+memory")
        except OSError as error:
            self.close()
            return f"its cgroup is not delegated: {error.strerror}"
        return ""

    def enter(self, pid: int, limit_bytes: int | None) -> Leaf | None:
        """Put a host that has no children yet into a leaf; None when the kernel refuses.

        Without a limit there is nothing to do: subreapers and marks find what it starts.
        """
        if limit_bytes is None:
            return None
        path = self._base / f"{self._prefix}.{next(self._numbers)}"
        leaf = Leaf(path, limit_bytes, self._remove)
        try:
            path.mkdir()
            (path / "memory.max").write_text(str(limit_bytes))
            (path / "memory.oom.group").write_text("1")
            with suppress(OSError):  # what is swapped out is not seen by sampling
                (path / "memory.swap.max").write_text("0")
            (path / "cgroup.procs").write_text(str(pid))
        except OSError:
            leaf.close()
            return None
        return leaf

    def sweep(self) -> int:
        """Remove the leaves of supervisors that are gone; return how many."""
        removed = 0
        for path in self._base.glob(f"{NAME}.*.*.*"):
            owner = _owner_of(path.name)
            if owner is not None and os_.key_of(owner.pid) != owner:
                with suppress(OSError):
                    self._remove(path)
                    removed += 1
        return removed

    def close(self) -> None:
        """Leave the cgroup as it was found, as far as that is possible."""
        for path in self._base.glob(f"{self._prefix}.[0-9]*"):
            with suppress(OSError):
                self._remove(path)
        if self._moved:
            self._moved = False
            with suppress(OSError):
                (self._base / "cgroup.subtree_control").write_text("-memory")
            own = self._base / f"{self._prefix}.self"
            for word in _read(own / "cgroup.procs").split():
                with suppress(OSError):
                    (self._base / "cgroup.procs").write_text(word)
            with suppress(OSError):
                self._remove(own)

    def _move_aside(self, pids: set[int]) -> None:
        own = self._base / f"{self._prefix}.self"
        own.mkdir(exist_ok=True)
        self._moved = True
        for pid in sorted(pids):
            (own / "cgroup.procs").write_text(str(pid))


def find_cgroup(processes: Callable[[], set[int]], proc: Path = Path("/proc/self")) -> Found:
    """Return the cgroup that was delegated to this process, or why there is none."""
    base = own_cgroup(_read(proc / "mountinfo"), _read(proc / "cgroup"))
    if base is None:
        return Found(None, "there is no cgroup v2")
    owner = os_.key_of(os.getpid())
    if owner is None:
        return Found(None, "/proc cannot be read")
    cgroup = Cgroup(base, owner)
    cgroup.sweep()
    reason = cgroup.prepare(processes)
    return Found(None if reason else cgroup, reason)


def own_cgroup(mountinfo: str, cgroup: str) -> Path | None:
    """Return the folder of the own cgroup v2 (proc(5) mountinfo, cgroups(7)); None without one."""
    own = next((line[3:] for line in cgroup.splitlines() if line.startswith("0::")), None)
    for line in mountinfo.splitlines():
        fields, _, kind = line.partition(" - ")
        words = fields.split()
        if own is None or not kind.startswith("cgroup2 ") or len(words) < 5:
            continue
        root, mount = words[3], words[4]
        if own == root or own.startswith(root.rstrip("/") + "/"):
            return Path(mount) / own[len(root.rstrip("/")) :].lstrip("/")
    return None


def _owner_of(name: str) -> ProcessKey | None:
    words = name.removeprefix(f"{NAME}.").split(".")
    if len(words) == 3 and words[0].isdigit() and words[1].isdigit():
        return ProcessKey(int(words[0]), int(words[1]))
    return None


def _events(path: Path) -> dict[str, int]:
    """Read a flat keyed file."""
    pairs = (line.split() for line in _read(path).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
