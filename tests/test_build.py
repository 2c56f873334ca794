"""`build.py` as a newcomer meets it: standard library alone, every verb there, clear refusals."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from buildtool.paths import ROOT

VERBS = ("demo", "run", "test", "check", "freeze", "size", "scorecard", "bench")


def build(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run build.py without any installed package (-S leaves site-packages out)."""
    return subprocess.run(
        [sys.executable, "-S", "-E", str(ROOT / "build.py"), *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, **environ},
        check=False,
    )


def test_every_verb_is_offered_without_any_package_installed() -> None:
    done = build("--help")
    assert done.returncode == 0, done.stderr
    assert [verb for verb in VERBS if f"\n    {verb} " not in done.stdout] == []


def test_unknown_layout_is_refused() -> None:
    done = build("freeze", "--layout", "zip")
    assert done.returncode == 2
    assert "onefile" in done.stderr


@pytest.mark.parametrize("verb", ["freeze", "check"])
def test_a_python_that_cannot_be_used_is_named(verb: str, tmp_path: Path) -> None:
    missing = tmp_path / "python3.13"
    done = build(verb, AGENT_SIDECAR_PYTHON=str(missing))
    assert done.returncode == 1
    assert "Cannot set up: no Python ≥ 3.11" in done.stdout
