"""Choose the Python that the virtual environment is made from.

Owns the order of preference. Never installs anything.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from buildtool.shell import BuildError

PREFERRED_MINORS = (13, 12, 11)
"""3.13 starts fastest and freezes smallest of those supported; 3.11 is the oldest supported."""

OLDEST = (3, 11)

OVERRIDE = "AGENT_SIDECAR_PYTHON"
"""Environment variable that names the interpreter to use, instead of looking for one."""

PROBE_DEADLINE_S = 20.0

_PROBE = """
import json, os, sys, sysconfig
missing = []
for name in ("ensurepip", "venv", "sqlite3", "ctypes", "zlib"):
    try:
        __import__(name)
    except ImportError:
        missing.append(name)
get = sysconfig.get_config_var
folders = [get("LIBDIR"), os.path.join(sys.base_prefix, "lib")]
if get("LIBDIR") and get("MULTIARCH"):
    folders.append(os.path.join(get("LIBDIR"), get("MULTIARCH")))
library = get("INSTSONAME") or get("LDLIBRARY") or ""
shared = sys.platform != "linux" or bool(get("Py_ENABLE_SHARED")) and any(
    folder and os.path.exists(os.path.join(folder, library)) for folder in folders)
print(json.dumps({"version": list(sys.version_info[:3]), "missing": missing, "shared": shared,
    "executable": os.path.realpath(sys.executable)}))
"""


@dataclass(frozen=True)
class Interpreter:
    """One Python found on this machine."""

    path: Path
    version: tuple[int, int, int]
    missing: tuple[str, ...]
    """Standard modules that it lacks, of those that the build needs."""
    shared: bool
    """It has a shared libpython, which PyInstaller needs."""
    executable: str

    @property
    def label(self) -> str:
        return ".".join(str(part) for part in self.version)

    @property
    def usable(self) -> bool:
        return self.version[:2] >= OLDEST and not self.missing


def probe(path: Path) -> Interpreter | None:
    """Return what the interpreter at `path` is, or None when it does not run."""
    try:
        done = subprocess.run(
            [str(path), "-I", "-c", _PROBE],
            capture_output=True,
            timeout=PROBE_DEADLINE_S,
            check=True,
        )
        facts = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    major, minor, patch = facts["version"]
    return Interpreter(
        path=path,
        version=(major, minor, patch),
        missing=tuple(facts["missing"]),
        shared=facts["shared"],
        executable=facts["executable"],
    )


def candidates(home: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield interpreters to try, the preferred minor version first, this one last."""
    for minor in PREFERRED_MINORS:
        yield from _pyenv(home, environ, minor)
        on_path = shutil.which(f"python3.{minor}", path=environ.get("PATH"))
        if on_path:
            yield Path(on_path)
    yield Path(sys.executable)


def choose(found: list[Interpreter]) -> Interpreter:
    """Return the first usable interpreter with a shared libpython, else the first usable one.

    `found` is in order of preference. Raises BuildError when none is usable.
    """
    usable = [python for python in found if python.usable]
    if usable:
        return next((python for python in usable if python.shared), usable[0])
    seen = "; ".join(
        f"{python.path} is {python.label}"
        + (f" without {', '.join(python.missing)}" if python.missing else "")
        for python in found
    )
    raise BuildError(
        "Cannot set up: no Python ≥ 3.11 with venv, ensurepip, sqlite3 and ctypes found"
        f" ({seen or 'none at all'}). On Debian: apt-get install python3-venv."
        f" Any other one can be named in {OVERRIDE}."
    )


def find() -> Interpreter:
    """Find the Python to build with on this machine."""
    override = os.environ.get(OVERRIDE)
    if override:
        named = probe(Path(override))
        return choose([named] if named else [])
    found: list[Interpreter] = []
    for path in candidates(Path.home(), os.environ):
        python = probe(path)
        if python is None:
            continue
        if python.usable and python.shared:
            return python
        found.append(python)
    return choose(found)


def _pyenv(home: Path, environ: Mapping[str, str], minor: int) -> Iterator[Path]:
    """Yield pyenv's interpreters of one minor version, the newest first.

    Its shims answer only for versions that are switched on; the folders always do.
    """
    root = Path(environ.get("PYENV_ROOT") or home / ".pyenv") / "versions"
    pattern = re.compile(rf"3\.{minor}\.(\d+)")
    matches = [(pattern.fullmatch(entry.name), entry) for entry in _entries(root)]
    ordered = sorted(((int(m[1]), entry) for m, entry in matches if m), reverse=True)
    for _, entry in ordered:
        python = entry / "bin" / f"python3.{minor}"
        if python.exists():
            yield python


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []
