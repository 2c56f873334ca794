"""Real agents from the npm registry, pinned, in a cache outside the project.

    python -m tests.agents.install NAME@VERSION …    fill the cache, as build.py does beforehand

Needs the standard library alone. Several runs may install at the same time: one does it, the others
wait. A folder is complete or marked as not, so that a cut installation is begun anew.
"""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

CACHE = (
    Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "agent-sidecar" / "agents"
)
INSTALL_S = 300.0
"""For one package: 430 MB on a slow line."""
TRIES = 2
RETRY_S = 3.0


class NotInstalledError(RuntimeError):
    """Raised when a package cannot be had; the message says why."""


def folder_of(package: str) -> Path:
    """Return the cache folder of a pinned package; each version has its own."""
    return CACHE / package.removeprefix("@").replace("/", "-")


def install(package: str) -> Path:
    """Install `name@version` once; return its node_modules/.bin. Raises NotInstalledError."""
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
    argv = [npm, "install", "--no-audit", "--no-fund", "--loglevel=error"]
    reason = ""
    for attempt in range(TRIES):
        if attempt:
            time.sleep(RETRY_S)
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(folder / "node_modules")  # what a cut run left is not to be trusted
        try:
            result = subprocess.run(
                [*argv, "--prefix", str(folder), package],
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
    raise NotInstalledError(f"{package} cannot be installed: {reason}")


def main(packages: Sequence[str]) -> int:
    """Install each; say what could not be had."""
    missing = 0
    for package in packages:
        try:
            install(package)
        except NotInstalledError as error:
            print(error, file=sys.stderr)
            missing += 1
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
