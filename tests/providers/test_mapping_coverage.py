"""Each provider's mapping is covered to the last branch by its own tests and its recordings.

A mapping turns what a stranger says into what every client trusts: a branch that no test has been
through is a promise that nobody has looked at.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.golden import REPLAYS

ROOT = Path(__file__).parents[2]
PROVIDERS = ROOT / "sidecar" / "providers"
TESTS = ROOT / "tests" / "providers"
RUN_S = 120.0

MAPPED = sorted(path.parent.name for path in PROVIDERS.glob("*/mapping*") if path.name[0] != "_")


def own_tests(provider: str) -> list[str]:
    """Return the tests that count: those of the mapping itself, and the recordings."""
    families = [
        f for f, where in REPLAYS.items() if where.startswith(f"tests.providers.{provider}.")
    ]
    chosen = [str(path) for path in sorted((TESTS / provider).glob("test_mapping*.py"))]
    if families:
        chosen += [str(TESTS / "test_golden.py"), "-k", " or ".join(["mapping", *families])]
    return chosen


def mapping_files(provider: str) -> list[Path]:
    """Return the modules of a mapping: a package, or one module."""
    package = PROVIDERS / provider / "mapping"
    return sorted(package.rglob("*.py")) if package.is_dir() else [package.with_suffix(".py")]


def run(arguments: list[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run coverage with its data in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "coverage", *arguments],
        cwd=ROOT,
        env=os.environ | {"COVERAGE_FILE": str(folder / "data"), "COVERAGE_CORE": "ctrace"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=RUN_S,
        check=False,
    )


def missing(name: str, file: dict[str, Any]) -> str:
    """Name what was not run of a file."""
    lines = ", ".join(map(str, file["missing_lines"]))
    branches = ", ".join(f"{start} → {end}" for start, end in file["missing_branches"])
    return f"{name}: lines [{lines}] branches [{branches}]"


@pytest.mark.parametrize("provider", MAPPED)
def test_every_branch_of_a_mapping_is_run_by_its_own_tests(provider: str, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    package = f"sidecar.providers.{provider}.mapping"
    pytest_run = [
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        f"--basetemp={tmp_path / 'tests'}",
    ]
    tests = run(
        ["run", "--branch", f"--source={package}", *pytest_run, *own_tests(provider)], tmp_path
    )
    assert tests.returncode == 0, tests.stdout[-4_000:] + tests.stderr[-2_000:]
    told = run(["json", "-o", str(report)], tmp_path)
    assert told.returncode == 0, told.stdout + told.stderr
    files = json.loads(report.read_text(encoding="utf-8"))["files"]
    expected = {path.relative_to(ROOT).as_posix() for path in mapping_files(provider)}
    assert {name for name in expected if (ROOT / name).stat().st_size} <= set(files)
    found = [
        missing(name, file)
        for name, file in files.items()
        if file["missing_lines"] or file["missing_branches"]
    ]
    assert not found, "not covered by their own tests:\n" + "\n".join(found)
