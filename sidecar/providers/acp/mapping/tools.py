"""ACP tool calls: which item they are, what they say, and how they stand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sidecar.contract.vocabulary import ItemStatus, ItemType, RequestType
from sidecar.providers.acp.mapping.content import only_text, paths, tool_text
from sidecar.providers.acp.mapping.shapes import DETAIL_CHARS, a_map, text
from sidecar.providers.text import SurrogateJoiner, portable

PATHS_IN_DETAIL = 20
"""Paths listed in an item's detail; `data.locations` has them all."""

_MCP_PREFIX: Final = "mcp__"
"""How tool names of MCP servers begin, in every agent that shows the name: mcp__server__tool."""

_ITEM_TYPES: Final[dict[str, ItemType]] = {
    "execute": "command_execution",
    "edit": "file_change",
    "delete": "file_change",
    "move": "file_change",
    "fetch": "web_search",
}
_REQUEST_TYPES: Final[dict[str, RequestType]] = {
    "execute": "command_execution_approval",
    "edit": "file_change_approval",
    "delete": "file_change_approval",
    "move": "file_change_approval",
    "read": "file_read_approval",
    "search": "file_read_approval",
}
_STATUSES: Final[dict[str, ItemStatus]] = {"completed": "completed", "failed": "failed"}
_DATA_KEYS: Final = ("locations", "rawInput", "rawOutput")
_OUTPUT_KEYS: Final = frozenset({"sessionUpdate", "toolCallId", "status", "content"})


@dataclass(slots=True)
class Tool:
    """A tool call that the mapping has seen. `shown_*` is what of its output went out as deltas.

    `told`: a tool_call of it has come; without one it is known from a permission alone.
    """

    call_id: str
    item_id: str
    kind: str
    item_type: ItemType
    command: str | None = None
    shown_chars: int = 0
    shown_hash: int = 0
    joiner: SurrogateJoiner = field(default_factory=SurrogateJoiner)
    turn_id: str | None = None
    told: bool = False


def new_tool(call_id: str, item_id: str, update: Mapping[str, Any]) -> Tool:
    """Return the tool that the first message about it describes."""
    return Tool(call_id, item_id, kind_of(update), item_type_of(update), command_of(update))


def kind_of(update: Mapping[str, Any]) -> str:
    """Return the ACP tool kind; `other` if it is missing."""
    return text(update.get("kind")) or "other"


def item_type_of(update: Mapping[str, Any]) -> ItemType:
    """Return the item type of a tool call: an MCP tool by its name, any other by its kind."""
    if _is_mcp(update):
        return "mcp_tool_call"
    return _ITEM_TYPES.get(kind_of(update), "dynamic_tool_call")


def request_type_of(kind: str) -> RequestType:
    """Return the request type of a permission for a tool of `kind`."""
    return _REQUEST_TYPES.get(kind, "dynamic_tool_call")


def status_of(update: Mapping[str, Any]) -> ItemStatus:
    """Return completed or failed when the call has ended so, else inProgress."""
    return _STATUSES.get(str(update.get("status")), "inProgress")


def command_of(update: Mapping[str, Any]) -> str | None:
    """Return the command line of a call, when its input has one."""
    command = a_map(update.get("rawInput")).get("command")
    if isinstance(command, list):
        command = " ".join(str(word) for word in command)
    return text(command, DETAIL_CHARS)


def detail_of(update: Mapping[str, Any], tool: Tool) -> str | None:
    """Return the command, else the paths touched."""
    return tool.command or text("\n".join(paths(update)[:PATHS_IN_DETAIL]), DETAIL_CHARS)


def data_of(update: Mapping[str, Any], tool: Tool, *, streamed: bool) -> dict[str, Any]:
    """Return what else the message says about the call; `streamed` content is not repeated."""
    data: dict[str, Any] = {"toolCallId": text(tool.call_id) or "?", "kind": tool.kind}
    if tool.command is not None:
        data["command"] = tool.command
    keys = _DATA_KEYS if streamed else (*_DATA_KEYS, "content")
    return data | {key: portable(update[key]) for key in keys if update.get(key) not in (None, [])}


def take_output(update: Mapping[str, Any], tool: Tool) -> str | None:
    """Return what a command's output has gained, or None if the content is not to be streamed.

    ACP sends the whole content again with each update. An agent that sends only the last piece, or
    rewrites it, gets its content passed on as data instead. What stands there before the command
    runs describes it and is no output.
    """
    content = update.get("content")
    if tool.item_type != "command_execution" or update.get("status") == "pending":
        return None
    if not only_text(content):
        return None
    output = tool_text(content)
    shown, gained = output[: tool.shown_chars], output[tool.shown_chars :]
    if tool.shown_chars and (len(shown) < tool.shown_chars or hash(shown) != tool.shown_hash):
        return None
    tool.shown_chars = len(output)
    tool.shown_hash = hash(output)
    return tool.joiner.feed(gained)


def is_output_alone(update: Mapping[str, Any]) -> bool:
    """Tell whether a message says nothing of a call but its output and status."""
    return _OUTPUT_KEYS.issuperset(update)


def _is_mcp(update: Mapping[str, Any]) -> bool:
    metas = a_map(update.get("_meta")).values()
    names = [update.get("title"), *(a_map(meta).get("toolName") for meta in metas)]
    return any(isinstance(name, str) and name.startswith(_MCP_PREFIX) for name in names)
