"""A drop-in package, a manifest and the login shell work in the frozen binary, in both layouts."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.sidecar import RunningSidecar, start_params, turn_params
from tests.support.streams import assistant_text

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
AGENT = Path(__file__).parents[1] / "fakes" / "acp_agent.py"

pytestmark = pytest.mark.frozen


@pytest.mark.parametrize("layout", ["onefile", "onedir"])
async def test_what_is_dropped_in_runs_and_is_probed(
    tmp_path: Path, frozen_binary: Callable[[str], Path], layout: str
) -> None:
    data, home = tmp_path / "data", tmp_path / "home"
    home.mkdir()
    (home / ".bash_profile").write_text("export PATH=/from/the/shell:$PATH\n", "utf-8")
    shutil.copytree(EXAMPLES / "plugins", data / "plugins")
    (data / "providers").mkdir()
    (data / "providers" / "mine.toml").write_text(
        f'command = "{sys.executable}"\nargs = ["{AGENT}"]\nversionArgs = ["--version"]\n', "utf-8"
    )
    sidecar = RunningSidecar(
        data,
        command=[str(frozen_binary(layout))],
        settings={"env": {}},
        env={"HOME": str(home), "SHELL": "/bin/bash"},
    )
    async with sidecar, sidecar.client() as client:
        await client.request("session.start", start_params("t1", "echo"), timeout_s=30)
        await client.request("session.sendTurn", turn_params("t1", "Hello frozen"))
        await client.wait_event("turn.completed", thread_id="t1")
        assert assistant_text(client.of_thread("t1")) == "Hello frozen"
        await client.request("session.start", start_params("t2", "mine"), timeout_s=30)
        rows = {}
        for name in ("echo", "mine"):
            answer = await client.request("provider.status", {"provider": name}, timeout_s=30)
            (rows[name],) = answer["providers"]
        assert (rows["echo"]["installed"], rows["echo"]["version"]) == (True, "1")
        assert rows["mine"]["version"] == ".".join(map(str, sys.version_info[:3]))
        assert "environment.known" in sidecar.stderr_text
