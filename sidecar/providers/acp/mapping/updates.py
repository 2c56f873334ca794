"""ACP session messages to drafts, for one session: what the session calls, in the order it hears.

Pure: the conversation and a source of ids are handed in. Streams text into items of its own making,
as ACP has no message ids that can be relied on: a change of speaker starts a new item.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from sidecar.contract.base import Json
from sidecar.contract.events import RawMessage
from sidecar.contract.events.session import (
    SessionConfigured,
    SessionStarted,
    ThreadStarted,
    ThreadTokenUsageUpdated,
)
from sidecar.contract.events.turn import PlanStep, TurnPlanUpdated
from sidecar.contract.vocabulary import ItemType, PlanStepStatus, StreamKind
from sidecar.core.conversation import Conversation, Ending
from sidecar.core.drafts import Draft
from sidecar.providers.acp.mapping import usage as token_usage
from sidecar.providers.acp.mapping.calls import ToolCalls
from sidecar.providers.acp.mapping.content import block_text
from sidecar.providers.acp.mapping.permissions import Choice, Permission
from sidecar.providers.acp.mapping.shapes import a_map, maps, text
from sidecar.providers.text import SurrogateJoiner, portable

PLAN_STEPS = 256
"""Steps of a plan passed on."""

RAW_SOURCE: Final = "acp.jsonrpc"

CONTENT_UPDATES: Final = frozenset(
    {
        "agent_message_chunk",
        "agent_thought_chunk",
        "user_message_chunk",
        "tool_call",
        "tool_call_update",
        "plan",
    }
)
"""Updates that are part of what was said: only these can be a replay or come too late."""

_STEP_STATUSES: Final[dict[str, PlanStepStatus]] = {
    "in_progress": "inProgress",
    "completed": "completed",
}
_CONFIG_KEYS: Final[dict[str, str]] = {
    "available_commands_update": "availableCommands",
    "current_mode_update": "currentModeId",
    "current_model_update": "currentModelId",
    "config_option_update": "configOptions",
}
"""Session updates that say a setting, with the key that they carry it under."""


def update_kind(params: dict[str, Any]) -> str:
    """Return the kind of a session/update."""
    return str(a_map(params.get("update")).get("sessionUpdate"))


class AcpMapping:
    """Maps one session's messages. Each method returns the drafts that its message makes."""

    def __init__(
        self, conversation: Conversation, new_id: Callable[[str], str], raw: str = "none"
    ) -> None:
        self.conversation = conversation
        self._calls = ToolCalls(conversation, new_id)
        self._new_id = new_id
        self._raw = raw
        self._text_item: str | None = None
        self._text_stream: StreamKind = "assistant_text"
        self._message_id: Json = None
        self._joiner = SurrogateJoiner()

    @property
    def permissions(self) -> dict[str, Permission]:
        """The permissions that the agent waits for, by our request id, oldest first."""
        return self._calls.permissions

    # Session and turns

    def started(self, session_id: str, config: dict[str, Any], *, resumed: bool) -> list[Draft]:
        """Say that the session is open: started, thread, what it is set to, ready."""
        talk = self.conversation
        resume = {"sessionId": text(session_id)} if resumed else None
        return [
            *talk.say("session.started", SessionStarted(resume=resume)),
            *talk.say("thread.started", ThreadStarted(provider_thread_id=text(session_id))),
            *self.configured(config),
            *talk.state("ready"),
        ]

    def configured(self, config: dict[str, Any]) -> list[Draft]:
        """Say settings; nothing for none."""
        if not config:
            return []
        payload = SessionConfigured(config=portable(config))
        return self.conversation.say("session.configured", payload)

    def begin_turn(self, turn_id: str, model: str | None = None) -> list[Draft]:
        """Start a turn."""
        return [*self._close_text(), *self.conversation.begin_turn(turn_id, text(model))]

    def end_turn(self, ending: Ending, result: Json = None) -> list[Draft]:
        """End the running turn and say what it has used. Nothing without a turn."""
        if self.conversation.turn_id is None:
            return []
        drafts = [*self._flush_text(), *self._calls.end()]
        self._text_item = None  # open until the turn's end, which says whether it is whole
        usage = token_usage.of_turn(ending.usage) if ending.usage else None
        if usage is not None:
            payload = ThreadTokenUsageUpdated(usage=usage)
            drafts += self.conversation.say("thread.token-usage.updated", payload)
        drafts += self._with_raw(
            self.conversation.end_turn(ending), "session/prompt", "result", result
        )
        self.permissions.clear()
        return drafts

    # Messages

    def update(self, params: dict[str, Any]) -> list[Draft]:
        """Map the params of a session/update; nothing for kinds that say nothing to us."""
        kind = update_kind(params)
        drafts = self._update(kind, a_map(params.get("update")))
        return self._with_raw(drafts, "session/update", kind, params)

    def ask(self, rpc_id: Json, params: dict[str, Any]) -> tuple[str | None, list[Draft]]:
        """Map a session/request_permission: our request id, None if it cannot be opened."""
        known = len(self.permissions)
        drafts = [*self._close_text(), *self._calls.ask(rpc_id, params)]
        request_id = next(reversed(self.permissions)) if len(self.permissions) > known else None
        return request_id, self._with_raw(drafts, "session/request_permission", None, params)

    def answer(self, request_id: str, choice: Choice) -> list[Draft]:
        """Resolve a permission by `choice`."""
        return self._calls.answer(request_id, choice)

    def _update(self, kind: str, update: dict[str, Any]) -> list[Draft]:
        if kind == "agent_message_chunk":
            return self._chunk(update, "assistant_text", "assistant_message")
        if kind == "agent_thought_chunk":
            return self._chunk(update, "reasoning_text", "reasoning")
        if kind in ("tool_call", "tool_call_update"):
            is_new = kind == "tool_call"
            return [*self._close_text(), *self._calls.update(update, is_new=is_new)]
        if kind == "plan":
            return self._plan(update)
        if kind == "usage_update":
            return self._usage(update)
        key = _CONFIG_KEYS.get(kind, "")
        value = update.get(key)
        return [] if value is None else self.configured({key: value})

    def _chunk(
        self, update: dict[str, Any], stream: StreamKind, item_type: ItemType
    ) -> list[Draft]:
        """Stream a block; what is no text becomes data of the item."""
        block = a_map(update.get("content"))
        chunk = block_text(block)
        is_text = bool(chunk) or block.get("type") == "text"
        if not block or (is_text and not chunk):
            return []
        drafts: list[Draft] = []
        message_id = update.get("messageId")
        if (self._text_stream, self._message_id) != (stream, message_id):
            drafts += self._close_text()
        if self._text_item is None or self._text_item not in self.conversation.items:
            self._text_item = self._new_id("item")
            self._text_stream = stream
            self._message_id = message_id
            drafts += self.conversation.start_item(self._text_item, item_type)
        if is_text:
            shown = self._joiner.feed(chunk)
            return drafts + self.conversation.delta(self._text_item, stream, shown)
        data = {"content": [portable(block)]}
        return drafts + self.conversation.update_item(self._text_item, data=data)

    def _close_text(self) -> list[Draft]:
        if self._text_item is None:
            return []
        drafts = self._flush_text() + self.conversation.complete_item(self._text_item)
        self._text_item = None
        return drafts

    def _flush_text(self) -> list[Draft]:
        left = self._joiner.flush()
        return self.conversation.delta(self._text_item or "", self._text_stream, left)

    def _plan(self, update: dict[str, Any]) -> list[Draft]:
        steps = []
        for entry in maps(update.get("entries"))[:PLAN_STEPS]:
            step = text(entry.get("content"))
            if step is not None:
                status = _STEP_STATUSES.get(str(entry.get("status")), "pending")
                steps.append(PlanStep(step=step, status=status))
        return self.conversation.say("turn.plan.updated", TurnPlanUpdated(plan=steps))

    def _usage(self, update: dict[str, Any]) -> list[Draft]:
        usage = token_usage.of_update(update)
        if usage is None:
            return []
        payload = ThreadTokenUsageUpdated(usage=usage)
        return self.conversation.say("thread.token-usage.updated", payload)

    def _with_raw(
        self, drafts: list[Draft], method: str, message_type: str | None, payload: Json
    ) -> list[Draft]:
        """Attach the message to the first draft that may carry it, as `raw` asks."""
        if self._raw == "none":
            return drafts
        for index, draft in enumerate(drafts):
            if self._raw == "all" or draft.type != "content.delta":
                raw = RawMessage(
                    source=RAW_SOURCE,
                    method=method,
                    message_type=text(message_type),
                    payload=portable(payload),
                )
                drafts[index] = msgspec.structs.replace(draft, raw=raw)
                break
        return drafts
