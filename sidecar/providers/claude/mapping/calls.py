"""The tool calls of one session, and the items that they are.

A call is known from its streamed block (name alone), from the assistant message that repeats it
(with its input) or from the permission that it needs, whichever comes first; a tool_result ends it.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

from sidecar.contract.events import ProviderRefs
from sidecar.contract.vocabulary import ItemStatus
from sidecar.core.conversation import Conversation
from sidecar.core.drafts import Draft
from sidecar.providers.claude.mapping.agents import Agents
from sidecar.providers.claude.mapping.plans import Todos
from sidecar.providers.claude.mapping.tools import (
    EXIT_PLAN,
    MAIN,
    Scope,
    Tool,
    data_of,
    detail_of,
    item_type_of,
    result_data,
    result_text,
    title_of,
)
from sidecar.providers.shapes import a_map, text
from sidecar.providers.text import whole

TOOLS = 1024
"""Tool calls remembered; a result of an older one is dropped."""

_CALLS: Final = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})


def is_call(block: Mapping[str, Any]) -> bool:
    """Tell whether a content block is a tool call."""
    return str(block.get("type")) in _CALLS


def is_result(block: Mapping[str, Any]) -> bool:
    """Tell whether a content block is the result of a tool call, of the server's tools too."""
    return str(block.get("type")).endswith("tool_result")


class ToolCalls:
    """Maps tool calls. Each method returns the drafts that its message makes."""

    def __init__(
        self, conversation: Conversation, new_id: Callable[[str], str], agents: Agents
    ) -> None:
        self._conversation = conversation
        self._new_id = new_id
        self._agents = agents
        self._todos = Todos(conversation)
        self._tools: OrderedDict[str, Tool] = OrderedDict()

    def find(self, tool_use_id: object) -> Tool | None:
        """Return a call that was seen, open or not."""
        return self._tools.get(tool_use_id) if isinstance(tool_use_id, str) else None

    def begin(self, block: dict[str, Any], scope: Scope) -> list[Draft]:
        """Map the start of a streamed call: its input is still to come."""
        return self._seen({**block, "input": None}, scope, is_new=True)

    def tell(self, block: dict[str, Any], scope: Scope) -> list[Draft]:
        """Map a whole call."""
        drafts = self._seen(block, scope, is_new=False)
        tool = self.find(block.get("id"))
        if tool is None or scope != MAIN:
            return drafts
        return drafts + self._todos.called(tool)

    def asked(
        self, tool_use_id: str, name: str, input_: dict[str, Any], scope: Scope
    ) -> list[Draft]:
        """Map a call that a permission speaks about; a sub-agent's comes before its message."""
        known = self._tools.get(tool_use_id)
        block = {"id": tool_use_id, "name": name, "input": input_}
        return self._seen(block, known.scope if known else scope, is_new=False)

    def result(self, block: dict[str, Any], structured: object, scope: Scope) -> list[Draft]:
        """Map a tool_result; `structured` is what the tool itself returned, if that is told."""
        tool = self.find(block.get("tool_use_id"))
        if tool is None:
            return []
        failed = block.get("is_error") is True
        drafts = self._agents.returned(tool.tool_use_id, structured, failed=failed)
        if not failed and scope == MAIN:
            drafts += self._todos.returned(tool, structured)
        return drafts + self._complete(tool, block, structured, "failed" if failed else "completed")

    def _seen(self, block: dict[str, Any], scope: Scope, *, is_new: bool) -> list[Draft]:
        tool_use_id, name = block.get("id"), text(block.get("name"))
        if not isinstance(tool_use_id, str) or not tool_use_id or name is None:
            return []
        input_ = a_map(block.get("input"))
        tool = self._tools.get(tool_use_id)
        if tool is None or (is_new and tool.item_id not in self._conversation.items):
            return self._start(tool_use_id, name, input_, scope)
        if tool.input == input_ or not input_ or tool.item_id not in self._conversation.items:
            return []
        tool.input = input_
        return self._conversation.update_item(
            tool.item_id, title=title_of(tool), detail=detail_of(input_), data=data_of(tool)
        )

    def _start(
        self, tool_use_id: str, name: str, input_: dict[str, Any], scope: Scope
    ) -> list[Draft]:
        tool = Tool(tool_use_id, name, self._new_id("item"), item_type_of(name), scope, input_)
        self._tools[tool_use_id] = tool
        self._tools.move_to_end(tool_use_id)
        if len(self._tools) > TOOLS:
            self._tools.popitem(last=False)
        return self._conversation.start_item(
            tool.item_id,
            tool.item_type,
            title=title_of(tool),
            detail=detail_of(input_),
            data=data_of(tool),
            refs=ProviderRefs(provider_item_id=text(tool_use_id)),
            agent_id=scope.agent_id,
            parent_tool_use_id=scope.parent_tool_use_id,
            background=scope.background,
        )

    def _complete(
        self, tool: Tool, block: dict[str, Any], structured: object, status: ItemStatus
    ) -> list[Draft]:
        if tool.item_id not in self._conversation.items:
            return []  # declined, or its turn has ended
        drafts: list[Draft] = []
        if tool.item_type == "command_execution":
            output = whole(result_text(block.get("content")))
            drafts = self._conversation.delta(tool.item_id, "command_output", output)
        return drafts + self._conversation.complete_item(
            tool.item_id,
            status,
            detail=None if tool.name == EXIT_PLAN else detail_of(tool.input),
            data=result_data(tool, block, structured),
        )
