"""can_use_tool: what a person is asked, what the answers mean to Claude, and what is remembered.

Claude suggests updates of its rules with most requests. Accepting for the session sends those of
them that widen least, all with the session as their destination: no settings file is written for a
click. The same call is remembered here as well: Claude suggests nothing for some, and for some asks
again in spite of the rule that it has suggested.
"""

import hashlib
import json
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sidecar.contract.base import Json
from sidecar.contract.events.request import RequestOption
from sidecar.contract.vocabulary import Decision, RequestType, RuntimeMode
from sidecar.providers.claude.mapping.tools import ASK, EXIT_PLAN, request_type_of
from sidecar.providers.shapes import DETAIL_CHARS, a_map, maps, text
from sidecar.providers.text import portable

SUGGESTIONS = 16
"""Suggestions of one request offered; Claude makes up to three."""

GRANTS = 1024
"""Calls remembered as accepted for the session."""

DECLINED: Final = "The user declined this tool call."
CANCELLED: Final = "The user cancelled this tool call and wants you to stop."

_ALWAYS_ASKED: Final = frozenset({ASK, EXIT_PLAN})
"""Tools that are questions to a person, whatever the mode."""

_COMMAND: Final = ("command", "dangerouslyDisableSandbox")
_SAME_CALL: Final = {
    **dict.fromkeys(("Bash", "PowerShell"), _COMMAND),
    **dict.fromkeys(("Read", "Write", "Edit", "MultiEdit"), ("file_path",)),
    "NotebookEdit": ("notebook_path",),
    "WebFetch": ("url",),
}
"""What makes two calls of a tool the same to who accepted one for the session; of any other tool,
an MCP server's for one, it is all of the input."""


