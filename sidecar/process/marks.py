"""Marks: how a process tells which sidecar and which session it belongs to.

AGENT_SIDECAR_MARKS is `<outer marks>:<mark>`, each mark 128 random bits in hex, inherited by
everything below. A sidecar may run inside another's session: each looks for its own marks alone.
Marks name; they are no secret.

What scrubs its environment and leaves its parent is still told by its tag (Linux): a number made of
its session's mark, inherited as a resource limit that nothing uses (docs/adr/0008).
"""

import os
import re
import secrets
from collections.abc import Collection, Mapping

from sidecar.process.platform import os_

MARKS_VARIABLE = "AGENT_SIDECAR_MARKS"

TOOLS_BITS = 20
"""Low bits of a tag: which tool of the session, 0 for the session itself; the rest is its mark."""

_MARK_DIGITS = 10
"""Hex digits of a mark that a tag holds: 40 bits, so that two sessions never share one."""

_MARK = re.compile(r"[0-9a-f]{32}")


def new_mark() -> str:
    """Return a mark that nobody else has."""
    return secrets.token_hex(16)


def marks_in(environment: Mapping[str, str]) -> list[str]:
    """Return the marks in an environment, outermost first; malformed ones are left out."""
    words = environment.get(MARKS_VARIABLE, "").split(":")
    return [word for word in words if _MARK.fullmatch(word)]


def tag_of_mark(mark: str, tool: int = 0) -> int:
    """Return the tag of a session, or of its tool number `tool` (modulo 2^TOOLS_BITS)."""
    return int(mark[:_MARK_DIGITS], 16) << TOOLS_BITS | tool % (1 << TOOLS_BITS)


def with_mark(environment: Mapping[str, str], mark: str) -> dict[str, str]:
    """Return `environment` with its own marks, this process's marks and `mark`.

    A client may hand over an environment that was taken outside the sidecar; what is started
    with it belongs to the sidecar's instance all the same.
    """
    if not _MARK.fullmatch(mark):
        raise ValueError(f"not a mark: {mark!r}")
    marks = dict.fromkeys([*marks_in(environment), *marks_in(os.environ), mark])
    return {**environment, MARKS_VARIABLE: ":".join(marks)}


def carries(pid: int, marks: Collection[str]) -> bool:
    """Tell whether the process was started with one of `marks`, or below what was."""
    if not set(marks).isdisjoint(marks_in(os_.environment_of(pid))):
        return True
    tag = os_.tag_of(pid)
    return tag is not None and tag >> TOOLS_BITS in {_head_of(mark) for mark in marks}


def mark_of(pid: int, marks: Collection[str]) -> str | None:
    """Return the one of `marks` that the process was started with or below; one read of each."""
    for mark in reversed(marks_in(os_.environment_of(pid))):
        if mark in marks:
            return mark
    tag = os_.tag_of(pid)
    if tag is None:
        return None
    return next((mark for mark in marks if _head_of(mark) == tag >> TOOLS_BITS), None)


def carries_tool(pid: int, mark: str, tag: int) -> bool:
    """Tell whether the process belongs to the tool that was started with `mark` and `tag`."""
    return mark in marks_in(os_.environment_of(pid)) or os_.tag_of(pid) == tag


def _head_of(mark: str) -> int:
    return tag_of_mark(mark) >> TOOLS_BITS
