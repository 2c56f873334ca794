"""Real agents from the npm registry, pinned, in a cache outside the project.

Needs the standard library alone. Several runs may install at the same time: one does it, the others
wait. A folder is complete or marked as not, so that a cut installation is begun anew.
"""

import contextlib
import fcntl
import os
import shutil
import subprocess
import time
from pathlib import Path

CACHE = (
    Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "agent-sidecar" / "agents"
)
INSTALL_S = 300.0
"""For one try of one package: 430 MB on a slow line."""
TRIES = 2
RETRY_S = 3.0
NPM = ("install", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
PATIENCE = (
    "--fetch-retries=1",
    "--fetch-retry-mintimeout=1000",  # npm refuses one above the other; it has 10 s by itself
    "--fetch-retry-maxtimeout=5000",
)
"""Without a network npm would try for minutes before a test can be skipped."""

_failed: dict[str, str] = {}
"""What this process could not install, and why: each further test is skipped at once."""


class NotInstalledError(RuntimeError):
    """Raised when a package cannot be had; the message says why."""


def folder_of(package: str) -> Path:
    """Return the cache folder of a pinned package; each version has its own."""
    return CACHE / package.removeprefix("@").replace("/", "-")


def install(package: str) -> Path:
    """Install `name@version` once; return its node_modules/.bin. Raises NotInstalledError."""
    if package in _failed:
        raise NotInstalledError(_failed[package])
    folder = folder_of(package)
    done = folder / "installed"
    bins = folder / "node_modules" / ".bin"
    if done.exists():
        return bins
    npm = shutil.which("npm")
    if npm is None:
        raise NotInstalledError("npm is not on PATH, so no agent can be installed")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            _install(npm, folder, package)
            done.touch()
    return bins


def _install(npm: str, folder: Path, package: str) -> None:
    reason = ""
    for attempt in range(TRIES):
        if attempt:
            time.sleep(RETRY_S)
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(folder / "node_modules")  # what a cut run left is not to be trusted
        try:
            result = subprocess.run(
                [npm, *NPM, *PATIENCE, "--prefix", str(folder), package],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=INSTALL_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            reason = f"npm was not done within {INSTALL_S:.0f} s"
            continue
        if result.returncode == 0:
            return
        reason = (result.stderr.strip().splitlines() or ["npm failed"])[-1]
    _failed[package] = f"{package} cannot be installed: {reason}"
    raise NotInstalledError(_failed[package])
