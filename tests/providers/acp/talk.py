"""A mapping to talk to: each word of the agent gives strict events, and the balance is kept."""

from itertools import count
from typing import Any

from sidecar.contract.events import Event
from sidecar.contract.events.request import Question
from sidecar.core.conversation import Conversation, Ending
from sidecar.core.drafts import Draft
from sidecar.providers.acp.mapping import (
    AcpMapping,
    Choice,
)
from sidecar.providers.acp.mapping.inquiries import Answers, Inquiry
from tests.providers.balance import Balance
from tests.providers.context import strict

ALLOW = {"optionId": "yes-7", "name": "Sure", "kind": "allow_once"}
ALWAYS = {"optionId": "ever", "name": "Always", "kind": "allow_always"}
REJECT = {"optionId": "nope", "name": "No", "kind": "reject_once"}
NEVER = {"optionId": "never", "name": "Never", "kind": "reject_always"}


class Talk:
    """A mapping inside a turn; each call returns the strict events that it makes."""

    def __init__(self, raw: str = "none", *, in_turn: bool = True) -> None:
        ids = count(1)
        self.balance = Balance()
        self.mapping = AcpMapping(Conversation(), lambda kind: f"{kind}-{next(ids)}", raw)
        if in_turn:
            self.take(self.mapping.begin_turn("turn"))

    def take(self, drafts: list[Draft]) -> list[Event[Any]]:
        events = [strict(draft) for draft in drafts]
        for event in events:
            self.balance.apply(event)
        return events

    def update(self, update_kind: str, /, **fields: Any) -> list[Event[Any]]:
        update = {"sessionUpdate": update_kind, **fields}
        return self.take(self.mapping.update({"sessionId": "s", "update": update}))

    def say(self, words: str, kind: str = "agent_message_chunk", **fields: Any) -> list[Event[Any]]:
        return self.update(kind, content={"type": "text", "text": words}, **fields)

    def call(self, call_id: str = "c", **fields: Any) -> list[Event[Any]]:
        return self.update("tool_call", toolCallId=call_id, **fields)

    def advance(self, call_id: str = "c", **fields: Any) -> list[Event[Any]]:
        return self.update("tool_call_update", toolCallId=call_id, **fields)

    def ask(self, *options: Any, rpc_id: Any = 0, **call: Any) -> tuple[str, list[Event[Any]]]:
        params = {"sessionId": "s", "toolCall": call, "options": list(options)}
        request_id, drafts = self.mapping.ask(rpc_id, params)
        assert request_id is not None
        return request_id, self.take(drafts)

    def answer(self, request_id: str, choice: Choice) -> list[Event[Any]]:
        return self.take(self.mapping.answer(request_id, choice))

    def end(self, state: Any = "completed") -> list[Event[Any]]:
        return self.take(self.mapping.end_turn(Ending(state)))


def types(events: list[Event[Any]]) -> list[str]:
    return [event.type for event in events]


def output(words: str) -> list[dict[str, Any]]:
    return [{"type": "content", "content": {"type": "text", "text": words}}]


def _given(answers: Answers) -> Any:
    if not answers:
        raise ValueError("no answer")
    return answers


def inquiry(**fields: Any) -> Inquiry:
    question = Question(id="q", header="H", question="Which?", options=[])
    return Inquiry(
        rpc_id=1,
        questions=[question],
        answer=_given,
        cancelled="cancelled",
        source="acp.x.extension",
        method="x/ask",
        params={},
        **fields,
    )
