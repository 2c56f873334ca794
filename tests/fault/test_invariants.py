"""The judge of the rounds finds each violation: a run that holds is spoiled in one thing a time."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fault.rounds.faults import Done
from tests.fault.rounds.invariants import judge
from tests.fault.rounds.outcome import Outcome
from tests.fault.rounds.plan import Fault, plan_of
from tests.support import wire
from tests.support.client import SidecarClient
from tests.support.received import Received

Events = list[dict[str, Any]]


def life(thread: str = "s1", generation: int = 1) -> Events:
    """Return the events of a generation with one whole turn and one request."""
    turn = f"turn-{generation}"
    rows: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("session.configured", {}, {}),
        ("turn.started", {}, {"turnId": turn}),
        ("request.opened", {}, {"turnId": turn, "requestId": f"r{generation}"}),
        ("request.resolved", {}, {"turnId": turn, "requestId": f"r{generation}"}),
        ("content.delta", {"delta": f"{thread}w{generation}:0;"}, {"turnId": turn}),
        ("content.delta", {"delta": f"{thread}w{generation}:1;"}, {"turnId": turn}),
        ("turn.completed", {"state": "completed"}, {"turnId": turn}),
        ("session.exited", {}, {}),
    ]
    return [
        {
            "type": kind,
            "eventId": f"{thread}-{generation}-{number}",
            "threadId": thread,
            "generation": generation,
            "payload": payload,
        }
        | more
        for number, (kind, payload, more) in enumerate(rows)
    ]


class Run:
    """A run, before it is judged: what the journal has, what a client got, what agents wrote."""

    def __init__(self, folder: Path) -> None:
        self.events = life()
        self.got: Callable[[list[Received]], list[Received]] = lambda received: received
        self.diary = ["1 s1 asked s1w1", "1 s1 said s1w1 0", "1 s1 said s1w1 1"]
        self.outcome = Outcome(plan_of(1), folder, folder / "diary")
        self.outcome.ended_at = 1.0
        self.outcome.done = [
            Done(Fault(0.0, "kill", "provider", 0), 1, frozenset({"s1"}), lambda: None)
        ]
        self.outcome.answered = {"s1w1": ("s1", "turn-1")}

    def judged(self) -> list[str]:
        stored = [(seq, wire.encode(event)) for seq, event in enumerate(self.events, 1)]
        client = SidecarClient("", "", client_id="main")
        client.events = self.got([Received(seq, wire.decode(b), b, 0.5) for seq, b in stored])
        self.outcome.clients = [client]
        self.outcome.diary.write_text("".join(f"{line}\n" for line in self.diary))
        return judge(self.outcome, stored)


def test_a_run_that_holds_is_not_blamed(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.events += life(generation=2)
    run.diary += ["2 s1 asked s1w2", "2 s1 said s1w2 0", "2 s1 said s1w2 1"]
    assert run.judged() == []


def without(kind: str) -> Callable[[Run], None]:
    def spoil(run: Run) -> None:
        run.events = [event for event in run.events if event["type"] != kind]

    return spoil


def swapped(run: Run) -> None:
    run.events[4], run.events[5] = run.events[5], run.events[4]


def other_bytes(run: Run) -> None:
    run.got = lambda received: [received[0]._replace(body=b"other"), *received[1:]]


def untouched_end(run: Run) -> None:
    run.outcome.done = []


def folded(**wrong: Any) -> Callable[[Run], None]:
    """Take a snapshot in mid-turn, before its request is resolved, that says something else."""

    def spoil(run: Run) -> None:
        session = {
            "generation": 1,
            "status": "running",
            "activeTurn": {"turnId": "turn-1"},
            "pendingRequests": {"r1": {}},
        }
        run.outcome.folded = {"at": 3, "state": {"sessions": {"s1": session | wrong}}}

    return spoil


def test_a_snapshot_that_fits_is_not_blamed(tmp_path: Path) -> None:
    run = Run(tmp_path)
    folded()(run)
    assert run.judged() == []


def never_ran(run: Run) -> None:
    run.diary = [line for line in run.diary if "asked" not in line]


@pytest.mark.parametrize(
    ("spoil", "blame"),
    [
        (lambda run: setattr(run, "got", lambda r: [*r[:3], *r[4:]]), "once and in order"),
        (lambda run: setattr(run, "got", lambda r: [*r[:3], r[2], *r[3:]]), "once and in order"),
        (other_bytes, "other bytes"),
        (without("request.resolved"), "never ended: request.opened"),
        (without("turn.completed"), "never ended: turn.started"),
        (without("session.exited"), "ends with turn.completed"),
        (without("session.configured"), "begins with turn.started"),
        (lambda run: run.events.extend(life(generation=3)), "generations are [1, 3]"),
        (lambda run: run.events.append(run.events[4] | {"eventId": "late"}), "ends with content"),
        (untouched_end, "no fault touched it"),
        (lambda run: run.diary.append("2 s1 asked s1w1"), "ran 2 times"),
        (never_ran, "never ran"),
        (swapped, "came as"),
        (without("content.delta"), "0 of 2 deltas"),
        (folded(generation=2), "has generation 2"),
        (folded(activeTurn=None), "has the turn None"),
        (folded(activeTurn={"turnId": "turn-9"}), "has the turn turn-9"),
        (folded(pendingRequests={}), "has the requests []"),
        (folded(status="ready"), "a session that is ready"),
        (lambda run: run.outcome.done.clear(), "shows nothing"),
        (lambda run: run.diary.append("1 s1 said s1w1 2"), "2 of 3 deltas"),
        (lambda run: run.outcome.left.append("1234 agent"), "left alive: 1234"),
        (lambda run: run.outcome.strange.append("odd"), "odd"),
    ],
)
def test_each_violation_is_found(tmp_path: Path, spoil: Callable[[Run], None], blame: str) -> None:
    run = Run(tmp_path)
    spoil(run)
    assert any(blame in what for what in run.judged())


def test_a_seed_says_the_same_for_ever() -> None:
    assert plan_of(7) == plan_of(7)
    assert plan_of(7) != plan_of(8)
