"""`tail` and `diagnose` have all that they need in the frozen binary."""

import json
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.sidecar import RunningSidecar, start_params

pytestmark = pytest.mark.frozen


async def test_tail_and_diagnose_work_in_the_frozen_binary(
    tmp_path: Path, frozen_binary: Callable[[str], Path]
) -> None:
    binary, data, out = str(frozen_binary("onedir")), tmp_path / "data", tmp_path / "out.zip"

    def run(*words: str) -> str:
        done = subprocess.run(
            [binary, *words, "--data-dir", str(data)], capture_output=True, text=True, check=True
        )
        return done.stdout

    async with RunningSidecar(data, command=[binary]) as sidecar, sidecar.client() as client:
        await client.request("session.start", start_params("t1"), timeout_s=30)
        lines = run("tail", "--no-follow", "--json", "--thread", "t1").splitlines()
        run("diagnose", "--out", str(out))

    assert "session.hosted" in {json.loads(line)["event"] for line in lines}
    with zipfile.ZipFile(out) as bundle:
        parts = {
            Path(name).name: json.loads(bundle.read(name))
            for name in bundle.namelist()
            if name.endswith(".json")
        }
    assert not [name for name, part in parts.items() if "error" in part]
    assert parts["versions.json"]["frozen"]
    assert parts["sessions.json"]["sessions"][0]["threadId"] == "t1"
    assert parts["processes.json"]["supervisorLives"]
