"""A mapping to talk to: each event gives strict events, and the balance is kept."""

from itertools import count
from typing import Any

from sidecar.contract.events import Event
from sidecar.core.conversation import Conversation, Ending
from sidecar.core.drafts import Draft
from sidecar.providers.opencode.mapping import OpencodeMapping, Opening
from sidecar.providers.opencode.wire import Event as Said
from tests.providers.balance import Balance
from tests.providers.context import strict

ROOT = "ses_root"
CHILD = "ses_child"
MESSAGE = "msg_a"
TIME = {"start": 1}
ENDED = {"start": 1, "end": 2}


class Talk:
    """A mapping inside a turn whose assistant has begun a message."""

    def __init__(self, raw: str = "none", *, in_turn: bool = True) -> None:
        ids = count(1)
        self.balance = Balance()
        self.mapping = OpencodeMapping(Conversation(), lambda kind: f"{kind}-{next(ids)}", raw)
        self.take(self.mapping.started(Opening(ROOT, {})))
        if in_turn:
            self.take(self.mapping.begin_turn("turn"))
            self.message()

    def take(self, drafts: list[Draft]) -> list[Event[Any]]:
        events = [strict(draft) for draft in drafts]
        for event in events:
            self.balance.apply(event)
        return events

    def say(self, kind: str, /, **properties: Any) -> list[Event[Any]]:
        """Say an event of the session, unless `sessionID` is another."""
        return self.take(self.mapping.event(Said(kind, {"sessionID": ROOT, **properties})))

    def message(
        self, message_id: Any = MESSAGE, session_id: str = ROOT, **info: Any
    ) -> list[Event[Any]]:
        info = {"id": message_id, "role": "assistant", "time": {"created": 1}, **info}
        return self.say("message.updated", sessionID=session_id, info=info)

    def done(self, message_id: str = MESSAGE, **info: Any) -> list[Event[Any]]:
        return self.message(message_id, time={"created": 1, "completed": 2}, **info)

    def part(self, part_id: Any = "prt_1", session_id: str = ROOT, **part: Any) -> list[Event[Any]]:
        part = {"id": part_id, "messageID": MESSAGE, "type": "text", **part}
        return self.say("message.part.updated", sessionID=session_id, part=part)

    def delta(self, delta: Any, part_id: Any = "prt_1", field: str = "text") -> list[Event[Any]]:
        return self.say("message.part.delta", partID=part_id, field=field, delta=delta)

    def tool(
        self, status: str, part_id: str = "prt_t", tool: Any = "bash", **more: Any
    ) -> list[Event[Any]]:
        """Say a tool part; what is not `session_id`, `message_id`, `call_id` is its state."""
        session_id = more.pop("session_id", ROOT)
        message_id = more.pop("message_id", MESSAGE)
        call_id = more.pop("call_id", f"call_{part_id}")
        state = {"status": status, **more}
        return self.part(
            part_id, session_id, type="tool", tool=tool, callID=call_id, state=state,
            messageID=message_id,
        )  # fmt: skip

    def child(self, session_id: str = CHILD, parent_id: Any = ROOT, **info: Any) -> None:
        info = {"id": session_id, "parentID": parent_id, **info}
        assert not self.say("session.created", sessionID=session_id, info=info)

    def end(self, state: Any = "completed") -> list[Event[Any]]:
        return self.take(self.mapping.end_turn(Ending(state)))


def text_of(events: list[Event[Any]], stream: str = "assistant_text") -> str:
    """Return the text that events stream."""
    deltas = [e.payload for e in events if e.type == "content.delta"]
    return "".join(p.delta for p in deltas if p.stream_kind == stream)


def types(events: list[Event[Any]]) -> list[str]:
    """Return the events' types."""
    return [event.type for event in events]
