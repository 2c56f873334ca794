"""Which variables an agent gets: what the login shell says, what is admitted, what changes.

Owns the rules alone, values in and values out. Values may be secrets: nothing here is ever logged.
"""

import re
from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from itertools import takewhile

ESSENTIAL = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LC_*",
    "TZ",
    "TMPDIR",
    "TEMP",
    "TMP",
    "XDG_RUNTIME_DIR",
    "SYSTEMROOT",
    "SYSTEMDRIVE",
    "WINDIR",
    "COMSPEC",
    "PATHEXT",
    "PROGRAMFILES*",
    "PROGRAMDATA",
    "USERPROFILE",
    "HOMEDRIVE",
    "HOMEPATH",
    "APPDATA",
    "LOCALAPPDATA",
    "AGENT_SIDECAR_MARKS",
)
"""What an allow list need not name: hardly any program works without it."""

APP_ONLY = (
    "ELECTRON_RUN_AS_NODE",
    "ELECTRON_NO_ATTACH_CONSOLE",
    "ELECTRON_NO_ASAR",
    "NODE_CHANNEL_FD",
    "NODE_CHANNEL_SERIALIZATION_MODE",
)
"""The host app's own: a Node program below it would talk to a descriptor that it does not have,
and an Electron one would start as Node."""

KEPT = ("AGENT_SIDECAR_MARKS",)
"""What no list may take away: it is how everything that we started is found again."""

NOT_FROM_SHELL = (
    "_",
    "SHLVL",
    "PWD",
    "OLDPWD",
    "TERM",
    "COLUMNS",
    "LINES",
    "PS1",
    "PS2",
    "PROMPT*",
    "BASHOPTS",
    "SHELLOPTS",
    "BASH_FUNC_*",
    "HISTFILE",
    "SSH_AUTH_SOCK",
    "SSH_AGENT_PID",
    "AGENT_SIDECAR_*",
    "_PYI_*",
    "_MEIPASS*",
)
"""What a login shell sets for itself. An ssh-agent that its files start dies with it, so its
address would lead nowhere."""

PATH_VARIABLES = ("PATH",)
"""Lists of folders, which are joined."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_().%-]*")


def matches(name: str, patterns: Collection[str]) -> bool:
    """Tell whether a variable's name fits one of `patterns` (fnmatch), whatever the case."""
    upper = name.upper()
    return any(fnmatchcase(upper, pattern.upper()) for pattern in patterns)


def admitted(
    environment: Mapping[str, str], allow: Collection[str] | None, deny: Collection[str]
) -> dict[str, str]:
    """Return what of `environment` may be handed on; `deny` wins over `allow`."""
    return {
        name: value
        for name, value in environment.items()
        if matches(name, KEPT)
        or (
            not matches(name, (*APP_ONLY, *deny))
            and (allow is None or matches(name, (*ESSENTIAL, *allow)))
        )
    }


def with_login(
    environment: Mapping[str, str], login: Mapping[str, str], separator: str = ":"
) -> dict[str, str]:
    """Add what the login shell has: the folders of its PATH, and variables that are not set yet.

    What is set stays: whoever started the app with a variable meant it.
    """
    merged = dict(environment)
    for name, value in login.items():
        if matches(name, NOT_FROM_SHELL) or matches(name, APP_ONLY):
            continue
        if name in PATH_VARIABLES:
            merged[name] = joined_path(value, environment.get(name, ""), separator)
        else:
            merged.setdefault(name, value)
    return merged


def joined_path(login: str, inherited: str, separator: str) -> str:
    """Join two lists of folders, each folder once, empty ones (the working directory) left out.

    The login shell's order holds. What somebody put in front of the inherited list (an activated
    environment, a test's programs) stays in front; what else the shell does not know goes behind.
    """
    own = [folder for folder in login.split(separator) if folder]
    had = [folder for folder in inherited.split(separator) if folder]
    first = list(takewhile(lambda folder: folder not in own, had))
    if len(first) == len(had):
        first = []  # nothing in common: no telling what was put in front of what
    return separator.join(dict.fromkeys([*first, *own, *had]))


def difference(base: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str | None]:
    """Return what to lay over `base` so that it becomes `wanted`; None removes a variable."""
    changed: dict[str, str | None] = {
        name: value for name, value in wanted.items() if base.get(name) != value
    }
    return changed | {name: None for name in base if name not in wanted}


def parse_dump(output: bytes, marker: str) -> dict[str, str] | None:
    """Read what stands between two markers: variables ended by NUL, or one a line.

    None when a marker is missing: the shell did not get that far. Noise around the markers, and
    between the lines of a dump without NULs, is left out, and so is a value that is no UTF-8.
    """
    _, opened, rest = output.rpartition(f"{marker}<".encode())
    body, closed, _ = rest.partition(f">{marker}".encode())
    if not opened or not closed:
        return None
    text = body.decode("utf-8", "surrogateescape")
    entries = text.split("\0") if "\0" in text else _lines(text)
    pairs = (entry.partition("=") for entry in entries)
    return {
        name: value
        for name, equals, value in pairs
        if equals and _NAME.fullmatch(name) and is_text(value)
    }


def is_text(value: str) -> bool:
    """Tell whether a value can be handed to another process of ours; what is no UTF-8 cannot."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _lines(text: str) -> list[str]:
    """Split a dump of `env`; a line that begins no variable goes on with the one before it."""
    entries: list[str] = []
    for line in text.splitlines():
        name, equals, _ = line.partition("=")
        if equals and _NAME.fullmatch(name):
            entries.append(line)
        elif entries:
            entries[-1] += f"\n{line}"
    return entries
