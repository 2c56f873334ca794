"""Permissions that the server asks for: what they are, what answers them, what was granted. Pure.

OpenCode's own "always" would grant for every session of the server. So it is never sent: what a
person grants for a session is kept here and answered `once` each time.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from sidecar.contract.events.request import RequestOption
from sidecar.contract.vocabulary import Decision, RequestType, RuntimeMode
from sidecar.providers.shapes import DETAIL_CHARS, a_map, text

Reply = Literal["once", "reject"]

GRANTS: Final = 256
"""Patterns granted in one session; a person clicks a handful. The oldest beyond it is forgotten."""

PATTERNS: Final = 64
"""Patterns of one permission that are looked at; a command line has one for each command."""

PLAN_MODE_REFUSAL: Final = "The session is in plan mode: nothing is changed before the plan stands."

_TYPES: Final[dict[str, RequestType]] = {
    "bash": "command_execution_approval",
    "shell": "command_execution_approval",
    "edit": "file_change_approval",
    "read": "file_read_approval",
    "glob": "file_read_approval",
    "grep": "file_read_approval",
    "list": "file_read_approval",
    "external_directory": "file_read_approval",
}
_OPTIONS: Final[tuple[tuple[str, str, Decision], ...]] = (
    ("once", "Allow once", "accept"),
    ("always", "Allow for this session", "acceptForSession"),
    ("reject", "Reject", "decline"),
)
_DECISION_OF_OPTION: Final = {option: decision for option, _, decision in _OPTIONS}
_DECISION_OF_REPLY: Final[dict[str, Decision]] = {
    "once": "accept",
    "always": "acceptForSession",
    "reject": "decline",
}


class Answer(NamedTuple):
    """What a person, a grant or the runtime mode decided; `message` is for the agent."""

    decision: Decision
    message: str | None = None

    @property
    def reply(self) -> Reply:
        """What the server is told."""
        return "once" if self.decision in ("accept", "acceptForSession") else "reject"

    def body(self) -> dict[str, str]:
        """Return the body of the reply."""
        body: dict[str, str] = {"reply": self.reply}
        return body if self.message is None else body | {"message": self.message}


@dataclass(frozen=True, slots=True)
class Permission:
    """One that is open. `permission_id` goes back verbatim."""

    permission_id: str
    session_id: str
    name: str
    request_type: RequestType
    patterns: tuple[str, ...]
    always: tuple[str, ...]

    def choose(self, decision: Decision, option_id: str | None = None) -> Answer | None:
        """Return the answer; None for an option that was not offered."""
        if option_id is None:
            return Answer(decision)
        named = _DECISION_OF_OPTION.get(option_id)
        return None if named is None else Answer(named)


def read_permission(properties: dict[str, Any]) -> Permission | None:
    """Return what a permission.asked, or a row of GET /permission, asks; None for a broken one."""
    permission_id, session_id = properties.get("id"), properties.get("sessionID")
    if not isinstance(permission_id, str) or not permission_id or not isinstance(session_id, str):
        return None
    name = text(properties.get("permission")) or "unknown"
    return Permission(
        permission_id,
        session_id,
        name,
        _TYPES.get(name, "dynamic_tool_call"),
        _strings(properties.get("patterns")),
        _strings(properties.get("always")),
    )


def offered() -> list[RequestOption]:
    """Return the options as the contract shows them."""
    return [
        RequestOption(option_id=option, name=name, kind=option, decision=decision)
        for option, name, decision in _OPTIONS
    ]


def detail_of(permission: Permission, properties: dict[str, Any]) -> str | None:
    """Return in words what is asked for: the command, the file, the patterns."""
    metadata = a_map(properties.get("metadata"))
    found = (metadata.get(key) for key in ("command", "filepath", "url", "description"))
    words = (text(value, DETAIL_CHARS) for value in found)
    return next(filter(None, words), None) or text("\n".join(permission.patterns), DETAIL_CHARS)


def decision_of_reply(reply: object) -> Decision:
    """Return what another client's reply decided."""
    return _DECISION_OF_REPLY.get(str(reply), "cancel")


def granted_by_mode(mode: RuntimeMode, request_type: RequestType) -> bool:
    """Tell whether the session's runtime mode answers such a request without asking a person.

    `auto` leaves it to the user's own configuration what is asked, so what is asked is asked.
    """
    if mode == "full-access":
        return True
    return mode == "auto-accept-edits" and request_type == "file_change_approval"


class Grants:
    """What a person granted for the rest of one session."""

    def __init__(self) -> None:
        self._granted: dict[tuple[str, str], re.Pattern[str]] = {}

    def add(self, permission: Permission) -> None:
        """Grant what the permission says would always be granted, or just what it asks."""
        for pattern in permission.always or permission.patterns:
            self._granted[permission.name, pattern] = _wildcard(pattern)
            if len(self._granted) > GRANTS:
                del self._granted[next(iter(self._granted))]

    def cover(self, permission: Permission) -> bool:
        """Tell whether everything that is asked was granted."""
        known = [found for (name, _), found in self._granted.items() if name == permission.name]
        return bool(permission.patterns) and all(
            any(pattern.fullmatch(wanted) for pattern in known) for wanted in permission.patterns
        )


def _wildcard(pattern: str) -> re.Pattern[str]:
    """Compile opencode's wildcards: `*` anything, `?` one character, a last ` *` may be absent."""
    last_word = pattern.endswith(" *")
    head = pattern[:-2] if last_word else pattern
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in _merged(head))
    return re.compile("".join(parts) + ("( .*)?" if last_word else ""), re.DOTALL)


def _merged(pattern: str) -> Iterable[str]:
    """Return the characters, adjacent stars as one: several would make a match slow."""
    return re.sub(r"\*+", "*", pattern)


def _strings(value: object) -> tuple[str, ...]:
    """Return the bounded strings of a list; one too many, and none is taken."""
    found = value if isinstance(value, list) else []
    strings = tuple(item for item in found if isinstance(item, str) and len(item) <= DETAIL_CHARS)
    return strings if len(strings) == len(found) <= PATTERNS else ()