class Choice(NamedTuple):
    """An answer to a permission: the result for Claude, and what it decides."""

    result: dict[str, Any]
    decision: Decision
    option_id: str | None = None
    remember: bool = False

    def resolution(self) -> dict[str, Json]:
        """Return what request.resolved says beside the decision."""
        said = {"behavior": self.result.get("behavior"), "optionId": self.option_id}
        if "updatedPermissions" in self.result:
            said["updatedPermissions"] = portable(self.result["updatedPermissions"])
        return {key: value for key, value in said.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Permission:
    """A permission that Claude waits for. `control_id` goes back verbatim, as does the input."""

    control_id: Json
    tool_name: str
    input: dict[str, Any]
    suggestions: tuple[dict[str, Any], ...] = ()

    @property
    def request_type(self) -> RequestType:
        """What the request asks for."""
        return request_type_of(self.tool_name)

    @property
    def is_question(self) -> bool:
        """Whether it asks for answers, not for leave."""
        return self.tool_name == ASK

    def choose(self, decision: Decision, option_id: str | None = None) -> Choice | None:
        """Return the answer, or None for an option that was not offered."""
        if option_id is not None:
            return self._named(option_id)
        if decision == "decline":
            return Choice(_deny(DECLINED), decision)
        if decision == "cancel":
            return Choice({**_deny(CANCELLED), "interrupt": True}, decision)
        if decision == "accept":
            return self._allow(decision)
        return self._allow(decision, _least(self.suggestions), remember=True)

    def answer(self, input_: dict[str, Any]) -> dict[str, Any]:
        """Return the result that lets the call run with another input."""
        return {"behavior": "allow", "updatedInput": input_}

    def offered(self) -> list[RequestOption]:
        """Return the options as the contract shows them."""
        options = [_option("allow", "Allow once", "allow_once", "accept")]
        if self.tool_name not in _ALWAYS_ASKED:
            always = _option(
                "allow_session", "Allow for this session", "allow_always", "acceptForSession"
            )
            options.append(always)
        for index, update in enumerate(self.suggestions):
            id_ = f"suggestion_{index}"
            options.append(_option(id_, _words(update), "allow_always", "acceptForSession"))
        options.append(_option("deny", "Decline", "reject_once", "decline"))
        return options

    def rule(self) -> tuple[str, str]:
        """Return what is remembered of the call: its tool, and a digest of what it does."""
        keys = _SAME_CALL.get(self.tool_name, ())
        what = {key: self.input[key] for key in keys if self.input.get(key)} or self.input
        words = json.dumps(what, sort_keys=True, default=str)
        return self.tool_name, hashlib.sha256(words.encode()).hexdigest()

    def _named(self, option_id: str) -> Choice | None:
        known: dict[str, Decision] = {
            "allow": "accept",
            "allow_session": "acceptForSession",
            "deny": "decline",
        }
        if option_id in known:
            choice = self.choose(known[option_id])
            return choice._replace(option_id=option_id) if choice else None
        for index, update in enumerate(self.suggestions):
            if option_id == f"suggestion_{index}":
                return self._allow("acceptForSession", (update,), option_id=option_id)
        return None

    def _allow(
        self,
        decision: Decision,
        updates: tuple[dict[str, Any], ...] = (),
        *,
        option_id: str | None = None,
        remember: bool = False,
    ) -> Choice:
        result = self.answer(self.input)
        if updates:
            result["updatedPermissions"] = [{**u, "destination": "session"} for u in updates]
        return Choice(result, decision, option_id, remember)


class Grants:
    """Calls that were accepted for the session."""

    def __init__(self) -> None:
        self._rules: OrderedDict[tuple[str, str], None] = OrderedDict()

    def remember(self, permission: Permission) -> None:
        """Accept the same call from now on."""
        self._rules[permission.rule()] = None
        if len(self._rules) > GRANTS:
            self._rules.popitem(last=False)

    def covers(self, permission: Permission, mode: RuntimeMode) -> bool:
        """Tell whether a permission needs no person: by the runtime mode, or as remembered.

        In the other modes Claude itself lets pass what the mode grants, and asks for the rest.
        """
        if permission.tool_name in _ALWAYS_ASKED:
            return False
        return mode == "full-access" or permission.rule() in self._rules


def permission_of(control_id: Json, request: dict[str, Any]) -> Permission:
    """Return the permission of a can_use_tool request."""
    return Permission(
        control_id,
        text(request.get("tool_name")) or "?",
        a_map(request.get("input")),
        tuple(maps(request.get("permission_suggestions"))[:SUGGESTIONS]),
    )


def args_of(permission: Permission, request: dict[str, Any]) -> dict[str, Any]:
    """Return what request.opened says about the call."""
    said = {
        "toolName": permission.tool_name,
        "toolUseId": text(request.get("tool_use_id")),
        "input": portable(permission.input),
        "title": text(request.get("title")),
        "description": text(request.get("description"), DETAIL_CHARS),
        "reason": text(request.get("decision_reason"), DETAIL_CHARS),
        "blockedPath": text(request.get("blocked_path"), DETAIL_CHARS),
        "agentId": text(request.get("agent_id")),
        "suggestions": portable(list(permission.suggestions)) or None,
    }
    return {key: value for key, value in said.items() if value is not None}


def _least(suggestions: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
    """Return the suggestions that widen least: rules, else directories, else a mode."""
    for kind in ("addRules", "addDirectories", "setMode"):
        found = tuple(update for update in suggestions if update.get("type") == kind)
        if found:
            return found
    return ()


def _words(update: dict[str, Any]) -> str:
    """Return what a suggestion means."""
    if update.get("type") == "setMode":
        return f"Go over to mode {text(update.get('mode')) or '?'} for this session"
    if update.get("type") == "addDirectories":
        named = update.get("directories")
        directories = [d for d in named if isinstance(d, str)] if isinstance(named, list) else []
        return text(f"Allow work in {', '.join(directories)} for this session") or "Allow"
    rules = [_rule(rule) for rule in maps(update.get("rules"))]
    return text(f"Allow {', '.join(rules) or 'this'} for this session") or "Allow"


def _rule(rule: dict[str, Any]) -> str:
    name, content = text(rule.get("toolName")) or "?", text(rule.get("ruleContent"))
    return f"{name}({content})" if content else name


def _option(id_: str, name: str, kind: str, decision: Decision) -> RequestOption:
    return RequestOption(option_id=id_, name=name, kind=kind, decision=decision)


def _deny(message: str) -> dict[str, Any]:
    return {"behavior": "deny", "message": message}
