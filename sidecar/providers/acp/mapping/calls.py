"""The tool calls and permissions of one session, and the items and requests that they are.

Owns the mapping from the agent's tool call ids, which some agents use again in every turn, to item
ids, which are unique for ever; and the permissions that the agent waits for.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from sidecar.contract.base import Json
from sidecar.contract.events import ProviderRefs
from sidecar.core.conversation import Conversation
from sidecar.core.drafts import Draft
from sidecar.providers.acp.mapping import tools
from sidecar.providers.acp.mapping.content import terminal_ids, tool_text
from sidecar.providers.acp.mapping.permissions import Choice, Permission, usable_options
from sidecar.providers.acp.mapping.shapes import DETAIL_CHARS, a_map, text
from sidecar.providers.acp.mapping.terminals import TerminalTexts
from sidecar.providers.acp.mapping.tools import Tool
from sidecar.providers.text import portable

TOOLS = 1024
"""Tool call ids remembered; an update for an older one starts a new item."""


class ToolCalls:
    """Maps tool calls and permissions. Each method returns the drafts that its message makes."""

    def __init__(
        self,
        conversation: Conversation,
        new_id: Callable[[str], str],
        terminals: TerminalTexts,
    ) -> None:
        self.permissions: dict[str, Permission] = {}
        self._conversation = conversation
        self._new_id = new_id
        self._terminals = terminals
        self._tools: OrderedDict[str, Tool] = OrderedDict()

    def update(self, update: dict[str, Any], *, is_new: bool) -> list[Draft]:
        """Map a tool_call (`is_new`) or tool_call_update; one for an unknown call starts it."""
        call_id = update.get("toolCallId")
        if not isinstance(call_id, str) or not call_id:
            return []
        tool = self._tools.get(call_id)
        if tool is not None and is_new and self._is_told_late(tool):
            tool.told = True
            return []
        if tool is None or (is_new and not self._is_open(tool)):
            tool = self._new_tool(call_id, update)
            tool.told = is_new
            return self._begin(tool, update)
        if not self._is_open(tool):
            return []  # said after the call, or its turn, had ended
        tool.told = tool.told or is_new
        return self._advance(tool, update)

    def ask(self, rpc_id: Json, params: dict[str, Any]) -> list[Draft]:
        """Map a session/request_permission; the new request is the last of `permissions`.

        The call may be known, or be told here for the first time, or never again. Nothing is opened
        when too many requests are open.
        """
        call = a_map(params.get("toolCall"))
        tool, drafts = self._asked_about(call)
        kind = tool.kind if "kind" not in call else tools.kind_of(call)
        permission = Permission(
            rpc_id, tools.request_type_of(kind), usable_options(params.get("options"))
        )
        request_id = self._new_id("req")
        drafts += self._conversation.open_request(
            request_id,
            permission.request_type,
            item_id=tool.item_id,
            detail=tools.detail_of(call, tool)
            or text(call.get("title"), DETAIL_CHARS)
            or text(tool_text(call.get("content")), DETAIL_CHARS),
            args={"toolCall": portable(call)},
            options=permission.offered(),
            refs=ProviderRefs(
                provider_item_id=text(tool.call_id), provider_request_id=text(str(rpc_id))
            ),
        )
        if request_id in self._conversation.requests:
            self.permissions[request_id] = permission
        return drafts

    def answer(self, request_id: str, choice: Choice) -> list[Draft]:
        """Resolve a permission by `choice`."""
        self.permissions.pop(request_id, None)
        return self._conversation.resolve_request(request_id, choice.decision, choice.resolution())

    def item_of(self, call_id: str | None) -> str | None:
        """Return the open item of a call, if there is one."""
        tool = self._tools.get(call_id or "")
        return tool.item_id if tool is not None and self._is_open(tool) else None

    def end(self) -> list[Draft]:
        """Say what is held back of the outputs of open calls, before their turn ends."""
        drafts: list[Draft] = []
        for tool in self._tools.values():
            if self._is_open(tool):
                drafts += self._stream(tool, tool.joiner.flush())
        return drafts

    def _asked_about(self, call: dict[str, Any]) -> tuple[Tool, list[Draft]]:
        found = call.get("toolCallId")
        call_id = found if isinstance(found, str) and found else self._new_id("call")
        tool = self._tools.get(call_id)
        if tool is not None and self._is_open(tool):
            tool.command = tools.command_of(call) or tool.command
            return tool, []
        described = {key: value for key, value in call.items() if key not in ("content", "status")}
        tool = self._new_tool(call_id, described)
        return tool, self._begin(tool, described)

    def _new_tool(self, call_id: str, update: dict[str, Any]) -> Tool:
        tool = tools.new_tool(call_id, self._new_id("item"), update)
        tool.turn_id = self._conversation.turn_id
        self._tools[call_id] = tool
        self._tools.move_to_end(call_id)
        if len(self._tools) > TOOLS:
            self._tools.popitem(last=False)
        return tool

    def _is_open(self, tool: Tool) -> bool:
        return tool.item_id in self._conversation.items

    def _is_told_late(self, tool: Tool) -> bool:
        """Tell whether a call was asked about, and declined, before it is told of.

        An id that comes again in a later turn is another call.
        """
        in_turn = tool.turn_id == self._conversation.turn_id
        return in_turn and not tool.told and not self._is_open(tool)

    def _begin(self, tool: Tool, update: dict[str, Any]) -> list[Draft]:
        output = tools.take_output(update, tool)
        ended = tools.status_of(update) != "inProgress"
        drafts = self._conversation.start_item(
            tool.item_id,
            tool.item_type,
            title=text(update.get("title")),
            detail=tools.detail_of(update, tool),
            data=None if ended else tools.data_of(update, tool, streamed=output is not None),
            refs=ProviderRefs(provider_item_id=text(tool.call_id)),
        )
        drafts += self._stream(tool, output) + self._show_terminals(tool, update)
        return drafts + self._complete(tool, update, output) if ended else drafts

    def _advance(self, tool: Tool, update: dict[str, Any]) -> list[Draft]:
        tool.command = tools.command_of(update) or tool.command
        output = tools.take_output(update, tool)
        if tools.status_of(update) != "inProgress":
            shown = self._stream(tool, output) + self._show_terminals(tool, update)
            return shown + self._complete(tool, update, output)
        if output is not None and tools.is_output_alone(update):
            return self._stream(tool, output)
        drafts = self._conversation.update_item(
            tool.item_id,
            title=text(update.get("title")),
            detail=tools.detail_of(update, tool),
            data=tools.data_of(update, tool, streamed=output is not None),
        )
        return drafts + self._stream(tool, output) + self._show_terminals(tool, update)

    def _complete(self, tool: Tool, update: dict[str, Any], output: str | None) -> list[Draft]:
        drafts = self._stream(tool, tool.joiner.flush())
        return drafts + self._conversation.complete_item(
            tool.item_id,
            tools.status_of(update),
            title=text(update.get("title")),
            detail=tools.detail_of(update, tool),
            data=tools.data_of(update, tool, streamed=output is not None),
        )

    def _show_terminals(self, tool: Tool, update: dict[str, Any]) -> list[Draft]:
        drafts: list[Draft] = []
        for terminal_id in terminal_ids(update.get("content")):
            drafts += self._terminals.show(terminal_id, tool.item_id)
        return drafts

    def _stream(self, tool: Tool, output: str | None) -> list[Draft]:
        return self._conversation.delta(tool.item_id, "command_output", output or "")
