"""Where Cursor's CLI is, and how it is started as an ACP agent."""

import os
import shutil
from collections.abc import Mapping
from pathlib import PurePath
from typing import Final, NamedTuple

LOGIN_HINT: Final = "run `cursor-agent login`, or set CURSOR_API_KEY in the session's environment"

NOT_INSTALLED: Final = (
    "Cursor's CLI is not installed: there is neither `cursor-agent` nor `cursor` on PATH"
)


class CursorCli(NamedTuple):
    """The CLI as a program with what stands before its subcommands."""

    program: str
    before: tuple[str, ...] = ()

    def call(self, *args: str) -> list[str]:
        """Return the command line of a subcommand."""
        return [self.program, *self.before, *args]


def find_cli(path: str | None, command: str | None = None) -> CursorCli | None:
    """Return the CLI along `path` (as PATH), None if there is none; `command` overrides.

    Older versions are part of Cursor's editor: `cursor agent …`.
    """
    if command is not None:
        return _as_named(command)
    for name in ("cursor-agent", "cursor"):
        found = shutil.which(name, path=path or os.defpath)
        if found is not None:
            return _as_named(found)
    return None


def search_path(*environments: Mapping[str, str | None]) -> str | None:
    """Return PATH of the first environment that has one."""
    return next((found for env in environments if (found := env.get("PATH"))), None)


def _as_named(program: str) -> CursorCli:
    old = PurePath(program.replace("\\", "/")).stem.lower() == "cursor"
    return CursorCli(program, ("agent",) if old else ())
