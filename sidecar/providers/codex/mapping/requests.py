"""What Codex asks of us: approvals, permissions, questions; and how each is answered. Pure.

Each kind has its own words for the same four decisions. A kind that nobody here can carry out is
refused with a reason, and an unknown one too: Codex waits for ever for an answer.
"""

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from sidecar.contract.base import Json
from sidecar.contract.events.request import Question, RequestOption
from sidecar.contract.vocabulary import Decision, RequestType, RuntimeMode
from sidecar.providers.codex.mapping.elicitation import form_content, form_questions
from sidecar.providers.codex.mapping.facts import command_of
from sidecar.providers.codex.mapping.questions import asked_questions, given_answers, shown_answers
from sidecar.providers.shapes import DETAIL_CHARS, a_map, text
from sidecar.providers.text import portable

Family = Literal["v2", "legacy", "permissions", "elicitation", "form", "questions"]

COMMAND: Final = "item/commandExecution/requestApproval"
FILE_CHANGE: Final = "item/fileChange/requestApproval"
PERMISSIONS: Final = "item/permissions/requestApproval"
USER_INPUT: Final = "item/tool/requestUserInput"
ELICITATION: Final = "mcpServer/elicitation/request"
LEGACY_PATCH: Final = "applyPatchApproval"
LEGACY_EXEC: Final = "execCommandApproval"
TOOL_CALL: Final = "item/tool/call"
TOKENS: Final = "account/chatgptAuthTokens/refresh"

_FAMILIES: Final[dict[str, Family]] = {
    COMMAND: "v2",
    FILE_CHANGE: "v2",
    LEGACY_PATCH: "legacy",
    LEGACY_EXEC: "legacy",
    PERMISSIONS: "permissions",
    ELICITATION: "elicitation",
    USER_INPUT: "questions",
}

_TYPES: Final[dict[str, RequestType]] = {
    COMMAND: "command_execution_approval",
    FILE_CHANGE: "file_change_approval",
    LEGACY_PATCH: "apply_patch_approval",
    LEGACY_EXEC: "exec_command_approval",
    TOOL_CALL: "dynamic_tool_call",
    TOKENS: "auth_tokens_refresh",
}

_LEGACY_WORDS: Final[dict[Decision, Json]] = {
    "accept": "approved",
    "acceptForSession": "approved_for_session",
    "decline": {"denied": {"rejection": "The user declined it"}},
    "cancel": "abort",
}
_ACTIONS: Final[dict[Decision, str]] = {
    "accept": "accept",
    "acceptForSession": "accept",
    "decline": "decline",
    "cancel": "cancel",
}
_DECISIONS: Final[tuple[Decision, ...]] = ("accept", "acceptForSession", "decline", "cancel")
_NAMES: Final[dict[str, str]] = {
    "accept": "Yes",
    "acceptForSession": "Yes, for this session",
    "decline": "No",
    "cancel": "No, and stop",
    "acceptWithExecpolicyAmendment": "Yes, and do not ask again for commands like this",
    "applyNetworkPolicyAmendment": "Yes, and remember it for this host",
}

_NOT_ARGS: Final = frozenset(
    {"threadId", "turnId", "itemId", "startedAtMs", "availableDecisions", "conversationId"}
)
"""What of a request's params is not passed on: it stands elsewhere in the event."""

_PATCHES: Final = frozenset({"file_change_approval", "apply_patch_approval"})

REFUSALS: Final = {
    TOOL_CALL: "This client offers no tools",
    TOKENS: "This client holds no tokens: log in with `codex login`",
    "attestation/generate": "This client cannot attest",
}
"""Kinds that nobody here can carry out, with the reason that they are refused with."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of Codex that waits for an answer. `rpc_id` goes back verbatim."""

    rpc_id: Json
    thread_id: str
    family: Family
    request_type: RequestType | None
    codex_item: Json = None
    detail: str | None = None
    args: Any = None
    options: tuple[RequestOption, ...] = ()
    words: dict[str, Json] = field(default_factory=dict)
    questions: tuple[Question, ...] = ()
    granted: Json = None
    """What is asked for (permissions, a form's schema): needed again to grant it."""
    secrets: frozenset[str] = frozenset()

    def decide(self, decision: Decision, option_id: str | None = None) -> Json | None:
        """Return the result that says `decision`, or the option verbatim; None for no such option.

        A question is declined by any decision: it wants answers.
        """
        if option_id is not None and option_id not in self.words:
            return None
        if self.family == "v2":
            return {"decision": self.words.get(option_id or "", decision)}
        if self.family == "legacy":
            return {"decision": _LEGACY_WORDS[decision]}
        if self.family == "permissions":
            return self._permit(decision)
        if self.family == "elicitation":
            return self._elicit(decision)
        return self.cancelled()

    def cancelled(self) -> Json:
        """Return the result that withdraws it, as its turn has ended."""
        if self.family == "questions":
            return {"answers": {}}
        if self.family == "form":
            return {"action": "cancel", "content": None}
        return self.decide("cancel")

    def answer(self, answers: dict[str, Any]) -> Json:
        """Return the result that carries the answers to its questions."""
        if self.family == "form":
            return form_content(self.granted, answers)
        return {"answers": given_answers(answers, {q.id for q in self.questions})}

    def shown(self, answers: dict[str, Any]) -> dict[str, Any]:
        """Return answers as they may be journalled: secret ones are not."""
        return shown_answers(answers, self.secrets)

    def _permit(self, decision: Decision) -> Json:
        if decision not in ("accept", "acceptForSession"):
            return {"permissions": {}, "scope": "turn"}
        scope = "session" if decision == "acceptForSession" else "turn"
        return {"permissions": self.granted, "scope": scope}

    def _elicit(self, decision: Decision) -> Json:
        result: dict[str, Json] = {"action": _ACTIONS[decision], "content": None}
        if _ACTIONS[decision] == "accept":
            result["content"] = {}
        if decision == "acceptForSession" and self.granted:
            result["_meta"] = {"persist": "session"}
        return result


