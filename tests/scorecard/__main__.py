"""The failure scorecard: `python -m tests.scorecard [--sabotage NAME] [--rows a,b] [--quick] …`.

Exits 0 iff every row of ours is green, else 1. With --sabotage ours runs from source with that
mechanism disabled, and of the rows only the one that must notice it, unless --rows names others; 1
says then that it is red for that reason, 3 that it is red for another one.
"""

import argparse
import asyncio
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tests.scorecard.model import Report, RowSpec, System
from tests.scorecard.rows.catalog import ROWS
from tests.scorecard.runner import Make, run_rows
from tests.scorecard.sabotage.catalog import SABOTAGES
from tests.scorecard.systems.sidecar import ROOT, SidecarSystem, from_source

CHECK_S = 30
EX_OTHER_REASON = 3


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for, print the table, write the files; the exit code."""
    options = _parser().parse_args(arguments)
    if options.sabotage and (gone := _targets_gone(options.sabotage)):
        sys.stderr.write(gone)
        return 2
    command = options.command or from_source(options.sabotage or "none")
    rows = _chosen(options.rows, options.sabotage)
    makers: dict[str, Make] = {"sidecar": lambda *place: _ours(command, *place)}
    if not (options.no_baseline or options.sabotage):
        makers["node"] = _baseline
    report = asyncio.run(run_rows(rows, makers, quick=options.quick, told=_tell))
    report.sabotage, report.command = options.sabotage, command
    _write(report, options)
    return verdict(report)


def verdict(report: Report) -> int:
    """Return the exit code; says of a sabotage whether the rows have noticed it."""
    code = 0 if report.green else 1
    if report.sabotage is None:
        return code
    because = SABOTAGES[report.sabotage].because
    reasons = [reason for row in report.rows if row.sidecar for reason in row.sidecar.reasons]
    if code and not any(because in reason for reason in reasons):
        code = EX_OTHER_REASON
    words = {0: "was NOT noticed", 1: "was noticed", EX_OTHER_REASON: "is red for ANOTHER reason"}
    _tell(f"\nsabotage {report.sabotage} {words[code]}: … {because} …")
    return code


def _ours(command: Sequence[str], folder: Path, run: str, row: RowSpec) -> System:
    return SidecarSystem(folder, run, command=command, settings=row.settings)


def _baseline(folder: Path, run: str, _row: RowSpec) -> System:
    from tests.scorecard.systems.node import NodeSystem  # noqa: PLC0415

    return NodeSystem(folder, run)


def _chosen(names: str | None, sabotage: str | None) -> list[RowSpec]:
    wanted = names.split(",") if names else [SABOTAGES[sabotage].row] if sabotage else None
    unknown = set(wanted or ()) - {row.name for row in ROWS}
    if unknown:
        sys.exit(f"There is no row {', '.join(sorted(unknown))}")
    return [row for row in ROWS if wanted is None or row.name in wanted]


def _targets_gone(name: str) -> str:
    """Return what a sabotage that would disable nothing says, "" when all its targets are there."""
    check = subprocess.run(
        [*from_source(name), "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=CHECK_S,
        check=False,
    )
    return "" if check.returncode == 0 else check.stderr or f"sabotage {name} cannot be applied\n"


def _write(report: Report, options: argparse.Namespace) -> None:
    if options.json is not None:
        options.json.write_text(json.dumps(asdict(report), indent=1) + "\n", encoding="utf-8")
    try:
        from tests.scorecard import render  # noqa: PLC0415
    except ImportError:
        return
    sys.stdout.write(f"\n{render.table(report)}\n")
    if options.html is not None:
        options.html.write_text(render.html(report), encoding="utf-8")
    if options.svg is not None:
        options.svg.write_text(render.svg(report), encoding="utf-8")


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m tests.scorecard", description=__doc__)
    parser.add_argument("--sabotage", choices=sorted(SABOTAGES), metavar="NAME")
    parser.add_argument("--rows", metavar="NAME,NAME", help="only these rows")
    parser.add_argument("--quick", action="store_true", help="smaller numbers, the same claims")
    parser.add_argument("--no-baseline", action="store_true", help="ours alone")
    parser.add_argument("--command", nargs=1, metavar="PROGRAM", help="ours, frozen")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--html", type=Path, metavar="FILE")
    parser.add_argument("--svg", type=Path, metavar="FILE")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
