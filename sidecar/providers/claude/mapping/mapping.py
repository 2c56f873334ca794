"""Claude's messages to drafts, for one session: what the session calls, in the order it hears.

Pure: the conversation and a source of ids are handed in. One mapping for both forms: the Agent SDK
yields what the CLI writes.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from sidecar.contract.base import Json
from sidecar.contract.events import ProviderRefs, RawMessage
from sidecar.contract.events.session import (
    SessionConfigured,
    SessionStarted,
    ThreadStarted,
    ThreadTokenUsageUpdated,
)
from sidecar.contract.events.side import AccountUpdated, McpStatusUpdated
from sidecar.contract.events.turn import TurnProposedCompleted
from sidecar.core.conversation import Conversation, Ending
from sidecar.core.drafts import Draft
from sidecar.providers.claude.mapping import config
from sidecar.providers.claude.mapping.agents import Agents
from sidecar.providers.claude.mapping.calls import ToolCalls, is_call, is_result
from sidecar.providers.claude.mapping.notices import Notices
from sidecar.providers.claude.mapping.permissions import (
    Choice,
    Permission,
    args_of,
    permission_of,
)
from sidecar.providers.claude.mapping.questions import questions_of, shown
from sidecar.providers.claude.mapping.results import Usage
from sidecar.providers.claude.mapping.speech import Speech
from sidecar.providers.claude.mapping.tools import EXIT_PLAN, MAIN, Scope, detail_of
from sidecar.providers.shapes import DETAIL_CHARS, a_map, maps, text
from sidecar.providers.text import portable, whole

MESSAGE_SOURCE: Final = "claude.sdk.message"
PERMISSION_SOURCE: Final = "claude.sdk.permission"

Handler = Callable[[dict[str, Any]], list[Draft]]


class ClaudeMapping:
    """Maps one session's messages. Each method returns the drafts that its message makes."""

    def __init__(
        self, conversation: Conversation, new_id: Callable[[str], str], raw: str = "none"
    ) -> None:
        self.conversation = conversation
        self.permissions: dict[str, Permission] = {}
        """The permissions and questions that Claude waits for, by our request id."""
        self.session_id: str | None = None
        self.permission_mode: str | None = None
        self.agents = Agents(conversation)
        self._calls = ToolCalls(conversation, new_id, self.agents)
        self._speech = Speech(conversation, new_id)
        self._notices = Notices(conversation, new_id)
        self._usage = Usage()
        self._new_id = new_id
        self._raw = raw
        self._config: dict[str, Any] = {}
        self._handlers: dict[str, Handler] = {
            "stream_event": self._streamed,
            "assistant": self._assistant,
            "user": self._user,
            "system": self._system,
            "conversation_reset": self._reset,
        }
        self._system_handlers: dict[str, Handler] = {
            "init": self._init,
            "status": self._status,
            "local_command_output": self._command_output,
            "task_started": self._task_started,
            "task_progress": self.agents.progress,
            "task_updated": self.agents.updated,
            "task_notification": self.agents.notified,
        }

    # Session and turns

    def started(
        self, answer: dict[str, Any], session_id: str | None, model: str | None = None
    ) -> list[Draft]:
        """Say that the session is open; `session_id` is that of a resumed conversation.

        The id of a new one comes with its first turn, as does the model if none was asked for.
        """
        talk = self.conversation
        resume = {"sessionId": session_id} if session_id else None
        drafts = talk.say("session.started", SessionStarted(resume=resume))
        if session_id is not None:
            drafts += self._thread(session_id)
        asked = {"model": model} if model else {}
        drafts += self.configured({**config.of_answer(answer), **asked})
        account = a_map(answer.get("account"))
        if account:
            drafts += talk.say("account.updated", AccountUpdated(account=portable(account)))
        return drafts + talk.state("ready")

    def configured(self, said: dict[str, Any]) -> list[Draft]:
        """Say the settings that are news; nothing for none."""
        news = {key: value for key, value in said.items() if self._config.get(key) != value}
        if not news:
            return []
        self._config |= news
        return self.conversation.say("session.configured", SessionConfigured(config=news))

    def begin_turn(self, turn_id: str, effort: str | None = None) -> list[Draft]:
        """Start a turn."""
        drafts = self._speech.hush()
        return drafts + self.conversation.begin_turn(turn_id, self._config.get("model"), effort)

    def end_turn(self, ending: Ending, result: dict[str, Any] | None = None) -> list[Draft]:
        """End the running turn and say what it has used. Nothing without a turn."""
        if self.conversation.turn_id is None:
            return []
        drafts = self._speech.hush()
        drafts += self.agents.turn_over()
        usage = self._usage.turn_over(result or {})
        if usage is not None:
            payload = ThreadTokenUsageUpdated(usage=usage)
            drafts += self.conversation.say("thread.token-usage.updated", payload)
        drafts += self._with_raw(self.conversation.end_turn(ending), "result", result)
        self._forget_closed()
        return drafts

    # Messages

    def said(self, type_: str, message: dict[str, Any]) -> list[Draft]:
        """Map a message of the conversation; a result is the session's to judge."""
        handler = self._handlers.get(type_)
        drafts = handler(message) if handler else self._notices.map(type_, message)
        return self._with_raw(drafts, type_, message)

    def _streamed(self, message: dict[str, Any]) -> list[Draft]:
        scope = self.agents.scope(message.get("parent_tool_use_id"))
        event = a_map(message.get("event"))
        block = a_map(event.get("content_block"))
        if event.get("type") == "content_block_start" and is_call(block):
            return self._calls.begin(block, scope)
        drafts = self._speech.event(scope, event)
        return drafts + self._spent(event) if scope == MAIN else drafts

    def _spent(self, event: dict[str, Any]) -> list[Draft]:
        """Map what a streaming event says of tokens: a call's end has its figures."""
        if event.get("type") == "message_start":
            self._usage.call_begins(a_map(event.get("message")).get("usage"))
        if event.get("type") != "message_delta":
            return []
        self._usage.heard(event.get("usage"))
        return self._say_usage()

    def _assistant(self, message: dict[str, Any]) -> list[Draft]:
        said = a_map(message.get("message"))
        if text(message.get("error")) is not None:
            return []  # the result that follows fails the turn with the same words
        scope = self.agents.scope(message.get("parent_tool_use_id"))
        drafts: list[Draft] = []
        for block in maps(said.get("content")):
            if is_call(block):
                drafts += self._calls.tell(block, scope)
            elif is_result(block):
                drafts += self._calls.result(block, None, scope)
            else:
                drafts += self._speech.tell(scope, said.get("id"), block)
        return drafts

    def _user(self, message: dict[str, Any]) -> list[Draft]:
        """Map tool results; what else a user message says is our prompt, or about it."""
        scope = self.agents.scope(message.get("parent_tool_use_id"))
        blocks = maps(a_map(message.get("message")).get("content"))
        results = [block for block in blocks if is_result(block)]
        structured = message.get("tool_use_result") if len(results) == 1 else None
        drafts: list[Draft] = []
        for block in results:
            drafts += self._calls.result(block, structured, scope)
        return drafts

    def _system(self, message: dict[str, Any]) -> list[Draft]:
        handler = self._system_handlers.get(str(message.get("subtype")))
        return handler(message) if handler else self._notices.map("system", message)

    def _init(self, message: dict[str, Any]) -> list[Draft]:
        """Map the message that begins a turn: one that nobody sent begins by itself."""
        drafts: list[Draft] = []
        session_id = text(message.get("session_id"))
        if session_id is not None and session_id != self.session_id:
            drafts += self._thread(session_id)
        self.permission_mode = text(message.get("permissionMode")) or self.permission_mode
        drafts += self.configured(config.of_init(message))
        drafts += self.servers(config.servers_of(message.get("mcp_servers")))
        if self.conversation.turn_id is None:
            drafts += self.begin_turn(self._new_id("turn"))
        return drafts

    def _status(self, message: dict[str, Any]) -> list[Draft]:
        mode = text(message.get("permissionMode"))
        drafts = self._notices.status(message)
        if mode is None:
            return drafts
        self.permission_mode = mode
        return drafts + self.configured({"permissionMode": mode})

    def _command_output(self, message: dict[str, Any]) -> list[Draft]:
        content = message.get("content")
        shown_text = whole(content) if isinstance(content, str) else ""
        item_id = self._new_id("item")
        drafts = self.conversation.delta(item_id, "assistant_text", shown_text)
        return drafts + self.conversation.complete_item(item_id)

    def _task_started(self, message: dict[str, Any]) -> list[Draft]:
        tool = self._calls.find(message.get("tool_use_id"))
        caller, input_ = (tool.scope, tool.input) if tool else (MAIN, {})
        return self.agents.started(message, caller, input_)

    def _reset(self, message: dict[str, Any]) -> list[Draft]:
        session_id = text(message.get("new_conversation_id"))
        return self._thread(session_id) if session_id else []

    def servers(self, servers: list[dict[str, Any]]) -> list[Draft]:
        """Say how the MCP servers stand, when it is news."""
        if self._config.get("mcpServers", []) == servers:
            return []
        self._config["mcpServers"] = servers
        payload = McpStatusUpdated(status={"servers": portable(servers)})
        return self.conversation.say("mcp.status.updated", payload)

    # Permissions and questions

    def ask(self, control_id: Json, request: dict[str, Any]) -> tuple[str | None, list[Draft]]:
        """Map a can_use_tool: our request id, None if it cannot be opened."""
        permission = permission_of(control_id, request)
        scope = self.agents.scope_of_agent(request.get("agent_id"))
        tool_use_id = text(request.get("tool_use_id")) or self._new_id("call")
        drafts = self._calls.asked(tool_use_id, permission.tool_name, permission.input, scope)
        plan = text(permission.input.get("plan"), DETAIL_CHARS * 8)
        if permission.tool_name == EXIT_PLAN and plan is not None:
            payload = TurnProposedCompleted(plan_markdown=plan)
            drafts += self.conversation.say("turn.proposed.completed", payload)
        request_id = self._new_id("req")
        drafts += self._open(request_id, permission, request, tool_use_id, scope)
        drafts = self._with_raw(drafts, "can_use_tool", request, PERMISSION_SOURCE)
        if request_id not in self.conversation.requests:
            return None, drafts
        self.permissions[request_id] = permission
        return request_id, drafts

    def _open(
        self,
        request_id: str,
        permission: Permission,
        request: dict[str, Any],
        tool_use_id: str,
        scope: Scope,
    ) -> list[Draft]:
        tool = self._calls.find(tool_use_id)
        item_id = tool.item_id if tool else None
        refs = ProviderRefs(
            provider_item_id=text(tool_use_id),
            provider_request_id=text(str(permission.control_id)),
        )
        if permission.is_question:
            questions = list(questions_of(permission.input).values())
            return self.conversation.open_user_input(
                request_id, questions, item_id=item_id, refs=refs, background=scope.background
            )
        return self.conversation.open_request(
            request_id,
            permission.request_type,
            item_id=item_id,
            detail=detail_of(permission.input) or text(request.get("description"), DETAIL_CHARS),
            args=args_of(permission, request),
            options=permission.offered(),
            refs=refs,
            background=scope.background,
        )

    def granted(self, request: dict[str, Any]) -> list[Draft]:
        """Map a can_use_tool that needs nobody: its call is told, and nothing is asked."""
        asked = permission_of(None, request)
        scope = self.agents.scope_of_agent(request.get("agent_id"))
        tool_use_id = text(request.get("tool_use_id"))
        if tool_use_id is None:
            return []
        return self._calls.asked(tool_use_id, asked.tool_name, asked.input, scope)

    def answer(self, request_id: str, choice: Choice) -> list[Draft]:
        """Resolve a permission by `choice`."""
        self.permissions.pop(request_id, None)
        return self.conversation.resolve_request(request_id, choice.decision, choice.resolution())

    def answer_questions(self, request_id: str, answers: dict[str, str | list[str]]) -> list[Draft]:
        """Resolve questions; {} when nobody answers."""
        self.permissions.pop(request_id, None)
        return self.conversation.resolve_user_input(request_id, shown(answers))

    def withdraw(self, control_id: Json) -> list[Draft]:
        """Resolve what Claude no longer waits for."""
        for request_id, permission in self.permissions.items():
            if permission.control_id == control_id:
                del self.permissions[request_id]
                if permission.is_question:
                    return self.conversation.resolve_user_input(request_id, {})
                resolution = {"reason": "withdrawn"}
                return self.conversation.resolve_request(request_id, "cancel", resolution)
        return []

    # Within

    def _forget_closed(self) -> None:
        for request_id in list(self.permissions):
            if request_id not in self.conversation.requests:
                del self.permissions[request_id]

    def _thread(self, session_id: str) -> list[Draft]:
        self.session_id = session_id
        started = ThreadStarted(provider_thread_id=session_id)
        return self.conversation.say("thread.started", started)

    def _say_usage(self) -> list[Draft]:
        usage = self._usage.news()
        if usage is None:
            return []
        payload = ThreadTokenUsageUpdated(usage=usage)
        return self.conversation.say("thread.token-usage.updated", payload)

    def _with_raw(
        self,
        drafts: list[Draft],
        message_type: str,
        payload: dict[str, Any] | None,
        source: str = MESSAGE_SOURCE,
    ) -> list[Draft]:
        """Attach the message to the first draft that may carry it, as `raw` asks."""
        if self._raw == "none" or payload is None:
            return drafts
        for index, draft in enumerate(drafts):
            if self._raw == "all" or draft.type != "content.delta":
                raw = RawMessage(
                    source=source, message_type=text(message_type), payload=portable(payload)
                )
                drafts[index] = msgspec.structs.replace(draft, raw=raw)
                break
        return drafts
