"""A pinned PyPI package with the examples of its source, in a venv in the cache of the agents.

Examples are not part of a wheel, so the source distribution is fetched beside it.
"""

import fcntl
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from tests.agents.install import CACHE, NotInstalledError

PIP_S = 180.0
"""One call of pip: some small wheels, on a slow line."""


def venv_of(package: str) -> Path:
    """Return the folder in the cache of `name==version`."""
    return CACHE / f"pypi-{package.replace('==', '@')}"


def install_with_examples(package: str) -> Path:
    """Install `name==version` once; return the folder of its examples.

    Raises NotInstalledError.
    """
    folder = venv_of(package)
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "installed"
    examples = folder / "examples"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            _install(package, folder, examples)
            done.touch()
    return examples


def _install(package: str, folder: Path, examples: Path) -> None:
    venv, source = folder / "venv", folder / "source"
    for old in (venv, source, examples):
        shutil.rmtree(old, ignore_errors=True)  # what a cut run left is not to be trusted
    pip = [str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    _run([sys.executable, "-m", "venv", str(venv)], package)
    _run([*pip, "install", package], package)
    only_source = ["--no-deps", "--no-binary", ":all:", "--dest", str(source)]
    _run([*pip, "download", *only_source, package], package)
    (archive,) = source.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(source, filter="data")
    (found,) = source.glob("*/examples")
    shutil.copytree(found, examples)


def _run(argv: list[str], package: str) -> None:
    try:
        result = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PIP_S,
            check=False,
        )
    except (subprocess.TimeoutExpired, OSError) as error:
        raise NotInstalledError(f"{package} cannot be installed: {error}") from None
    if result.returncode != 0:
        reason = (result.stderr.strip().splitlines() or ["pip failed"])[-1]
        raise NotInstalledError(f"{package} cannot be installed: {reason}")
