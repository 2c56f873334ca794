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

ROOT = Path(__file__).parents[2]
PROVIDERS = ROOT / "sidecar" / "providers"
TESTS = ROOT / "tests" / "providers"
RUN_S = 120.0

MAPPED = sorted(path.parent.name for path in PROVIDERS.glob("*/mapping*") if path.name[0] != "_")
OWN = "test_*mapping*.py"


def own_tests() -> list[str]:
    """Return the tests that count: those of the mappings themselves, and the recordings."""
    own = [str(path) for name in MAPPED for path in sorted((TESTS / name).glob(OWN))]
    return [*own, str(TESTS / "test_golden.py")]


def mapping_files(provider: str) -> set[str]:
    """Return the modules of a mapping that have code: a package's, or the one."""
    package = PROVIDERS / provider / "mapping"
    files = package.rglob("*.py") if package.is_dir() else [package.with_suffix(".py")]
    return {path.relative_to(ROOT).as_posix() for path in files if path.stat().st_size}


def run(arguments: list[str], folder: Path) -> str:
    """Run coverage with its data in a folder; return what it said, at its end."""
    done = subprocess.run(
        [sys.executable, "-m", "coverage", *arguments],
        cwd=ROOT,
        env=os.environ | {"COVERAGE_FILE": str(folder / "data"), "COVERAGE_CORE": "ctrace"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=RUN_S,
        check=False,
    )
    return done.stdout[-4_000:]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What coverage says of each file, after one run of all these tests.

    They touch nothing but their values: they run without the conftest that looks for leftovers.
    """
    folder = tmp_path_factory.mktemp("coverage")
    sources = ",".join(f"sidecar.providers.{provider}.mapping" for provider in MAPPED)
    pytest_run = ["-m", "pytest", "-q", "--noconftest", "-p", "no:cacheprovider"]
    basetemp = f"--basetemp={folder / 'tests'}"
    said = run(
        ["run", "--branch", f"--source={sources}", *pytest_run, basetemp, *own_tests()], folder
    )
    told = run(["json", "-o", str(folder / "report.json")], folder)
    report = folder / "report.json"
    assert report.exists(), said + told
    found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))["files"]
    return found


def missing(name: str, file: dict[str, Any]) -> str:
    """Name what was not run of a file."""
    lines = ", ".join(map(str, file["missing_lines"]))
    branches = ", ".join(f"{start} → {end}" for start, end in file["missing_branches"])
    return f"{name}: lines [{lines}] branches [{branches}]"


@pytest.mark.parametrize("provider", MAPPED)
def test_every_branch_of_a_mapping_is_run_by_its_own_tests(
    provider: str, files: dict[str, Any]
) -> None:
    assert list((TESTS / provider).glob(OWN)), "a mapping without a test"
    expected = mapping_files(provider)
    assert expected <= set(files), "a module that no test imports"
    found = [
        missing(name, files[name])
        for name in sorted(expected)
        if files[name]["missing_lines"] or files[name]["missing_branches"]
    ]
    assert not found, "not covered by their own tests:\n" + "\n".join(found)
