"""From the name of a command to the program that is started: along the agent's PATH, not ours.

Never runs anything. On Windows a package manager's shim is replaced by the program behind it.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from sidecar.process.shims import SHIM_CHARS, program_of_shim

SHIMS = (".cmd", ".bat", ".ps1")


def find_program(name: str, path: str) -> str | None:
    """Return the absolute path of a command along `path` (as PATH), None if there is none."""
    found = shutil.which(os.path.expanduser(name), path=path or os.defpath)  # noqa: PTH111
    return os.path.abspath(found) if found else None  # noqa: PTH100 - not resolved: npm's links


def resolved(argv: Sequence[str], env: Mapping[str, str]) -> list[str]:
    """Return `argv` with its program made absolute along `env`'s PATH.

    One that is not found stays as it is, and starting it says so. A path with a folder in it that
    is not absolute is left to the working directory that the process will have.
    """
    if not argv:
        return []
    program, arguments = argv[0], argv[1:]
    if os.path.dirname(program) and not program.startswith("~"):  # noqa: PTH120 - bare names have none
        found: str | None = program
    else:
        found = find_program(program, env.get("PATH", ""))
    if found is None:
        return [program, *arguments]
    return [*through_shim(found, env.get("PATH", "")), *arguments]


def through_shim(program: str, path: str) -> list[str]:
    """Return what a shim starts; the program itself when it is none, or cannot be read."""
    if os.path.splitext(program)[1].lower() not in SHIMS:  # noqa: PTH122
        return [program]
    try:
        with Path(program).open(encoding="utf-8", errors="replace") as file:
            text = file.read(SHIM_CHARS + 1)
    except OSError:
        return [program]
    words = program_of_shim(program, text, os.path.isfile)
    if words is None:
        return [program]
    return [find_program(words[0], path) or words[0], *words[1:]]
