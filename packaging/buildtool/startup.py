"""Start a frozen binary and measure: time until its ready line, memory at that moment, clean end.

Speaks only the bootstrap and the ready line (docs/PROTOCOL.md §1), on the standard library.
"""

import contextlib
import json
import secrets
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from buildtool import observer
from buildtool.shell import BuildError

RUNS = 5
"""Starts whose median is reported; one more before them warms the page cache."""

READY_DEADLINE_S = 30.0
EXIT_DEADLINE_S = 15.0
LAST_WORDS_S = 1.0
"""For a program that failed to write to stderr why."""
SETTLE_S = 0.3
"""From the ready line to the memory reading: the zygote's imports end beside the supervisor's."""

SENTINEL = "OBSERVER_SENTINEL"
"""Environment variable with a random value, by which the processes of one start are found."""


@dataclass(frozen=True)
class Started:
    """One running sidecar of ours."""

    process: subprocess.Popen[str]
    ready: dict[str, Any]
    ready_ms: float
    token: str
    sentinel: str
    folder: Path
    """Temporary folder of this run: data dir and TMPDIR; its name holds the sentinel."""


@dataclass(frozen=True)
class Memory:
    """Memory of one process. PSS counts a page shared by n processes as 1/n."""

    role: str
    rss_bytes: int
    pss_bytes: int


@contextlib.contextmanager
def running(binary: Path, environ: dict[str, str]) -> Iterator[Started]:
    """Start `binary serve`, yield it once ready, then end it by closing its stdin.

    Raises BuildError when it does not get ready, does not end with exit code 0 in time, or leaves
    a process or an unpacked folder behind.
    """
    sentinel = secrets.token_hex(8)
    with tempfile.TemporaryDirectory(prefix=f"as-{sentinel}-") as name:
        folder = Path(name)
        started = _start(binary, environ, folder, sentinel)
        try:
            yield started
            _end(started)
        finally:
            _discard(started.process)
        _expect_nothing_left(started)


def measure(binary: Path, environ: dict[str, str]) -> dict[str, Any]:
    """Return ready times (ms) of RUNS starts, the one before them, and memory at ready."""
    with running(binary, environ) as first:
        first_ms = first.ready_ms
    times: list[float] = []
    memory: list[Memory] = []
    for _ in range(RUNS):
        with running(binary, environ) as started:
            times.append(started.ready_ms)
            time.sleep(SETTLE_S)
            memory = memory_of(started)
    return {
        "readyMs": round(statistics.median(times)),
        "readyRunsMs": [round(value) for value in times],
        "readyFirstMs": round(first_ms),
        "rssBytes": sum(entry.rss_bytes for entry in memory) or None,
        "pssBytes": sum(entry.pss_bytes for entry in memory) or None,
        "memory": [asdict(entry) for entry in memory],
    }


def memory_of(started: Started) -> list[Memory]:
    """Return the memory of each process of a started sidecar; nothing outside Linux."""
    if not observer.SUPPORTED:
        return []
    found = []
    for process in observer.seen(started.sentinel):
        fields = _smaps(process.pid)
        role = process.argv[1] if len(process.argv) > 1 else "?"
        if role == "serve":
            role = "supervisor" if process.pid == started.ready["pid"] else "bootloader"
        found.append(Memory(role, fields.get("Rss", 0), fields.get("Pss", 0)))
    return sorted(found, key=lambda entry: -entry.pss_bytes)


def _start(binary: Path, environ: dict[str, str], folder: Path, sentinel: str) -> Started:
    token = secrets.token_hex(32)
    began_s = time.perf_counter()
    with (folder / "stderr.log").open("wb") as stderr:
        process = subprocess.Popen(
            [str(binary), "serve"],
            cwd=folder,
            env={**environ, SENTINEL: sentinel, "TMPDIR": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            encoding="utf-8",
        )
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(BrokenPipeError):  # it has ended already; its stderr says why
        process.stdin.write(json.dumps({"token": token, "dataDir": str(folder / "data")}) + "\n")
        process.stdin.flush()
    overdue = threading.Timer(READY_DEADLINE_S, process.kill)
    overdue.start()
    line = process.stdout.readline()
    ready_ms = (time.perf_counter() - began_s) * 1000
    overdue.cancel()
    ready = json.loads(line) if line.startswith("{") else {}
    if ready.get("event") != "ready":
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(LAST_WORDS_S)
        _discard(process)
        stderr_text = (folder / "stderr.log").read_text(encoding="utf-8", errors="replace")
        raise BuildError(f"{binary} does not get ready: {line!r}\n{stderr_text[-4000:]}")
    return Started(process, ready, ready_ms, token, sentinel, folder)


def _end(started: Started) -> None:
    """Close stdin and expect an orderly exit (PROTOCOL §1.4)."""
    assert started.process.stdin is not None
    started.process.stdin.close()
    try:
        code = started.process.wait(EXIT_DEADLINE_S)
    except subprocess.TimeoutExpired:
        raise BuildError(f"serve lives {EXIT_DEADLINE_S} s after its stdin was closed") from None
    if code != 0:
        log = (started.folder / "stderr.log").read_text(encoding="utf-8", errors="replace")
        raise BuildError(f"serve ended with exit code {code} instead of 0\n{log[-4000:]}")


def _discard(process: subprocess.Popen[str]) -> None:
    """Kill what still runs and close its pipes."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def _expect_nothing_left(started: Started) -> None:
    if observer.SUPPORTED:
        left = observer.wait_for_none(started.sentinel, EXIT_DEADLINE_S)
        if left:
            raise BuildError("processes left after serve ended: " + "; ".join(map(str, left)))
    unpacked = sorted(path.name for path in started.folder.glob("_MEI*"))
    if unpacked:
        raise BuildError(f"unpacked folders left after serve ended: {', '.join(unpacked)}")


def _smaps(pid: int) -> dict[str, int]:
    """Return the figures of smaps_rollup in bytes."""
    try:
        text = (observer.PROC / str(pid) / "smaps_rollup").read_text(encoding="utf-8")
    except OSError:
        return {}
    rows = (line.split() for line in text.splitlines()[1:])
    return {row[0].rstrip(":"): int(row[1]) * 1024 for row in rows if len(row) >= 2}
