"""Tool parts of a message: what kind of item a tool is, and what of its state is shown. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sidecar.contract.vocabulary import ItemStatus, ItemType
from sidecar.providers.shapes import DETAIL_CHARS, a_map, count, text
from sidecar.providers.text import SurrogateJoiner, portable

TASK_TOOL: Final = "task"

_ITEM_TYPES: Final[dict[str, ItemType]] = {
    "bash": "command_execution",
    "shell": "command_execution",
    "edit": "file_change",
    "multiedit": "file_change",
    "write": "file_change",
    "patch": "file_change",
    "apply_patch": "file_change",
    TASK_TOOL: "collab_agent_tool_call",
    "websearch": "web_search",
    "codesearch": "web_search",
    "webfetch": "web_search",
}
_DETAIL_KEYS: Final = ("command", "filePath", "path", "pattern", "url", "query", "description")
"""Inputs that say in one line what a call is about, the best first."""

_ENDED: Final = frozenset({"completed", "error"})


@dataclass(slots=True)
class Tool:
    """One call of a tool and the item that it is. `shown` is what was streamed of its output."""

    item_id: str
    item_type: ItemType
    name: str
    call_id: str
    shown_chars: int = 0
    shown_hash: int = 0
    said_hash: int = 0
    """Of the last update: the same state comes several times."""
    joiner: SurrogateJoiner = field(default_factory=SurrogateJoiner)


def item_type_of(name: str, mcp_servers: frozenset[str] = frozenset()) -> ItemType:
    """Return the item type of a tool; those of MCP servers are called `<server>_<tool>`."""
    known = _ITEM_TYPES.get(name)
    if known is not None:
        return known
    if any(name.startswith(f"{server}_") for server in mcp_servers):
        return "mcp_tool_call"
    return "dynamic_tool_call"


def has_ended(state: Mapping[str, Any]) -> bool:
    """Tell whether the call is over."""
    return state.get("status") in _ENDED


def status_of(tool: Tool, state: Mapping[str, Any]) -> ItemStatus:
    """Return how a call ended. A command that failed or was cut off is reported as completed."""
    if state.get("status") == "error":
        return "failed"
    metadata = a_map(state.get("metadata"))
    if tool.item_type == "command_execution" and "exit" in metadata and metadata["exit"] != 0:
        return "failed"
    return "completed"


def title_of(tool: Tool, state: Mapping[str, Any]) -> str | None:
    """Return the call's own title, else the tool's name."""
    return text(state.get("title")) or text(tool.name)


def detail_of(state: Mapping[str, Any]) -> str | None:
    """Return what the call is about: its command, file, pattern …"""
    values = a_map(state.get("input"))
    found = (text(values.get(key), DETAIL_CHARS) for key in _DETAIL_KEYS)
    return next(filter(None, found), None)


def data_of(tool: Tool, state: Mapping[str, Any], *, streamed: bool) -> dict[str, Any]:
    """Return what else is known of the call; `streamed` output is not repeated."""
    data: dict[str, Any] = {"tool": text(tool.name) or "?", "toolCallId": text(tool.call_id) or "?"}
    values = a_map(state.get("input"))
    command = text(values.get("command"), DETAIL_CHARS)
    if tool.item_type == "command_execution" and command is not None:
        data["command"] = command
    if values:
        data["input"] = portable(values)
    metadata = {k: v for k, v in a_map(state.get("metadata")).items() if k != "output"}
    exit_code = count(metadata.get("exit"))
    if exit_code is not None:
        data["exitCode"] = exit_code
    if metadata:
        data["metadata"] = portable(metadata)
    if not streamed and state.get("output"):
        data["output"] = portable(state["output"])
    if state.get("error"):
        data["error"] = portable(state["error"])
    if state.get("attachments"):
        data["attachments"] = portable(state["attachments"])
    return data


def take_output(tool: Tool, state: Mapping[str, Any]) -> str | None:
    """Return what a command's output has gained, None if it is not to be streamed.

    Each update has the whole output again, in `metadata.output`; a long one has its beginning cut
    off at some point, and is then passed on as data.
    """
    output = a_map(state.get("metadata")).get("output")
    if tool.item_type != "command_execution" or not isinstance(output, str):
        return None
    shown, gained = output[: tool.shown_chars], output[tool.shown_chars :]
    if tool.shown_chars and (len(shown) < tool.shown_chars or hash(shown) != tool.shown_hash):
        return None
    tool.shown_chars = len(output)
    tool.shown_hash = hash(output)
    return tool.joiner.feed(gained)
