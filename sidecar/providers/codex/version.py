"""Which Codex is too old, and what to tell whoever has one. Pure."""

import re
from typing import Final

Version = tuple[int, int, int]

MIN_VERSION: Final[Version] = (0, 135, 0)
"""The oldest Codex that is talked to: the oldest whose app-server was tried and has every request
that is made here (settings of a running thread, paged history, steering, MCP reload)."""

UPGRADE: Final = "npm install -g @openai/codex@latest"

_NUMBER: Final = re.compile(r"(?<![\w.])(\d{1,6})\.(\d{1,6})\.(\d{1,6})")


def version_in(words: str) -> Version | None:
    """Return the first version in a user agent ("name/0.169.0 (…)") or in `codex --version`."""
    found = _NUMBER.search(words)
    if found is None:
        return None
    major, minor, patch = (int(part) for part in found.groups())
    return major, minor, patch


def shown(version: Version) -> str:
    """Return a version as people write it."""
    return ".".join(map(str, version))


def too_old(version: Version | None) -> str | None:
    """Return why a Codex cannot be used and how to mend it, None for one that can.

    A version that cannot be told is not held against it.
    """
    if version is None or version >= MIN_VERSION:
        return None
    return (
        f"codex {shown(version)} is older than {shown(MIN_VERSION)}; upgrade it with "
        f"`{UPGRADE}`, or name a newer one in the option binaryPath"
    )
