"""Real agents from the npm registry, pinned, in a cache outside the project; and a fake LLM."""

import asyncio
import fcntl
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

CACHE = (
    Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "agent-sidecar" / "agents"
)
INSTALL_S = 300.0
FAKE_LLM = Path(__file__).parents[1] / "fakes" / "fake_llm.py"
LISTEN_S = 20.0


@pytest.fixture(scope="session")
def installed_agent() -> Callable[[str], Path]:
    """Return a function: "name@version" of npm → its node_modules/.bin, installed if need be.

    Skips the test with the reason when npm or its registry cannot be reached.
    """
    return install


def install(package: str) -> Path:
    """Install a pinned npm package once; several test runs may ask at the same time."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not on PATH, so no agent can be installed")
    folder = CACHE / package.removeprefix("@").replace("/", "-")
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "installed"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            result = subprocess.run(
                ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), package],
                capture_output=True,
                text=True,
                timeout=INSTALL_S,
                check=False,
            )
            if result.returncode != 0:
                reason = result.stderr.strip().splitlines()[-1:] or ["npm failed"]
                pytest.skip(f"{package} cannot be installed: {reason[0]}")
            done.touch()
    return folder / "node_modules" / ".bin"


@pytest.fixture
async def fake_llm(tmp_path: Path) -> AsyncIterator[str]:
    """A fake LLM on a free port; yields its base URL."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with (tmp_path / "fake-llm.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(FAKE_LLM), "--port", str(port), stdout=log, stderr=log
        )
    try:
        async with asyncio.timeout(LISTEN_S):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except ConnectionRefusedError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    await writer.wait_closed()
                    break
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()
