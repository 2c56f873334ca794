"""ACP session messages to drafts, for one session: what the session calls, in the order it hears.

Pure: the conversation and a source of ids are handed in. Tool calls, speech, terminals and facts
have modules of their own; here is the order between them.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from sidecar.contract.base import Json
from sidecar.contract.events import ProviderRefs, RawMessage
from sidecar.contract.events.session import SessionStarted, ThreadStarted, ThreadTokenUsageUpdated
from sidecar.core.conversation import Conversation, Ending
from sidecar.core.drafts import Draft
from sidecar.providers.acp.mapping import usage as token_usage
from sidecar.providers.acp.mapping.calls import ToolCalls
from sidecar.providers.acp.mapping.facts import configured, facts_of
from sidecar.providers.acp.mapping.inquiries import Inquiry
from sidecar.providers.acp.mapping.permissions import Choice, Permission
from sidecar.providers.acp.mapping.shapes import a_map, text
from sidecar.providers.acp.mapping.speech import Speech
from sidecar.providers.acp.mapping.stops import failed_in_words
from sidecar.providers.acp.mapping.terminals import TerminalTexts
from sidecar.providers.text import portable

RAW_SOURCE: Final = "acp.jsonrpc"

CONTENT_UPDATES: Final = frozenset(
    {
        "agent_message_chunk",
        "agent_thought_chunk",
        "user_message_chunk",
        "tool_call",
        "tool_call_update",
        "plan",
        "plan_update",
    }
)
"""Updates that are part of what was said: only these can be a replay or come too late."""


def update_kind(params: dict[str, Any]) -> str:
    """Return the kind of a session/update."""
    return str(a_map(params.get("update")).get("sessionUpdate"))


class AcpMapping:
    """Maps one session's messages. Each method returns the drafts that its message makes."""

    def __init__(
        self,
        conversation: Conversation,
        new_id: Callable[[str], str],
        raw: str = "none",
        failure_texts: Sequence[str] = (),
    ) -> None:
        self.conversation = conversation
        self.terminals = TerminalTexts(conversation)
        self.inquiries: dict[str, Inquiry] = {}
        """The questions that the agent waits for, by our request id, oldest first."""
        self._calls = ToolCalls(conversation, new_id, self.terminals)
        self._speech = Speech(conversation, new_id)
        self._new_id = new_id
        self._raw = raw
        self._failure_texts = tuple(failure_texts)
        self._cost_usd: float | None = None

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
        return self.conversation.say(*configured(config)) if config else []

    def begin_turn(self, turn_id: str, model: str | None = None) -> list[Draft]:
        """Start a turn."""
        drafts = [*self._speech.close(), *self.conversation.begin_turn(turn_id, text(model))]
        self._speech.last_message = ""
        return drafts

    def end_turn(self, ending: Ending, result: Json = None) -> list[Draft]:
        """End the running turn and say what it has used. Nothing without a turn."""
        if self.conversation.turn_id is None:
            return []
        drafts = [*self._speech.end(), *self._calls.end()]
        ending = failed_in_words(ending, self._speech.last_message, self._failure_texts)
        if ending.total_cost_usd is None:
            ending = ending._replace(total_cost_usd=self._cost_usd)
        usage = token_usage.of_turn(ending.usage) if ending.usage else None
        if usage is not None:
            payload = ThreadTokenUsageUpdated(usage=usage)
            drafts += self.conversation.say("thread.token-usage.updated", payload)
        drafts += self._with_raw(
            self.conversation.end_turn(ending), "session/prompt", "result", result
        )
        self.permissions.clear()
        self.inquiries.clear()
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
        drafts = [*self._speech.close(), *self._calls.ask(rpc_id, params)]
        request_id = next(reversed(self.permissions)) if len(self.permissions) > known else None
        return request_id, self._with_raw(drafts, "session/request_permission", None, params)

    def answer(self, request_id: str, choice: Choice) -> list[Draft]:
        """Resolve a permission by `choice`."""
        return self._calls.answer(request_id, choice)

    def inquire(self, inquiry: Inquiry) -> tuple[str | None, list[Draft]]:
        """Ask a person: our request id, None if it cannot be opened."""
        request_id = self._new_id("req")
        refs = ProviderRefs(
            provider_item_id=inquiry.call_id, provider_request_id=text(str(inquiry.rpc_id))
        )
        drafts = self.conversation.open_user_input(
            request_id,
            inquiry.questions,
            item_id=self._calls.item_of(inquiry.call_id),
            refs=refs,
        )
        if request_id not in self.conversation.requests:
            return None, []
        self.inquiries[request_id] = inquiry
        drafts = [*self._speech.close(), *drafts]
        return request_id, self.extended(drafts, inquiry.source, inquiry.method, inquiry.params)

    def answer_inquiry(self, request_id: str, answers: dict[str, Any]) -> list[Draft]:
        """Resolve questions; {} for nobody's answer."""
        self.inquiries.pop(request_id, None)
        return self.conversation.resolve_user_input(request_id, portable(answers))

    def extended(self, drafts: list[Draft], source: str, method: str, params: Json) -> list[Draft]:
        """Return what an extension of the protocol says, with its message as `raw`."""
        return self._with_raw(drafts, method, None, params, source)

    def _update(self, kind: str, update: dict[str, Any]) -> list[Draft]:
        if kind == "agent_message_chunk":
            return self._speech.chunk(update, "assistant_text", "assistant_message")
        if kind == "agent_thought_chunk":
            return self._speech.chunk(update, "reasoning_text", "reasoning")
        if kind in ("tool_call", "tool_call_update"):
            is_new = kind == "tool_call"
            return [*self._speech.close(), *self._calls.update(update, is_new=is_new)]
        if kind == "usage_update":
            self._cost_usd = token_usage.cost_usd(update) or self._cost_usd
        drafts: list[Draft] = []
        for type_, payload in facts_of(kind, update):
            drafts += self.conversation.say(type_, payload)
        return drafts

    def _with_raw(
        self,
        drafts: list[Draft],
        method: str,
        message_type: str | None,
        payload: Json,
        source: str = RAW_SOURCE,
    ) -> list[Draft]:
        """Attach the message to the first draft that may carry it, as `raw` asks."""
        if self._raw == "none":
            return drafts
        for index, draft in enumerate(drafts):
            if self._raw == "all" or draft.type != "content.delta":
                raw = RawMessage(
                    source=source,
                    method=method,
                    message_type=text(message_type),
                    payload=portable(payload),
                )
                drafts[index] = msgspec.structs.replace(draft, raw=raw)
                break
        return drafts
