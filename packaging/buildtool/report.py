"""Write and judge dist/<layout>/size-report.json, and keep packaging/size-history.json.

Owns both files. The rules stand in `size`, the look into the binary in `bundle`.
"""

import io
import json
import lzma
import os
import platform
import sys
import tarfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from buildtool import size, startup
from buildtool.paths import APP, DIST, EXE, PACKAGING, ROOT, binary, venv_python
from buildtool.shell import quiet, say

REPORT = "size-report.json"
BUDGET = PACKAGING / "size-budget.toml"
HISTORY = PACKAGING / "size-history.json"


def write_report(layout: str, dist: Path, *, stripped: bool, measure_start: bool) -> None:
    """Measure a frozen layout and write its report."""
    folder = dist / layout
    bundle = json.loads(
        quiet(
            f"components {layout}",
            [venv_python(), "-m", "buildtool.bundle", layout, folder],
            cwd=ROOT,
            env={"PYTHONPATH": str(PACKAGING)},
        )
    )
    start: dict[str, Any] = {"readyMs": None, "rssBytes": None, "pssBytes": None}
    if measure_start:
        start = startup.measure(binary(layout, dist), dict(os.environ))
    report = {
        "layout": layout,
        "platform": sys.platform,
        "machine": platform.machine(),
        "stripped": stripped,
        **{name: bundle[name] for name in ("python", "pythonVersion", "pythonBuild")},
        "totalBytes": bundle["totalBytes"],
        "xzBytes": compressed_bytes(folder / (APP if layout == "onedir" else f"{APP}{EXE}")),
        **start,
        "components": bundle["components"],
        "biggest": bundle["biggest"],
    }
    text = json.dumps(report, indent=2) + "\n"
    (folder / REPORT).write_text(text, encoding="utf-8")


def read_report(layout: str, dist: Path = DIST) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((dist / layout / REPORT).read_text(encoding="utf-8"))
    return report


def judge(layouts: Sequence[str], dist: Path = DIST) -> bool:
    """Print each layout's report with its change and findings; return whether all are good."""
    budget = tomllib.loads(BUDGET.read_text(encoding="utf-8"))
    history = read_history()
    good = True
    for layout in layouts:
        report = read_report(layout, dist)
        verdict = size.judge(report, budget, history)
        for line in size.table(report, size.last_entry(history, report)):
            say(line)
        for note in verdict.notes:
            say(f"  note: {note}")
        for failure in verdict.failures:
            say(f"  SIZE FAILS ({layout}): {failure}")
        good = good and not verdict.failures
    return good


def record(layouts: Sequence[str], reason: str, dist: Path = DIST) -> None:
    """Append the present sizes to the history, to be committed with the change that made them."""
    entries = [size.to_entry(read_report(layout, dist), reason) for layout in layouts]
    text = json.dumps([*read_history(), *entries], indent=1)
    HISTORY.write_text(text + "\n", encoding="utf-8")
    say(f"recorded in {HISTORY.relative_to(ROOT)}: {', '.join(layouts)}")


def read_history() -> list[dict[str, Any]]:
    history: list[dict[str, Any]] = json.loads(HISTORY.read_text(encoding="utf-8"))
    return history


def compressed_bytes(path: Path) -> int:
    """Return the size of a .tar.xz of a file or folder; the same content gives the same size."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            name = file.relative_to(path.parent).as_posix()
            tar.add(file, arcname=name, recursive=False, filter=_plain)
    return len(lzma.compress(buffer.getvalue()))


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mtime = member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
