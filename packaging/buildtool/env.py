"""Set the clone up: the virtual environment with pinned packages, and the npm packages.

Owns the stamps that say what is installed. Nothing here needs anything but the standard library.
"""

import contextlib
import hashlib
import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from buildtool import interpreter
from buildtool.paths import GLUE, PACKAGING, ROOT, VENV, venv_python
from buildtool.shell import BuildError, exclusive, quiet

CONSTRAINTS = PACKAGING / "constraints.txt"
STAMP = ".build-stamp"
NODE_OLDEST = 20
"""Node that builds and tests the glue. The glue itself also runs on 18.15 (Electron 25)."""


def digest(parts: Iterable[str | bytes]) -> str:
    """Return a hash over parts that differs when any part or its place differs."""
    total = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else part.encode()
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()


def ensure_venv() -> Path:
    """Make `.venv` match pyproject.toml, the pins and the chosen Python; return its interpreter."""
    with exclusive("setup"):
        base = interpreter.find()
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        stamp = _venv_stamp(base, project)
        if _read(VENV / STAMP) != stamp:
            _install(base, project)
            (VENV / STAMP).write_text(stamp, encoding="utf-8")
    return venv_python()


def ensure_node() -> None:
    """Make electron-glue/node_modules match its lock file. Raises BuildError without Node."""
    with exclusive("node"):
        version = node_version()
        stamp = digest([version, (GLUE / "package-lock.json").read_bytes()])
        marker = GLUE / "node_modules" / STAMP
        if _read(marker) != stamp:
            quiet(f"npm ci (node {version})", ["npm", "ci", "--no-audit", "--no-fund"], cwd=GLUE)
            marker.parent.mkdir(exist_ok=True)
            marker.write_text(stamp, encoding="utf-8")


def build_glue() -> None:
    """Make electron-glue/dist match its sources."""
    with exclusive("node"):
        files = [GLUE / "package.json", *sorted(GLUE.glob("tsconfig*.json"))]
        files += [GLUE / "scripts" / "build.mjs"]
        files += sorted(path for path in (GLUE / "src").rglob("*.*ts"))
        stamp = digest([str(p.relative_to(GLUE)) for p in files] + [p.read_bytes() for p in files])
        marker = GLUE / "build" / STAMP  # not in dist, which is what npm packs
        written = ("cjs/index.js", "esm/index.js", "claude-runner/main.mjs")
        built = all((GLUE / "dist" / name).exists() for name in written)
        if _read(marker) != stamp or not built:
            quiet("build electron-glue", ["npm", "run", "--silent", "build"], cwd=GLUE)
            marker.parent.mkdir(exist_ok=True)
            marker.write_text(stamp, encoding="utf-8")


def node_version() -> str:
    """Return Node's version. Raises BuildError when Node or npm is missing or too old."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        raise BuildError(
            f"Cannot build electron-glue: {'node' if not node else 'npm'} is not on PATH."
            f" Install Node ≥ {NODE_OLDEST} with npm (https://nodejs.org)."
        )
    version = subprocess.run(
        [node, "--version"], capture_output=True, text=True, check=True
    ).stdout.strip()
    major = re.match(r"v(\d+)\.", version)
    if not major or int(major[1]) < NODE_OLDEST:
        raise BuildError(f"Cannot build electron-glue: {node} is {version}, needed is ≥ 20.")
    return version


def _install(base: interpreter.Interpreter, project: dict[str, Any]) -> None:
    if VENV.exists():
        shutil.rmtree(VENV)
    quiet(f"venv (Python {base.label})", [base.path, "-m", "venv", VENV])
    pip: list[str | Path] = [venv_python(), "-m", "pip", "install", "--disable-pip-version-check"]
    wanted = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["dev"],
    ]
    quiet("pip install", [*pip, "-c", CONSTRAINTS, *wanted])
    # The backend is installed and pinned above: build isolation would fetch an unpinned one.
    quiet(
        "pip install -e .", [*pip, "--no-deps", "--no-build-isolation", "--editable", "."], cwd=ROOT
    )


def _venv_stamp(base: interpreter.Interpreter, project: dict[str, Any]) -> str:
    """Hash what decides the environment's content: not the linters' settings beside it."""
    decisive = {key: project[key] for key in ("build-system", "project")}
    return digest(
        [
            str(ROOT),
            base.label,
            base.executable,
            json.dumps(decisive, sort_keys=True),
            CONSTRAINTS.read_bytes(),
        ]
    )


def _read(path: Path) -> str | None:
    with contextlib.suppress(OSError):
        return path.read_text(encoding="utf-8")
    return None
