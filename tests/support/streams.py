"""What must hold for every stream of events, whoever made it: the invariants of ARCHITECTURE §6."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from tests.support.received import Received


def assistant_text(events: Sequence[Received], turn_id: str | None = None) -> str:
    """Return what the assistant said, all of it or in one turn."""
    return "".join(
        r.event["payload"]["delta"]
        for r in events
        if r.event["type"] == "content.delta"
        and r.event["payload"]["streamKind"] == "assistant_text"
        and turn_id in (None, r.event.get("turnId"))
    )


def types(events: Sequence[Received]) -> list[str]:
    """Return the types of events, in order."""
    return [r.event["type"] for r in events]


def assert_balanced(events: Sequence[Received], *, ended: bool = True) -> None:
    """Hold the invariants of one thread's whole stream; `ended`: nothing may be open any more.

    Sequence strictly increasing, event ids unique, generations never going back, one completion a
    turn and one start, one resolution a request, items balanced, session.exited the last event of
    its generation.
    """
    seqs = [r.seq for r in events]
    assert seqs == sorted(set(seqs)), "sequence numbers go back or repeat"
    ids = Counter(r.event["eventId"] for r in events)
    assert max(ids.values(), default=1) == 1, f"event ids repeat: {ids.most_common(3)}"
    generations = [r.event["generation"] for r in events]
    assert generations == sorted(generations), "an old generation spoke after a new one"
    _assert_pairs(events, "turn.started", ("turn.completed",), "turnId", ended)
    _assert_pairs(events, "request.opened", ("request.resolved",), "requestId", ended)
    _assert_pairs(events, "user-input.requested", ("user-input.resolved",), "requestId", ended)
    _assert_pairs(events, "item.started", ("item.completed",), "itemId", ended)
    last_of = {r.event["generation"]: r.event["type"] for r in events}
    for generation, last in last_of.items():
        exits = [
            r
            for r in events
            if r.event["generation"] == generation and r.event["type"] == "session.exited"
        ]
        assert len(exits) <= 1, f"generation {generation} exited {len(exits)} times"
        if exits or (ended and generation == max(last_of)) or generation < max(last_of):
            assert last == "session.exited", f"generation {generation} ends with {last}"


def _assert_pairs(
    events: Sequence[Received], opened: str, closed: tuple[str, ...], key: str, ended: bool
) -> None:
    open_: dict[Any, int] = {}
    done: set[Any] = set()
    for received in events:
        event = received.event
        name = (event["generation"], event.get(key))
        if event["type"] == opened:
            assert name not in open_, f"{opened} {name} twice"
            assert name not in done, f"{opened} {name} after its end"
            open_[name] = received.seq
        elif event["type"] in closed:
            assert name in open_, f"{event['type']} {name} without {opened}"
            del open_[name]
            done.add(name)
    assert not (ended and open_), f"never ended: {opened} {open_}"
