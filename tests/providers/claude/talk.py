"""A mapping to talk to: each word of Claude gives strict events, and the balance is kept."""

from itertools import count
from typing import Any

from sidecar.contract.events import Event
from sidecar.core.conversation import Conversation, Ending
from sidecar.core.drafts import Draft
from sidecar.providers.claude.mapping import Choice, ClaudeMapping
from tests.providers.balance import Balance
from tests.providers.context import strict


class Talk:
    """A mapping inside a turn; each call returns the strict events that it makes."""

    def __init__(self, raw: str = "none", *, in_turn: bool = True) -> None:
        ids = count(1)
        self.balance = Balance()
        self.mapping = ClaudeMapping(Conversation(), lambda kind: f"{kind}-{next(ids)}", raw)
        if in_turn:
            self.take(self.mapping.begin_turn("turn"))

    def take(self, drafts: list[Draft]) -> list[Event[Any]]:
        events = [strict(draft) for draft in drafts]
        for event in events:
            self.balance.apply(event)
        return events

    def said(self, type_: str, **fields: Any) -> list[Event[Any]]:
        return self.take(self.mapping.said(type_, {"type": type_, **fields}))

    def system(self, subtype: str, **fields: Any) -> list[Event[Any]]:
        return self.said("system", subtype=subtype, **fields)

    def stream(self, kind: str, parent: Any = None, **event: Any) -> list[Event[Any]]:
        return self.said("stream_event", event={"type": kind, **event}, parent_tool_use_id=parent)

    def assistant(
        self, *content: Any, id: Any = "msg", parent: Any = None, **more: Any
    ) -> list[Event[Any]]:
        message = {"id": id, "content": list(content)}
        return self.said("assistant", message=message, parent_tool_use_id=parent, **more)

    def call(
        self, name: str, id_: str = "tool", parent: Any = None, **input_: Any
    ) -> list[Event[Any]]:
        block = {"type": "tool_use", "id": id_, "name": name, "input": input_}
        return self.assistant(block, parent=parent)

    def result(
        self, id_: str = "tool", content: Any = "", parent: Any = None, **more: Any
    ) -> list[Event[Any]]:
        block = {"type": "tool_result", "tool_use_id": id_, "content": content}
        block |= {key: more.pop(key) for key in ("is_error",) if key in more}
        message = {"content": [block]}
        return self.said("user", message=message, parent_tool_use_id=parent, **more)

    def ask(
        self, name: str = "Bash", control_id: Any = "c", **request: Any
    ) -> tuple[str, list[Event[Any]]]:
        request_id, drafts = self.mapping.ask(control_id, {"tool_name": name, **request})
        assert request_id is not None
        return request_id, self.take(drafts)

    def answer(self, request_id: str, choice: Choice) -> list[Event[Any]]:
        return self.take(self.mapping.answer(request_id, choice))

    def end(self, state: Any = "completed", result: Any = None) -> list[Event[Any]]:
        return self.take(self.mapping.end_turn(Ending(state), result))


def types(events: list[Event[Any]]) -> list[str]:
    return [event.type for event in events]


def said_text(events: list[Event[Any]]) -> str:
    return "".join(e.payload.delta for e in events if e.type == "content.delta")
