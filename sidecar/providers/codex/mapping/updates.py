"""Codex's messages to drafts, for one session: what the session calls, in the order it hears. Pure.

The main thread is the session's conversation, and Codex's turn ids are its turn ids; every other
thread on the connection is a sub-agent. When the main turn ends is the session's to say, as it
holds the end of an interrupted turn back until nothing of it runs any more.
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
    ThreadStateChanged,
    ThreadTokenUsageUpdated,
)
from sidecar.contract.events.side import AccountUpdated, RateLimitsUpdated, RuntimeFailed
from sidecar.contract.events.turn import TurnProposedCompleted, TurnProposedDelta
from sidecar.contract.vocabulary import Decision, StreamKind
from sidecar.core.conversation import Conversation, Ending
from sidecar.core.conversation.parts import Memory
from sidecar.core.drafts import Draft
from sidecar.providers.codex.mapping import usage as token_usage
from sidecar.providers.codex.mapping.agents import Agent, Agents, activity_thread
from sidecar.providers.codex.mapping.facts import facts_of, full_text
from sidecar.providers.codex.mapping.items import Items, Owner
from sidecar.providers.codex.mapping.notices import notice
from sidecar.providers.codex.mapping.requests import Asked, asked, refused_type
from sidecar.providers.codex.mapping.stops import in_words, kind_of
from sidecar.providers.shapes import DETAIL_CHARS, a_map, count, text
from sidecar.providers.text import portable, whole

NOTIFICATION: Final = "codex.app-server.notification"
REQUEST: Final = "codex.app-server.request"

_DELTAS: Final[dict[str, StreamKind]] = {
    "item/agentMessage/delta": "assistant_text",
    "item/reasoning/textDelta": "reasoning_text",
    "item/reasoning/summaryTextDelta": "reasoning_summary_text",
    "item/commandExecution/outputDelta": "command_output",
    "item/fileChange/outputDelta": "file_change_output",
}
_MAIN_ALONE: Final = frozenset(
    {"turn/plan/updated", "turn/diff/updated", "thread/settings/updated", "warning"}
)
"""Notices that a sub-agent's thread says for itself alone; its `warning` repeats the main one's."""


class CodexMapping:
    """Maps one session's messages. Each method returns the drafts that its message makes."""

    def __init__(
        self, conversation: Conversation, new_id: Callable[[str], str], raw: str = "none"
    ) -> None:
        self.conversation = conversation
        self.agents = Agents(conversation)
        self.asks: dict[str, Asked] = {}
        """What Codex waits for, by our request id, oldest first."""
        self.thread_id = ""
        self._items = Items(conversation, new_id)
        self._new_id = new_id
        self._raw = raw
        self._meter = token_usage.TurnMeter()
        self._limits: dict[str, Any] | None = None
        self._ended = Memory()

    # Session and turns

    def started(
        self, thread_id: str, config: dict[str, Any], account: dict[str, Any], *, resumed: bool
    ) -> list[Draft]:
        """Say that the session is open: started, thread, what it is set to, account, ready."""
        talk = self.conversation
        self.thread_id = thread_id
        resume = {"threadId": thread_id} if resumed else None
        drafts = [
            *talk.say("session.started", SessionStarted(resume=resume)),
            *talk.say("thread.started", ThreadStarted(provider_thread_id=thread_id)),
            *self.configured(config),
        ]
        if account:
            drafts += talk.say("account.updated", AccountUpdated(account=account))
        return drafts + talk.state("ready")

    def configured(self, config: dict[str, Any]) -> list[Draft]:
        """Say settings; nothing for none."""
        if not config:
            return []
        payload = SessionConfigured(config=portable(config))
        return self.conversation.say("session.configured", payload)

    def begin_turn(
        self, turn: object, model: str | None = None, effort: str | None = None
    ) -> list[Draft]:
        """Start the main thread's turn {id}; nothing for one that runs or has ended."""
        turn_id = text(a_map(turn).get("id"))
        if turn_id is None or self._ended.has("turn", turn_id):
            return []
        refs = ProviderRefs(provider_turn_id=turn_id)
        drafts = self.conversation.begin_turn(turn_id, text(model), text(effort), refs)
        if drafts:
            self._items.forget_turn()
        return drafts

    def end_turn(self, ending: Ending) -> list[Draft]:
        """End the running turn; what Codex still says of it is dropped. Nothing without a turn."""
        turn_id = self.conversation.turn_id
        if turn_id is None:
            return []
        self._ended.add("turn", turn_id)
        used = ending.usage or self._meter.take()
        drafts = self._items.flush()
        drafts += self.conversation.end_turn(ending._replace(usage=used))
        self._items.forget_turn()
        self._drop_resolved()
        return drafts

    def is_over(self, params: dict[str, Any]) -> bool:
        """Tell whether a message speaks of a turn that has ended for us."""
        turn_id = params.get("turnId")
        return isinstance(turn_id, str) and self._ended.has("turn", turn_id)

    # Notifications

    def notification(self, method: str, params: dict[str, Any]) -> list[Draft]:
        """Map a notification but turn/started and turn/completed of the main thread."""
        drafts = self._notification(method, params)
        return self._with_raw(drafts, NOTIFICATION, method, params)

    def _notification(self, method: str, params: dict[str, Any]) -> list[Draft]:
        thread_id = params.get("threadId")
        main = not isinstance(thread_id, str) or thread_id == self.thread_id
        if main and self.is_over(params):
            return []
        if method.startswith("item/") and (drafts := self._item(method, params, main)) is not None:
            return drafts
        if method == "error":
            return self._error(params)
        if method == "serverRequest/resolved":
            return self._withdrawn(params.get("requestId"))
        if method == "account/rateLimits/updated":
            return self._rate_limits(params)
        if method == "thread/started":
            return self.agents.described(a_map(params.get("thread")), self.thread_id)
        if method == "thread/tokenUsage/updated":
            return self._usage(params, str(thread_id), main=main)
        if not main:
            return self._of_agent(method, str(thread_id), params)
        said = notice(method, params)
        return self.conversation.say(*said) if said else []

    def _of_agent(self, method: str, thread_id: str, params: dict[str, Any]) -> list[Draft]:
        turn = a_map(params.get("turn"))
        if method == "turn/started":
            return self.agents.turn_started(thread_id, turn)
        if method == "turn/completed":
            return [
                *self._cancel_asks(thread_id),
                *self._items.end_of(thread_id),
                *self.agents.turn_completed(thread_id, turn),
            ]
        if method == "thread/closed":
            return [*self._items.end_of(thread_id), *self.agents.closed(thread_id)]
        if method in _MAIN_ALONE or method.startswith("thread/"):
            return []
        said = notice(method, params)
        return self.conversation.say(*said) if said else []

    def _error(self, params: dict[str, Any]) -> list[Draft]:
        """An error that is retried is a warning; the end of the turn says the others again."""
        error = params.get("error")
        detail: dict[str, Any] = {"kind": kind_of(error) or "provider-error"}
        if params.get("threadId") not in (None, self.thread_id):
            detail["agentId"] = text(params.get("threadId"))
        if params.get("willRetry") is True:
            detail |= {"willRetry": True}
            return self.conversation.warning(in_words(error), detail)
        payload = RuntimeFailed(
            message=in_words(error), error_class="provider_error", detail=detail
        )
        return self.conversation.say("runtime.error", payload)

    def _usage(self, params: dict[str, Any], thread_id: str, *, main: bool) -> list[Draft]:
        said = params.get("tokenUsage")
        if not main:
            agent = self.agents.get(thread_id)
            if agent is not None:
                agent.meter.add(said)
            return []
        if self.conversation.turn_id is not None:
            self._meter.add(said)
        usage = token_usage.of_thread(said)
        if usage is None:
            return []
        payload = ThreadTokenUsageUpdated(usage=usage)
        return self.conversation.say("thread.token-usage.updated", payload)

    def _rate_limits(self, params: dict[str, Any]) -> list[Draft]:
        """Codex says them after each answer of the model; only changes are passed on."""
        limits = token_usage.rate_limits(params.get("rateLimits"))
        if limits is None or limits == self._limits:
            return []
        self._limits = limits
        payload = RateLimitsUpdated(rate_limits=limits)
        return self.conversation.say("account.rate-limits.updated", payload)

    # Items

    def _item(self, method: str, params: dict[str, Any], main: bool) -> list[Draft] | None:
        """Map what an item says; None for what is no lifecycle or text of one."""
        owner = self._owner(params, main)
        item, item_id = a_map(params.get("item")), params.get("itemId")
        if method == "item/started":
            return [*self._items.start(owner, item), *self._progress(owner, item)]
        if method == "item/completed":
            return self._completed(owner, item)
        if method == "item/plan/delta":
            return self._proposed(params.get("delta")) if main else []
        if method == "item/fileChange/patchUpdated":
            data = {"changes": portable(params.get("changes"))}
            return self._items.update(owner.thread_id, item_id, data=data)
        if method == "item/commandExecution/terminalInteraction":
            data = {"stdin": portable(params.get("stdin"))}
            return self._items.update(owner.thread_id, item_id, data=data)
        stream = _DELTAS.get(method)
        if stream is None:
            return None
        return self._items.delta(
            owner,
            item_id,
            stream,
            params.get("delta"),
            content_index=count(params.get("contentIndex")),
            summary_index=count(params.get("summaryIndex")),
        )

    def _owner(self, params: dict[str, Any], main: bool) -> Owner:
        if main:
            return Owner(self.thread_id)
        thread_id = str(params.get("threadId"))
        agent = self.agents.get(thread_id)
        return agent.owner if agent is not None else Owner(thread_id, text(thread_id) or "?")

    def _completed(self, owner: Owner, item: dict[str, Any]) -> list[Draft]:
        kind = item.get("type")
        item_id = self._items.id_of(owner.thread_id, item.get("id"))
        drafts = self._items.complete(owner, item)
        agent = self.agents.get(owner.thread_id)
        if kind == "collabAgentToolCall":
            drafts += self.agents.spawned(item, owner.agent_id, item_id)
        elif kind == "subAgentActivity":
            drafts += self.agents.described(activity_thread(item), self.thread_id)
        elif kind == "agentMessage" and agent is not None:
            agent.words = text(full_text(item), DETAIL_CHARS)
        elif kind == "plan" and owner.agent_id is None and text(full_text(item)):
            payload = TurnProposedCompleted(plan_markdown=whole(full_text(item)))
            drafts += self.conversation.say("turn.proposed.completed", payload)
        elif kind == "contextCompaction" and owner.agent_id is None:
            state = ThreadStateChanged(state="compacted")
            drafts += self.conversation.say("thread.state.changed", state)
        return drafts

    def _proposed(self, delta: object) -> list[Draft]:
        if not isinstance(delta, str) or not delta:
            return []
        payload = TurnProposedDelta(delta=whole(delta))
        return self.conversation.say("turn.proposed.delta", payload)

    def _progress(self, owner: Owner, item: dict[str, Any]) -> list[Draft]:
        """A tool that a sub-agent starts is progress of its task."""
        agent: Agent | None = self.agents.get(owner.thread_id)
        facts = facts_of(item)
        if agent is None or facts.item_type in ("user_message", "assistant_message", "reasoning"):
            return []
        return self.agents.does(agent, facts.title or facts.item_type, facts.detail)

    # Requests

    def ask(
        self, rpc_id: Json, method: str, params: dict[str, Any]
    ) -> tuple[str | None, list[Draft]]:
        """Map a request of Codex: our request id, None for one that must be refused.

        One that nobody here can carry out is shown with its refusal.
        """
        found = asked(rpc_id, method, params)
        if found is None or self.is_over(params):
            return None, self._shown_refusal(method, params)
        request_id = self._new_id("request")
        main = found.thread_id in ("", self.thread_id)
        background = not main or self.conversation.turn_id is None
        fields: dict[str, Any] = {
            "item_id": self._items.id_of(found.thread_id, found.codex_item),
            "refs": ProviderRefs(provider_request_id=text(str(rpc_id))),
            "background": background,
        }
        talk = self.conversation
        if found.request_type is None:
            drafts = talk.open_user_input(request_id, list(found.questions), **fields)
        else:
            args = found.args if main else {**(found.args or {}), "agentId": found.thread_id}
            drafts = talk.open_request(
                request_id,
                found.request_type,
                detail=found.detail,
                args=args,
                options=list(found.options),
                **fields,
            )
        if request_id not in talk.requests:
            return None, []
        self.asks[request_id] = found
        return request_id, self._with_raw(drafts, REQUEST, method, params)

    def answered(self, request_id: str, decision: Decision) -> list[Draft]:
        """Resolve an approval as decided."""
        self.asks.pop(request_id, None)
        return self.conversation.resolve_request(request_id, decision)

    def given(self, request_id: str, answers: dict[str, Any]) -> list[Draft]:
        """Resolve questions; secret answers are struck out."""
        found = self.asks.pop(request_id, None)
        shown = found.shown(answers) if found is not None else answers
        return self.conversation.resolve_user_input(request_id, shown)

    def cancelled(self, request_id: str) -> list[Draft]:
        """Resolve whatever was asked without an answer."""
        self.asks.pop(request_id, None)
        return [
            *self.conversation.resolve_request(request_id, "cancel"),
            *self.conversation.resolve_user_input(request_id, {}),
        ]

    def open_asks(self, thread_id: str | None = None) -> list[tuple[str, Asked]]:
        """Return what is asked by a thread, or by all."""
        return [
            (id_, found) for id_, found in self.asks.items() if thread_id in (None, found.thread_id)
        ]

    def _withdrawn(self, rpc_id: Json) -> list[Draft]:
        """Codex says that a request is resolved; one that we have not answered is withdrawn."""
        drafts: list[Draft] = []
        for request_id, found in self.open_asks():
            if found.rpc_id == rpc_id:
                drafts += self.cancelled(request_id)
        return drafts

    def _cancel_asks(self, thread_id: str) -> list[Draft]:
        return [draft for id_, _ in self.open_asks(thread_id) for draft in self.cancelled(id_)]

    def _drop_resolved(self) -> None:
        """Forget what the end of a turn has resolved."""
        open_ = self.conversation.requests
        self.asks = {id_: found for id_, found in self.asks.items() if id_ in open_}

    def _shown_refusal(self, method: str, params: dict[str, Any]) -> list[Draft]:
        """Show a request that is refused at once, so that an app can tell why a tool failed."""
        type_ = refused_type(method)
        if type_ is None:
            return []
        talk, request_id = self.conversation, self._new_id("request")
        background = params.get("threadId") != self.thread_id or talk.turn_id is None
        detail = text(params.get("tool")) or text(params.get("reason"))
        return [
            *talk.open_request(request_id, type_, detail=detail, background=background),
            *talk.resolve_request(request_id, "decline", {"reason": "not offered by this client"}),
        ]

    def _with_raw(
        self, drafts: list[Draft], source: str, method: str, payload: Json
    ) -> list[Draft]:
        """Attach the message to the first draft that may carry it, as `raw` asks."""
        if self._raw == "none":
            return drafts
        for index, draft in enumerate(drafts):
            if self._raw == "all" or draft.type != "content.delta":
                raw = RawMessage(source=source, method=text(method), payload=portable(payload))
                drafts[index] = msgspec.structs.replace(draft, raw=raw)
                break
        return drafts
