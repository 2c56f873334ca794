"""The size gate for real: a frozen binary with 3 MB too much makes `build.py size` fail."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from buildtool import sources
from buildtool.paths import ROOT

EXTRA_BYTES = 3_000_000
FREEZE_DEADLINE_S = 240.0


@pytest.mark.frozen
def test_three_incompressible_megabytes_fail_with_a_readable_difference(tmp_path: Path) -> None:
    extra = tmp_path / "ballast.bin"
    extra.write_bytes(os.urandom(EXTRA_BYTES))
    done = subprocess.run(
        [
            *(sys.executable, str(ROOT / "build.py"), "size", "--layout", "onefile", "--unproven"),
            *("--dist", str(tmp_path / "dist")),
        ],
        env={**os.environ, sources.EXTRA: str(extra)},
        capture_output=True,
        text=True,
        timeout=FREEZE_DEADLINE_S,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "SIZE FAILS (onefile)" in done.stdout
    (row,) = [line for line in done.stdout.splitlines() if line.startswith("    other data")]
    assert "3.00" in row
    assert "ballast.bin (other data)" in done.stdout
