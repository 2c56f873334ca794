"""Where the Codex program is: what to run, and with which environment.

Prefers the native binary inside the npm package to the package's Node wrapper: a SIGKILL of the
wrapper leaves the agent alive, which then holds the wrapper's pipes.
"""

import os
import platform
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from sidecar.contract.errors import ProviderProcessFailed

PROGRAM: Final = "codex"

INSTALL: Final = "npm install -g @openai/codex"

_SYSTEMS: Final = {"linux": "linux", "darwin": "darwin", "win32": "win32"}
_MACHINES: Final = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}

WRAPPER_BYTES: Final = 256 * 1024
"""A file below this is a script that starts the program; the native binary has over 100 MB."""


class Program(NamedTuple):
    """What to run. `env` is what the wrapper would have set."""

    path: str
    env: dict[str, str | None]


def find_program(wanted: str | None, env: Mapping[str, str], cwd: str | None = None) -> Program:
    """Return the program that `wanted` (a path or a name, `codex` by default) stands for.

    Raises ProviderProcessFailed when there is none.
    """
    name = str(Path(wanted).expanduser()) if wanted else PROGRAM
    if wanted and cwd and os.sep in name and not Path(name).is_absolute():
        name = str(Path(cwd) / name)
    found = shutil.which(name, path=env.get("PATH", os.environ.get("PATH")))
    if found is None:
        where = f"at {name}" if wanted else "in PATH"
        raise ProviderProcessFailed(
            f"There is no Codex {where}: install it with `{INSTALL}`, or name it in the option "
            "binaryPath",
            path=name,
        )
    native = native_binary(Path(found))
    if native is None:
        return Program(found, {})
    return Program(str(native), _wrapper_env(native, env))


def native_binary(program: Path) -> Path | None:
    """Return the binary that a wrapper of the npm package would start, None if it is no wrapper."""
    try:
        real = program.resolve(strict=True)
        if real.stat().st_size > WRAPPER_BYTES:
            return None
    except OSError:
        return None
    for root in _package_roots(program, real):
        for binary in _vendored(root):
            if binary.is_file():
                return binary
    return None


def _package_roots(program: Path, real: Path) -> list[Path]:
    """Return where the package may be: above its bin/codex.js, or beside a shim in npm's prefix."""
    roots = [real.parent.parent] if real.suffix == ".js" else []
    modules = ("node_modules", "../lib/node_modules", "..")
    return roots + [program.parent / place / "@openai" / "codex" for place in modules]


def _vendored(root: Path) -> list[Path]:
    """Return where the binary may be: in the platform's own package, or in the package itself."""
    system, machine = _SYSTEMS.get(sys.platform), _MACHINES.get(platform.machine().lower())
    exe = "codex.exe" if sys.platform == "win32" else "codex"
    name = f"codex-{system}-{machine}"
    places = [
        root.parent / name / "vendor",
        root / "node_modules" / "@openai" / name / "vendor",
        root / "vendor",
    ]
    triples = [triple for place in places for triple in sorted(place.glob(_triple_pattern()))]
    return [triple / folder / exe for triple in triples for folder in ("bin", "codex")]


def _triple_pattern() -> str:
    machine = {"x64": "x86_64", "arm64": "aarch64"}.get(
        _MACHINES.get(platform.machine().lower(), ""), "none"
    )
    system = {"linux": "linux", "darwin": "apple-darwin", "win32": "windows"}[
        _SYSTEMS.get(sys.platform, "linux")
    ]
    return f"{machine}-*{system}*"


def _wrapper_env(native: Path, env: Mapping[str, str]) -> dict[str, str | None]:
    """Return what the wrapper sets: who updates this Codex, and older ones' folder of tools."""
    added: dict[str, str | None] = {"CODEX_MANAGED_BY_NPM": "1"}
    tools = native.parent.parent / "path"
    if tools.is_dir():
        path = env.get("PATH", os.environ.get("PATH", ""))
        added["PATH"] = os.pathsep.join(filter(None, (str(tools), path)))
    return added
