"""Recordings with junk in the place of values: nothing raises, and what is said stays valid."""

import copy
import random
from typing import Any

import pytest

from sidecar.core.conversation import Conversation, Ending
from sidecar.providers.claude.mapping import ClaudeMapping, ending_of
from tests.providers.balance import Balance
from tests.providers.context import strict
from tests.support import golden

JUNK: tuple[Any, ...] = (
    None,
    True,
    -1,
    2**70,
    1.5,
    float("nan"),
    "",
    " ",
    "\ufeff",
    "\ud83d",
    "x" * 20_000,
    [],
    [None],
    [[]],
    {},
    {"a": {"b": []}},
)
RECORDINGS = [
    (family, name) for family in ("claude", "agentsdk") for name in golden.scenarios(family)
]


def spoil(value: Any, dice: random.Random) -> Any:
    """Return the value with some of what is in it replaced."""
    if dice.random() < 0.04:
        return dice.choice(JUNK)
    if isinstance(value, dict):
        return {key: spoil(item, dice) for key, item in value.items() if dice.random() > 0.02}
    if isinstance(value, list):
        return [spoil(item, dice) for item in value]
    return value


@pytest.mark.parametrize(("family", "name"), RECORDINGS, ids=[f"{f}-{n}" for f, n in RECORDINGS])
def test_spoiled_messages_raise_nothing(family: str, name: str) -> None:
    lines = golden.lines_of(family, name)
    messages = [r["msg"] for r in lines if r["dir"] == "out" and isinstance(r["msg"], dict)]
    for seed in range(10):
        play(copy.deepcopy(messages), random.Random(f"{name}-{seed}"))


def play(messages: list[dict[str, Any]], dice: random.Random) -> None:
    """Map spoiled messages of every kind, within turns."""
    ids = iter(range(10**9))
    mapping = ClaudeMapping(Conversation(), lambda kind: f"{kind}-{next(ids)}", "all")
    balance = Balance()

    def take(drafts: list[Any]) -> None:
        for draft in drafts:
            balance.apply(strict(draft))

    answer = spoil(messages[0], dice) if messages else {}
    take(mapping.started(answer if isinstance(answer, dict) else {}, None))
    take(mapping.begin_turn("turn"))
    for message in messages:
        spoiled = spoil(message, dice)
        if not isinstance(spoiled, dict):
            continue
        type_ = str(spoiled.get("type"))
        request = spoiled.get("request")
        if isinstance(request, dict):
            request_id, drafts = mapping.ask(spoiled.get("request_id"), request)
            take(drafts)
            take(mapping.granted(request))
            if request_id is not None:
                choice = mapping.permissions[request_id].choose("acceptForSession")
                assert choice is not None
                take(mapping.answer(request_id, choice))
        elif type_ == "result":
            take(mapping.end_turn(ending_of(spoiled, interrupting=False), spoiled))
        else:
            take(mapping.said(type_, spoiled))
    take(mapping.end_turn(Ending("completed")))
