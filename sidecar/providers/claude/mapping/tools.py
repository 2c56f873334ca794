"""Claude's tools: which item each is, what a line about it says, what may be approved about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from sidecar.contract.vocabulary import ItemType, RequestType
from sidecar.providers.shapes import DETAIL_CHARS, a_map, maps, text
from sidecar.providers.text import portable

MCP_PREFIX: Final = "mcp__"
"""How the tools of MCP servers are named: mcp__server__tool."""

ASK: Final = "AskUserQuestion"
EXIT_PLAN: Final = "ExitPlanMode"

_ITEM_TYPES: Final[dict[str, ItemType]] = {
    "Bash": "command_execution",
    "PowerShell": "command_execution",
    "Edit": "file_change",
    "MultiEdit": "file_change",
    "Write": "file_change",
    "NotebookEdit": "file_change",
    "WebSearch": "web_search",
    "web_search": "web_search",
    "Agent": "collab_agent_tool_call",
    "Task": "collab_agent_tool_call",
}
_REQUEST_TYPES: Final[dict[ItemType, RequestType]] = {
    "command_execution": "command_execution_approval",
    "file_change": "file_change_approval",
}
_READING: Final = frozenset({"Read", "Glob", "Grep", "LS", "NotebookRead"})
_DETAILS: Final = (
    "command",
    "file_path",
    "notebook_path",
    "pattern",
    "path",
    "query",
    "url",
    "plan",
    "description",
    "subject",
    "skill",
    "prompt",
)
"""Keys of an input that say what a call is about, the best first."""

_TITLED: Final[frozenset[ItemType]] = frozenset({"command_execution", "collab_agent_tool_call"})
"""Items whose input describes itself in a few words."""

_TOO_MUCH: Final = frozenset({"originalFile", "content", "prompt", "stdout", "stderr", "plan"})
"""Parts of a structured result that the input or the result's text has said."""


class Scope(NamedTuple):
    """Who speaks: the main thread, or the sub-agent that a tool call of it has started."""

    parent_tool_use_id: str | None = None
    agent_id: str | None = None
    background: bool = False


MAIN: Final = Scope()


@dataclass(slots=True)
class Tool:
    """A tool call that the mapping has seen."""

    tool_use_id: str
    name: str
    item_id: str
    item_type: ItemType
    scope: Scope = MAIN
    input: dict[str, Any] = field(default_factory=dict)


def item_type_of(name: str) -> ItemType:
    """Return the item type of a tool by its name."""
    if name.startswith(MCP_PREFIX):
        return "mcp_tool_call"
    return _ITEM_TYPES.get(name, "dynamic_tool_call")


def request_type_of(name: str) -> RequestType:
    """Return the request type of an approval for a tool."""
    if name in _READING:
        return "file_read_approval"
    return _REQUEST_TYPES.get(item_type_of(name), "dynamic_tool_call")


def title_of(tool: Tool) -> str | None:
    """Return a line that names the call."""
    described = text(tool.input.get("description")) if tool.item_type in _TITLED else None
    return described or text(tool.name)


def detail_of(input_: Mapping[str, Any]) -> str | None:
    """Return what a call is about: the command, the file, the query …"""
    found = (text(input_.get(key), DETAIL_CHARS) for key in _DETAILS)
    return next((detail for detail in found if detail is not None), None)


def data_of(tool: Tool) -> dict[str, Any]:
    """Return what else is known of a call."""
    data: dict[str, Any] = {
        "toolName": text(tool.name) or "?",
        "toolUseId": text(tool.tool_use_id) or "?",
    }
    if tool.input:
        data["input"] = portable(tool.input)
    return data


def result_text(content: object) -> str:
    """Return the text of a tool_result's content, "" if it has none."""
    if isinstance(content, str):
        return content
    found = (block.get("text") for block in maps(content) if block.get("type") == "text")
    return "\n".join(piece for piece in found if isinstance(piece, str))


def result_data(tool: Tool, block: Mapping[str, Any], structured: object) -> dict[str, Any]:
    """Return a finished call's data; the output of a command is streamed and not repeated."""
    data = data_of(tool)
    content = block.get("content")
    if content not in (None, "", []) and tool.item_type != "command_execution":
        data["result"] = portable(content)
    kept = {key: value for key, value in a_map(structured).items() if key not in _TOO_MUCH}
    if kept:
        data["toolUseResult"] = portable(kept)
    return data
