"""How this program starts itself, and which environment its children get.

A frozen build's environment is not fit for others: the bootloader prepends the bundle to the
library path and leaves variables that tell a copy of itself to skip unpacking.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from sidecar.process.marks import MARKS_VARIABLE

_BOOTLOADER_PREFIXES = ("_PYI_", "_MEIPASS")
_LIBRARY_PATHS = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LIBPATH")
_OWN_PREFIX = "AGENT_SIDECAR_"
_PRIVATE_ENDINGS = ("_TOKEN", "_SECRET", "_KEY")
_SOURCE_ROOT = str(Path(__file__).resolve().parents[2])
"""Where `sidecar` is imported from when nothing is frozen."""


def is_frozen() -> bool:
    """Tell whether this is the one-binary build."""
    return bool(getattr(sys, "frozen", False))


def own_command(subcommand: str, *arguments: str) -> list[str]:
    """Return the argv that runs a subcommand of this very program."""
    if is_frozen():
        return [sys.executable, subcommand, *arguments]
    return [sys.executable, "-m", "sidecar", subcommand, *arguments]


def own_environment() -> dict[str, str]:
    """Return the environment for our own binary as a child.

    Keeps the bootloader's variables: without them every host of a onefile build would unpack
    itself again.
    """
    environment = dict(os.environ)
    if not is_frozen():  # `-m sidecar` must be found from any working directory
        paths = [_SOURCE_ROOT, *_without_source_root(environment)]
        environment["PYTHONPATH"] = os.pathsep.join(paths)
    return environment


def provider_environment(base: Mapping[str, str]) -> dict[str, str]:
    """Return `base` as it was before our bootloader touched it, without what is ours alone."""
    environment = {
        name: value
        for name, value in base.items()
        if not name.startswith(_BOOTLOADER_PREFIXES) and not _is_private(name)
    }
    if is_frozen():
        for name in _LIBRARY_PATHS:
            _restore_library_path(environment, name)
    elif "PYTHONPATH" in environment:
        paths = _without_source_root(environment)
        environment["PYTHONPATH"] = os.pathsep.join(paths)
        if not paths:
            del environment["PYTHONPATH"]
    return environment


def _without_source_root(environment: Mapping[str, str]) -> list[str]:
    paths = environment.get("PYTHONPATH", "").split(os.pathsep)
    return [path for path in paths if path and path != _SOURCE_ROOT]


def _is_private(name: str) -> bool:
    return (
        name.startswith(_OWN_PREFIX) and name.endswith(_PRIVATE_ENDINGS) and name != MARKS_VARIABLE
    )


def _restore_library_path(environment: dict[str, str], name: str) -> None:
    """Undo the bootloader's prepending; `…_ORIG` exists only if the variable was set before.

    When our own binary started this process, `…_ORIG` may itself hold the bundle.
    """
    value = environment.pop(f"{name}_ORIG", None)
    environment.pop(name, None)
    bundle = Path(getattr(sys, "_MEIPASS", sys.prefix))
    kept = [p for p in (value or "").split(os.pathsep) if p and not _is_in(Path(p), bundle)]
    if kept:
        environment[name] = os.pathsep.join(kept)


def _is_in(path: Path, folder: Path) -> bool:
    return path == folder or folder in path.parents
