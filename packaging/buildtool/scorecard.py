"""`build.py scorecard`: the failure scorecard against the frozen binary and the Node baseline.

Owns the set-up and where the results go. The scenarios and the verdicts stand in tests/scorecard.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from buildtool.env import ensure_venv, node_version
from buildtool.freeze import LAYOUTS, FreezeOptions, freeze
from buildtool.paths import BUILD, ROOT, binary
from buildtool.shell import say, streamed

FOLDER = BUILD / "scorecard"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument(
        "--sabotage", metavar="NAME", help="switch one mechanism off: its row must turn red"
    )
    parser.add_argument("--rows", metavar="NAME,NAME", help="only these rows")
    parser.add_argument("--quick", action="store_true", help="smaller numbers, the same claims")
    parser.add_argument("--source", action="store_true", help="ours from source, not frozen")


def scorecard(options: argparse.Namespace) -> int:
    """Set up, freeze, run; return 0 when every row of ours is green.

    A sabotage is a change of the source, so ours runs from source then, and nothing is frozen.
    """
    say("set-up")
    python = ensure_venv()
    say(f"  node {node_version()}")
    frozen = not (options.sabotage or options.source)
    if frozen:
        freeze(FreezeOptions(layouts=LAYOUTS))
    say("\nscorecard")
    FOLDER.mkdir(parents=True, exist_ok=True)
    code, _ = streamed(
        [python, "-u", "-m", "tests.scorecard", *arguments(options, FOLDER, frozen=frozen)],
        cwd=ROOT,
    )
    for path in sorted(FOLDER.glob("scorecard.*")):
        say(f"  {path.relative_to(ROOT)}")
    return code


def arguments(options: argparse.Namespace, folder: Path, *, frozen: bool) -> Sequence[str | Path]:
    """Return what the scorecard's own program is told."""
    told: list[str | Path] = ["--json", folder / "scorecard.json"]
    told += ["--html", folder / "scorecard.html", "--svg", folder / "scorecard.svg"]
    if frozen:
        told += ["--command", binary("onefile")]
    if options.sabotage:
        told += ["--sabotage", options.sabotage]
    if options.rows:
        told += ["--rows", options.rows]
    if options.quick:
        told.append("--quick")
    return told