def asked(rpc_id: Json, method: str, params: dict[str, Any]) -> Asked | None:
    """Return what a request asks, None for a kind that is refused."""
    family = _FAMILIES.get(method)
    if family is None:
        return None
    thread_id = text(params.get("threadId")) or text(params.get("conversationId")) or ""
    if family == "questions":
        questions, secrets = asked_questions(params.get("questions"))
        item = params.get("itemId")
        return Asked(rpc_id, thread_id, family, None, item, questions=questions, secrets=secrets)
    if family == "elicitation":
        return _elicitation(rpc_id, thread_id, params)
    options, words = _options(params, family)
    return Asked(
        rpc_id,
        thread_id,
        family,
        _TYPES.get(method) or _permission_type(params),
        params.get("itemId") or params.get("callId"),
        detail=_detail(params),
        args=_args(params),
        options=options,
        words=words,
        granted=a_map(params.get("permissions")),
    )


def refused_type(method: str) -> RequestType | None:
    """Return the type under which a refused request is shown; None for one that is not shown."""
    return _TYPES.get(method) if method in REFUSALS else None


def granted_by_mode(mode: RuntimeMode, request_type: RequestType | None) -> bool:
    """Tell whether the session's runtime mode answers such a request without asking a person."""
    if request_type is None:
        return False
    return mode == "full-access" or (mode == "auto-accept-edits" and request_type in _PATCHES)


def _elicitation(rpc_id: Json, thread_id: str, params: dict[str, Any]) -> Asked:
    """A form with fields is questions; a form without, or a link, is a yes or no."""
    questions = form_questions(params)
    if questions:
        schema = params.get("requestedSchema")
        return Asked(rpc_id, thread_id, "form", None, questions=tuple(questions), granted=schema)
    words = [
        text(params.get(key), DETAIL_CHARS) for key in ("title", "message", "description", "url")
    ]
    persist = a_map(params.get("_meta")).get("persist")
    offered = persist == "session" or (isinstance(persist, list) and "session" in persist)
    return Asked(
        rpc_id,
        thread_id,
        "elicitation",
        "unknown",
        detail=text("\n".join(filter(None, words)), DETAIL_CHARS),
        args=_args(params),
        granted=offered,
    )


def _options(
    params: dict[str, Any], family: Family
) -> tuple[tuple[RequestOption, ...], dict[str, Json]]:
    """Return the answers that Codex offers: a word, or a map with one key that carries a rule."""
    offered = params.get("availableDecisions")
    if family != "v2" or not isinstance(offered, list):
        return (), {}
    options: list[RequestOption] = []
    words: dict[str, Json] = {}
    for answer in offered[:16]:
        name = next(iter(answer), None) if isinstance(answer, dict) else answer
        kind = text(name)
        if kind is None:
            continue
        option_id = kind if kind not in words else f"{kind}-{len(words)}"
        words[option_id] = answer
        decision = kind if kind in _DECISIONS else "accept" if _allows(answer) else "decline"
        options.append(
            RequestOption(
                option_id=option_id,
                name=_NAMES.get(kind),
                kind=kind,
                decision=decision,
            )
        )
    return tuple(options), words


def _allows(answer: object) -> bool:
    """Tell whether an answer with a rule lets the command run: a rule may also forbid a host."""
    rule = a_map(
        a_map(a_map(answer).get("applyNetworkPolicyAmendment")).get("network_policy_amendment")
    )
    return isinstance(answer, dict) and rule.get("action") != "deny"


def _permission_type(params: dict[str, Any]) -> RequestType:
    files = a_map(a_map(params.get("permissions")).get("fileSystem"))
    entries = files.get("entries")
    modes = [str(a_map(e).get("access")) for e in entries] if isinstance(entries, list) else []
    if files.get("write") or any("write" in mode for mode in modes):
        return "file_change_approval"
    if files.get("read") or modes:
        return "file_read_approval"
    return "unknown"


def _detail(params: dict[str, Any]) -> str | None:
    return command_of(params) or text(params.get("reason"), DETAIL_CHARS)


def _args(params: dict[str, Any]) -> dict[str, Any] | None:
    said = {
        key: portable(value)
        for key, value in params.items()
        if key not in _NOT_ARGS and value not in (None, [], {})
    }
    return said or None
