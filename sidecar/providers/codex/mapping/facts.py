"""What one item of Codex says about itself, in our words: type, title, data, status. Pure."""

from typing import Any, Final, NamedTuple

from sidecar.contract.vocabulary import ItemStatus, ItemType
from sidecar.providers.shapes import DETAIL_CHARS, a_map, maps, text
from sidecar.providers.text import portable

PATHS_IN_DETAIL = 20
"""Paths of a change listed in its detail; the others stand in its data."""

_TYPES: Final[dict[str, ItemType]] = {
    "userMessage": "user_message",
    "agentMessage": "assistant_message",
    "functionCallOutput": "dynamic_tool_call",
    "plan": "plan",
    "reasoning": "reasoning",
    "commandExecution": "command_execution",
    "fileChange": "file_change",
    "mcpToolCall": "mcp_tool_call",
    "dynamicToolCall": "dynamic_tool_call",
    "collabAgentToolCall": "collab_agent_tool_call",
    "subAgentActivity": "collab_agent_tool_call",
    "webSearch": "web_search",
    "imageView": "image_view",
    "imageGeneration": "dynamic_tool_call",
    "enteredReviewMode": "review_entered",
    "exitedReviewMode": "review_exited",
    "contextCompaction": "context_compaction",
}

_STATUSES: Final[dict[str, ItemStatus]] = {
    "completed": "completed",
    "failed": "failed",
    "declined": "declined",
    "interrupted": "failed",
}

_TITLES: Final = {
    "imageGeneration": "Image generation",
    "hookPrompt": "Hook prompt",
    "sleep": "Sleep",
}

_DATA_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "agentMessage": ("phase", "questions"),
    "functionCallOutput": ("name", "namespace", "output"),
    "commandExecution": (
        "command",
        "cwd",
        "processId",
        "source",
        "commandActions",
        "exitCode",
        "durationMs",
    ),
    "fileChange": ("changes",),
    "mcpToolCall": ("server", "tool", "arguments", "result", "error", "durationMs"),
    "dynamicToolCall": (
        "namespace",
        "tool",
        "arguments",
        "contentItems",
        "success",
        "durationMs",
    ),
    "collabAgentToolCall": (
        "tool",
        "prompt",
        "model",
        "reasoningEffort",
        "receiverThreadIds",
        "agentsStates",
    ),
    "subAgentActivity": ("kind", "agentThreadId", "agentPath", "model"),
    "webSearch": ("query", "action", "results"),
    "imageView": ("path",),
    "imageGeneration": ("status", "revisedPrompt", "savedPath"),
    "sleep": ("durationMs",),
}
"""What is passed on of an item. Texts are streamed and what the user sent is known: neither is
said again."""


class Facts(NamedTuple):
    """What an item says about itself."""

    kind: str
    item_type: ItemType
    title: str | None
    detail: str | None
    data: dict[str, Any] | None
    status: ItemStatus


def facts_of(item: dict[str, Any]) -> Facts:
    """Return what `item` says, whatever it is."""
    kind = str(item.get("type"))
    data = {
        key: portable(item[key])
        for key in _DATA_KEYS.get(kind, ())
        if item.get(key) not in (None, [], {})
    }
    return Facts(
        kind=kind,
        item_type=_TYPES.get(kind, "unknown"),
        title=_title(kind, item),
        detail=_detail(kind, item),
        data=data or None,
        status=_status(item),
    )


def command_of(item: dict[str, Any]) -> str | None:
    """Return the command as it was meant, without the shell around it."""
    meant = [
        text(action.get("command"), DETAIL_CHARS) for action in maps(item.get("commandActions"))
    ]
    if meant and None not in meant:
        return text(" && ".join(filter(None, meant)), DETAIL_CHARS)
    command = item.get("command")
    if isinstance(command, list):
        command = " ".join(str(word) for word in command)
    return text(command, DETAIL_CHARS)


def paths_of(item: dict[str, Any]) -> str | None:
    """Return the paths that a change touches, one a line."""
    paths = [text(change.get("path")) for change in maps(item.get("changes"))[:PATHS_IN_DETAIL]]
    return text("\n".join(filter(None, paths)), DETAIL_CHARS)


def full_text(item: dict[str, Any]) -> str:
    """Return the text of an item that streams one, as it is at its end."""
    kind = item.get("type")
    if kind in ("agentMessage", "plan"):
        return _string(item.get("text"))
    if kind == "commandExecution":
        return _string(item.get("aggregatedOutput"))
    return ""


def _title(kind: str, item: dict[str, Any]) -> str | None:
    if kind == "commandExecution":
        return text((command_of(item) or "").strip().split("\n", 1)[0])
    if kind == "mcpToolCall":
        return text(".".join(filter(None, (text(item.get("server")), text(item.get("tool"))))))
    if kind in ("dynamicToolCall", "collabAgentToolCall"):
        return text(item.get("tool"))
    if kind == "subAgentActivity":
        return text(item.get("kind"))
    if kind == "functionCallOutput":
        return text(item.get("name"))
    return _TITLES.get(kind)


def _detail(kind: str, item: dict[str, Any]) -> str | None:
    if kind == "commandExecution":
        return command_of(item)
    if kind == "fileChange":
        return paths_of(item)
    if kind == "userMessage":
        parts = [_string(part.get("text")) for part in maps(item.get("content"))]
        return text("\n".join(filter(None, parts)), DETAIL_CHARS)
    if kind == "hookPrompt":
        parts = [_string(part.get("text")) for part in maps(item.get("fragments"))]
        return text("\n".join(filter(None, parts)), DETAIL_CHARS)
    if kind == "mcpToolCall":
        return text(a_map(item.get("error")).get("message"), DETAIL_CHARS)
    keys = {
        "collabAgentToolCall": "prompt",
        "subAgentActivity": "agentPath",
        "webSearch": "query",
        "imageView": "path",
        "imageGeneration": "revisedPrompt",
        "enteredReviewMode": "review",
        "exitedReviewMode": "review",
    }
    return text(item.get(keys.get(kind, "")), DETAIL_CHARS)


def _status(item: dict[str, Any]) -> ItemStatus:
    """Return the status at the item's end; one that tells none has ended well."""
    return _STATUSES.get(str(item.get("status")), "completed")


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""
