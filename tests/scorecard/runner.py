"""Runs rows against systems: a fresh folder, a fresh sentinel and a fresh system for each.

Owns what a row that fails leaves behind. Judges nothing: that is the rows'.
"""

import asyncio
import os
import platform
import secrets
import shutil
import subprocess
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.scorecard.model import (
    Arena,
    Outcome,
    Report,
    RowOverError,
    RowResult,
    RowSpec,
    System,
    SystemFailedError,
)
from tests.scorecard.observe import processes

Make = Callable[[Path, str, RowSpec], System]
"""A folder of its own, its run word, the row → a system that was not started."""


async def run_row(
    row: RowSpec, make: Make, *, quick: bool, folder: Path, hasty: bool = False
) -> Outcome:
    """Run one row against one system; whatever happens, an outcome, and nothing left.

    `hasty`: the row is over with the first demand that is not met.
    """
    sentinel = f"scorecard-{secrets.token_hex(8)}"
    (folder / "store").mkdir(parents=True)
    system = make(folder / "system", sentinel, row)
    arena = Arena(system, folder, sentinel, quick, hasty)
    try:
        async with asyncio.timeout(row.quick_timeout_s if quick else row.timeout_s):
            return await row.run(arena)
    except RowOverError as over:
        return failed(str(over))
    except (SystemFailedError, TimeoutError) as error:
        return failed(f"{type(error).__name__}: {error}" if str(error) else "it took too long")
    except Exception as error:
        return failed(f"the row itself failed: {''.join(traceback.format_exception(error))}")
    finally:
        await clean(system, sentinel, folder)


def failed(reason: str) -> Outcome:
    """Return the outcome of a row that was not carried out to its end."""
    return Outcome(
        "The row could not be carried out.", verdict="red", reasons=[reason], carried_out=False
    )


async def clean(system: System, sentinel: str, folder: Path) -> None:
    """End what a row has left, by its words and its logs."""

    def left() -> list[processes.Seen]:
        noted = processes.noted(folder.glob("*.log"))
        return [*processes.own(sentinel, sentinel), *processes.agents(sentinel), *noted]

    try:
        async with asyncio.timeout(10):
            await system.drop()
    except Exception:
        traceback.print_exc()
    for _ in range(50):
        if not (seen := left()):
            break
        processes.kill(seen)
        await asyncio.sleep(0.05)
    try:
        async with asyncio.timeout(10):
            await system.died()
    except Exception:
        traceback.print_exc()


async def run_rows(
    rows: Sequence[RowSpec],
    makers: dict[str, Make],
    *,
    quick: bool,
    told: Callable[[str], None],
) -> Report:
    """Run rows against each system, one after the other; `told` gets a line a row."""
    report = Report(quick=quick, machine=_machine())
    began = time.monotonic()
    base = Path(tempfile.mkdtemp(prefix="scorecard-"))
    try:
        for row in rows:
            result = RowResult(row.name, row.title)
            for name, make in makers.items():
                started = time.monotonic()
                outcome = await run_row(row, make, quick=quick, folder=base / row.name / name)
                setattr(result, name, outcome)
                seconds = time.monotonic() - started
                reasons = "; ".join(outcome.reasons)
                told(f"{row.name:10} {name:8} {outcome.verdict:6} {seconds:6.1f} s  {reasons}")
            report.rows.append(result)
    finally:
        shutil.rmtree(base, ignore_errors=True)
    report.seconds = round(time.monotonic() - began, 1)
    return report


def _machine() -> dict[str, Any]:
    return {
        "at": datetime.now(UTC).isoformat(" ", "minutes").replace("+00:00", " UTC"),
        "commit": _said("git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"),
        "node": _said("node", "--version").lstrip("v"),
        "cpus": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "loadAverage": [round(load, 2) for load in os.getloadavg()],
    }


def _said(*command: str) -> str:
    """Return what a program says of itself; "" when it is not there."""
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
        return done.stdout.strip()
    return ""
