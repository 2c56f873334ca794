"""A mapping to talk to: each word of Codex gives strict events, and the balance is kept."""

from itertools import count
from typing import Any

from sidecar.contract.events import Event
from sidecar.core.conversation import Conversation, Ending
from sidecar.core.drafts import Draft
from sidecar.providers.codex.mapping import CodexMapping
from tests.providers.balance import Balance
from tests.providers.context import strict

MAIN = "main-thread"
CHILD = "child-thread"
TURN = "turn-a"


class Talk:
    """A mapping of an open thread, in a turn; each call returns the strict events that it makes."""

    def __init__(self, raw: str = "none", *, in_turn: bool = True) -> None:
        ids = count(1)
        self.balance = Balance()
        self.mapping = CodexMapping(Conversation(), lambda kind: f"{kind}-{next(ids)}", raw)
        self.take(self.mapping.started(MAIN, {}, {}, resumed=False))
        if in_turn:
            self.begin()

    def take(self, drafts: list[Draft]) -> list[Event[Any]]:
        events = [strict(draft) for draft in drafts]
        for event in events:
            self.balance.apply(event)
        return events

    def begin(self, turn: str = TURN) -> list[Event[Any]]:
        return self.take(self.mapping.begin_turn({"id": turn}))

    def end(self, state: Any = "completed") -> list[Event[Any]]:
        return self.take(self.mapping.end_turn(Ending(state)))

    def say(self, method: str, thread: Any = MAIN, /, **params: Any) -> list[Event[Any]]:
        named = {"threadId": thread, **params} if thread is not None else params
        return self.take(self.mapping.notification(method, named))

    def start(self, kind: str, id_: Any = "i", thread: str = MAIN, /, **fields: Any) -> Any:
        item = {"type": kind, "id": id_, **fields}
        return self.say("item/started", thread, item=item, turnId=TURN)

    def complete(self, kind: str, id_: Any = "i", thread: str = MAIN, /, **fields: Any) -> Any:
        item = {"type": kind, "id": id_, **fields}
        return self.say("item/completed", thread, item=item, turnId=TURN)

    def ask(self, method: str, rpc_id: Any = 0, /, **params: Any) -> tuple[Any, list[Event[Any]]]:
        request_id, drafts = self.mapping.ask(rpc_id, method, {"threadId": MAIN, **params})
        return request_id, self.take(drafts)

    def spawn(self, thread: str = CHILD, sender: str = MAIN, /, **fields: Any) -> list[Event[Any]]:
        """The main thread starts a sub-agent, and that its turn."""
        call = {"tool": "spawnAgent", "prompt": "do it", "model": "m", "status": "completed"}
        events = self.start("collabAgentToolCall", f"spawn-{thread}", sender)
        events += self.complete(
            "collabAgentToolCall",
            f"spawn-{thread}",
            sender,
            receiverThreadIds=[thread],
            **(call | fields),
        )
        turn = {"id": f"turn-of-{thread}", "rootTurnId": TURN}
        return [*events, *self.say("turn/started", thread, turn=turn)]


def types(events: list[Event[Any]]) -> list[str]:
    return [event.type for event in events]


def only(events: list[Event[Any]]) -> Any:
    """Return the payload of the one event."""
    assert len(events) == 1, types(events)
    return events[0].payload
