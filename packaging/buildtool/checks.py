"""`build.py check`: everything that can be judged without running the program.

Owns the list of checks. All of them run, also after one has failed.
"""

from collections.abc import Callable
from pathlib import Path

from buildtool import lengths
from buildtool.env import ensure_node, ensure_venv
from buildtool.paths import GLUE, ROOT
from buildtool.shell import BuildError, quiet, say

MEASURED = ("sidecar", "packaging", "tests", "build.py", "electron-glue")
ARROWS = "tests/test_import_arrows.py"


def check() -> int:
    """Run every check; return 0 when all are good."""
    say("set-up")
    python = ensure_venv()
    ensure_node()
    say("check")
    checks: list[Callable[[], object]] = [
        lambda: quiet("ruff format", [python, "-m", "ruff", "format", "--check", "."], cwd=ROOT),
        lambda: quiet("ruff check", [python, "-m", "ruff", "check", "."], cwd=ROOT),
        lambda: quiet("mypy", [python, "-m", "mypy"], cwd=ROOT),
        lambda: _arrows(python),
        lambda: quiet(
            "generated files are fresh",
            [python, "-m", "sidecar.contract.generate", "--check"],
            cwd=ROOT,
        ),
        lambda: quiet("electron-glue", ["npm", "run", "--silent", "check"], cwd=GLUE),
        _lengths,
    ]
    failed = [failure for failure in map(_failure, checks) if failure]
    for failure in failed:
        say(failure)
    say(f"check: {len(checks) - len(failed)} of {len(checks)} good")
    return 1 if failed else 0


def _failure(run: Callable[[], object]) -> str | None:
    try:
        run()
    except BuildError as error:
        return f"FAILS: {error}"
    return None


def _arrows(python: Path) -> None:
    quiet(
        "import arrows", [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", ARROWS], cwd=ROOT
    )


def _lengths() -> None:
    found = list(lengths.findings(ROOT, MEASURED))
    for finding in found:
        say(f"  asks: {finding}")
    failing = [str(finding) for finding in found if finding.fails]
    if failing:
        raise BuildError("modules too long: " + "; ".join(failing))
