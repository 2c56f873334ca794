"""Whatever Codex says, in whatever order: valid events, balanced, and no exception."""

import random
from typing import Any

import pytest

from sidecar.core.conversation import Ending
from sidecar.providers.codex.mapping import ending_of
from sidecar.providers.codex.mapping.notices import _TELLERS
from sidecar.providers.codex.mapping.requests import _FAMILIES, REFUSALS
from sidecar.providers.codex.mapping.updates import _DELTAS
from tests.providers.codex.talk import CHILD, MAIN, TURN, Talk

WORDS: list[Any] = [None, "", " ", "\ufeff", "x", "\ud83d", -1, 2**70, 1.5, float("nan"), True]
WORDS += [[], {}, [None], {"": None}, "completed", "interrupted", "failed", MAIN, CHILD, TURN]
KINDS = ["agentMessage", "commandExecution", "fileChange", "collabAgentToolCall", "plan", "odd", 7]
KEYS = [
    "item",
    "itemId",
    "id",
    "delta",
    "turn",
    "turnId",
    "threadId",
    "plan",
    "step",
    "status",
    "error",
    "message",
    "questions",
    "question",
    "command",
    "commandActions",
    "changes",
    "content",
    "text",
    "receiverThreadIds",
    "tokenUsage",
    "last",
    "total",
    "run",
    "rateLimits",
    "thread",
    "threadSettings",
    "requestedSchema",
    "properties",
    "availableDecisions",
    "permissions",
    "fileSystem",
    "entries",
    "summaryIndex",
    "contentIndex",
    "requestId",
    "willRetry",
    "options",
    "label",
]
METHODS = [*_TELLERS, *_DELTAS, "item/started", "item/completed", "item/plan/delta", "error"]
METHODS += ["turn/started", "turn/completed", "thread/started", "thread/tokenUsage/updated"]
METHODS += ["account/rateLimits/updated", "serverRequest/resolved", "item/fileChange/patchUpdated"]
ASKS = [*_FAMILIES, *REFUSALS, "odd/method"]


class Chaos:
    """Random values of the right keys and the wrong kinds."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def pick(self, values: list[Any]) -> Any:
        return self._random.choice(values)

    def value(self, depth: int = 3) -> Any:
        if depth == 0 or self._random.random() < 0.4:
            return self.pick(WORDS)
        if self._random.random() < 0.3:
            return [self.value(depth - 1) for _ in range(self._random.randrange(3))]
        return self.map(depth - 1)

    def map(self, depth: int = 3) -> dict[str, Any]:
        found = {self.pick(KEYS): self.value(depth) for _ in range(self._random.randrange(6))}
        return found | {"type": self.pick(KINDS), "id": self.pick(["a", "b", None, 7])}

    def params(self) -> dict[str, Any]:
        params = self.map() | {"itemId": self.pick(["a", "b", None])}
        params["threadId"] = self.pick([MAIN, MAIN, CHILD, "other", None, 7])
        if self._random.random() < 0.7:
            params["item"] = self.map()
        return params


@pytest.mark.parametrize("seed", range(40))
def test_nothing_that_codex_says_breaks_the_stream(seed: int) -> None:
    chaos = Chaos(seed)
    talk = Talk(chaos.pick(["none", "state", "all"]))
    for number in range(150):
        what = chaos.pick(["say", "say", "say", "ask", "turn", "answer"])
        if what == "say":
            talk.take(talk.mapping.notification(chaos.pick(METHODS), chaos.params()))
        elif what == "ask":
            talk.take(talk.mapping.ask(chaos.value(1), chaos.pick(ASKS), chaos.params())[1])
        elif what == "turn":
            talk.take(talk.mapping.end_turn(ending_of(chaos.value())))
            talk.take(talk.mapping.begin_turn({"id": f"turn-{number}"}))
        elif talk.mapping.asks:
            request_id, found = next(iter(talk.mapping.asks.items()))
            found.decide(chaos.pick(["accept", "acceptForSession", "decline", "cancel"]))
            found.answer({"a": chaos.pick(["x", ["x", "y"]])})
            found.cancelled()
            talk.take(talk.mapping.cancelled(request_id))
    talk.take(talk.mapping.end_turn(Ending("failed")))
    assert talk.balance.turn is None
    assert not talk.balance.in_turn
