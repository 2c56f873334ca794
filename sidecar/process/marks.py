"""Marks: how a process tells which sidecar and which session it belongs to.

AGENT_SIDECAR_MARKS is `<outer marks>:<mark>`, each mark 128 random bits in hex, inherited by
everything below. A sidecar may run inside another's session: each looks for its own marks alone.
Marks name; they are no secret.
"""

import os
import re
import secrets
from collections.abc import Collection, Mapping

from sidecar.process.platform import os_

MARKS_VARIABLE = "AGENT_SIDECAR_MARKS"

_MARK = re.compile(r"[0-9a-f]{32}")


def new_mark() -> str:
    """Return a mark that nobody else has."""
    return secrets.token_hex(16)


def marks_in(environment: Mapping[str, str]) -> list[str]:
    """Return the marks in an environment, outermost first; malformed ones are left out."""
    words = environment.get(MARKS_VARIABLE, "").split(":")
    return [word for word in words if _MARK.fullmatch(word)]


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
    """Tell whether the process was started with one of `marks`."""
    return not set(marks).isdisjoint(marks_in(os_.environment_of(pid)))
