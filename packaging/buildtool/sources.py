"""Which files make the binary: the modules to collect, and the hash that says it is up to date."""

import os
import platform
import sys
from pathlib import Path

from buildtool.env import digest
from buildtool.paths import PACKAGING, ROOT

SOURCE_ONLY = ("sidecar.contract.generate",)
"""Packages that only the build runs, from source: they do not go into the binary."""

TOOL_INPUTS = (
    "agent-sidecar.spec",
    "agent-sidecar.marker",
    "entry.py",
    "constraints.txt",
    "buildtool/excludes.py",
    "buildtool/sources.py",
    "buildtool/freeze.py",
    "buildtool/licenses.py",
    "buildtool/smoke.py",
)
"""Files of packaging/ that change the binary, or what is asked of it before it counts as good."""

EXTRA = "AGENT_SIDECAR_FREEZE_EXTRA"
"""Environment variable: a file that is put into the binary too, to test the size budget."""


def sidecar_modules(root: Path = ROOT) -> list[str]:
    """Return the dotted names of all modules of sidecar that belong into the binary."""
    names = []
    for path in sorted((root / "sidecar").rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if not any(name == skip or name.startswith(f"{skip}.") for skip in SOURCE_ONLY):
            names.append(name)
    return names


def input_files(root: Path = ROOT) -> list[Path]:
    """Return the files that decide the binary's content, sorted."""
    sidecar = [path for path in (root / "sidecar").rglob("*") if "__pycache__" not in path.parts]
    tools = [root / PACKAGING.name / name for name in TOOL_INPUTS]
    files = [path for path in (*sidecar, *tools) if path.is_file()]
    return sorted(files)


def input_hash(python_label: str, stripped: bool, *, with_extra: bool = True) -> str:
    """Return a hash over everything that decides the binary's content, but for EXTRA if told so."""
    parts: list[str | bytes] = [
        sys.platform,
        platform.machine(),
        python_label,
        f"stripped={stripped}",
    ]
    for path in input_files():
        parts += [path.relative_to(ROOT).as_posix(), path.read_bytes()]
    extra = os.environ.get(EXTRA)
    if extra and with_extra:
        parts.append(Path(extra).read_bytes())
    return digest(parts)
