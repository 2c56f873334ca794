"""Packaging: what is added to an app's bundle, how soon it is up, and what it has in memory then.

Claims: both layouts are within the budget of packaging/size-budget.toml, by their files; every
start gets to a connected consumer, and its end leaves nothing; the memory at that moment is near
the aim. How long a start takes is shown, never judged: that is the machine's.
"""

import json
import statistics
import time
import tomllib
from pathlib import Path
from typing import Any

from tests.scorecard.model import Arena, Outcome, RowSpec
from tests.scorecard.observe import processes
from tests.scorecard.rows.kit import END_S, Judge

ROOT = Path(__file__).resolve().parents[3]
DIST = ROOT / "dist"
BUDGET = ROOT / "packaging" / "size-budget.toml"
FILES = {"onefile": "agent-sidecar", "onedir": "agent-sidecar"}
MEMORY_FACTOR = 1.2
"""Memory may be that far over the aim, as from source it is more than frozen."""


async def run(arena: Arena) -> Outcome:
    """Run the row."""
    judge = Judge(arena.hasty)
    starts = 3 if arena.quick else 10
    times_ms, memory_bytes = [], []
    for _ in range(starts):
        began = time.monotonic()
        await arena.system.start()
        times_ms.append((time.monotonic() - began) * 1000)
        own = processes.own(arena.sentinel, arena.sentinel)
        memory_bytes.append(processes.pss_bytes(seen.pid for seen in own))
        await arena.system.stop()
    left = await processes.until_none(lambda: processes.own(arena.sentinel, arena.sentinel), END_S)
    judge.must(not left, f"processes left: {left[:5]}")
    ours = arena.system.name == "sidecar"
    sizes = _judged_sizes(judge) if ours else {"addedBytes": 0}
    memory = round(statistics.median(memory_bytes))
    if ours:
        limit = MEMORY_FACTOR * _budget()["aims"]["rss_bytes"]
        judge.must(memory <= limit, f"{memory / 1e6:.0f} MB at ready, more than {limit / 1e6:.0f}")
    return Outcome(
        _said(sizes, starts),
        processes_left=len(left),
        memory_after_bytes=memory,
        has_sessions=False,
        verdict="red" if judge.reasons else "green",
        reasons=judge.reasons,
        extra={
            "readyMedianMs": round(statistics.median(times_ms), 1),
            "readyMostMs": round(max(times_ms), 1),
            "starts": starts,
            **sizes,
        },
    )


def _said(sizes: dict[str, Any], starts: int) -> str:
    if "addedBytes" in sizes:
        return f"It adds nothing to an app that has Node; {starts} starts."
    megabytes = [f"{sizes[f'{name}Bytes'] / 1e6:.1f} MB {name}" for name in FILES]
    return f"It adds {' or '.join(megabytes)} to an app's bundle; {starts} starts."


def _judged_sizes(judge: Judge) -> dict[str, Any]:
    """Weigh the files themselves; what they are as xz only the freeze knows."""
    sizes: dict[str, Any] = {}
    for layout, limits in ((name, _budget()[name]) for name in FILES):
        path = DIST / layout / FILES[layout]
        judge.must(path.exists(), f"there is no frozen {layout}: python3 build.py freeze")
        disk = _bytes(path)
        sizes[f"{layout}Bytes"] = disk
        judge.must(disk <= limits["disk_bytes"], f"{layout} is over its budget: {disk} bytes")
        report = DIST / layout / "size-report.json"
        compressed = json.loads(report.read_text("utf-8"))["xzBytes"] if report.exists() else None
        sizes[f"{layout}XzBytes"] = compressed
        if compressed is not None and "xz_bytes" in limits:
            judge.must(
                compressed <= limits["xz_bytes"], f"{layout} is over its budget as xz: {compressed}"
            )
    return sizes


def _bytes(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files if file.is_file() and not file.is_symlink())


def _budget() -> dict[str, Any]:
    return tomllib.loads(BUDGET.read_text("utf-8"))


ROW = RowSpec("package", "Packaging: size and start", run, ("no-excludes",))
