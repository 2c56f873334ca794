"""The roll: who is packed, who wakes, who is forgotten, and what a packed one costs."""

import gc
import tracemalloc
from collections.abc import Iterable
from typing import Any, cast

from sidecar.contract.methods import SessionStartParams
from sidecar.core.fold import Fold
from sidecar.core.lifecycle import Cause, Phase
from sidecar.observe.log import Log
from sidecar.supervisor.deps import Shared
from sidecar.supervisor.eventlog import EventLog
from sidecar.supervisor.kin import Kin
from sidecar.supervisor.roll import Roll
from sidecar.supervisor.session import Session
from tests.support.folding import event, fold_of


class Parts:
    """What a session needs to be made: it never runs here."""

    log = Log()
    events = cast(EventLog, None)


def make(thread_id: str, start: SessionStartParams | None, phase: Phase) -> Session:
    return Session(cast(Shared, Parts()), cast(Kin, None), thread_id, start, phase)


def start_of(thread_id: str, **more: Any) -> SessionStartParams:
    return SessionStartParams(
        idempotency_key="k",
        thread_id=thread_id,
        provider="demo",
        runtime_mode="approval-required",
        **more,
    )


def known(threads: Iterable[str]) -> Fold:
    """Return a fold that knows threads."""
    return fold_of([event("session.started", {}, threadId=thread) for thread in threads])


def roll_of(*threads: str, phase: Phase = Phase.STOPPED, fold: Fold | None = None) -> Roll:
    roll = Roll(known(threads) if fold is None else fold, make)
    for thread in threads:
        roll.add(make(thread, start_of(thread), phase))
    return roll


def test_what_has_ended_is_packed_and_wakes_as_it_was() -> None:
    roll = roll_of("a", "b")
    secret = start_of("a", parent="p", env={"TOKEN": "secret"}, options={"n": [1, b"x"]})
    roll.add(make("a", secret, Phase.STOPPED))
    before = roll.get("a")
    assert roll.pack(()) == []
    assert (roll.packed(), list(roll), roll.awake("a")) == (2, [], None)
    assert roll.parents() == {"b": None, "a": "p"}
    woken = roll.get("a")
    assert woken is not None
    assert woken is not before
    assert (woken.start_params, woken.lifecycle.phase) == (secret, Phase.STOPPED)
    assert roll.awake("a") is woken
    assert list(roll.parents()) == ["b", "a"]


def test_one_known_from_the_journal_only_is_packed_without_its_start() -> None:
    roll = roll_of("a")
    roll.add(make("a", None, Phase.STOPPED))
    roll.pack(())
    woken = roll.get("a")
    assert woken is not None
    assert woken.start_params is None


def test_what_is_not_over_or_is_spared_stays_as_it_is() -> None:
    roll = roll_of("lives", "parked", "spared", "ended")
    for thread, phase in (("lives", Phase.LIVE), ("parked", Phase.PARKED)):
        roll.add(make(thread, start_of(thread), phase))
    spared = roll.awake("spared")
    roll.pack({"spared": 1})
    assert {session.thread_id for session in roll} == {"lives", "parked", "spared"}
    assert roll.awake("spared") is spared


def test_what_the_fold_has_forgotten_goes_once_it_is_down() -> None:
    roll = roll_of("ended", "spared", "lives", fold=Fold())
    lives = roll.awake("lives")
    assert lives is not None
    lives.lifecycle.move(Cause.START)
    assert roll.pack({"spared"}) == ["ended"]
    assert roll.pack({"spared"}) == []
    assert "ended" not in roll
    assert roll.get("ended") is None
    assert roll.pack(()) == ["spared"]
    assert list(roll.parents()) == ["lives"]


def test_roots_are_those_of_trees_in_which_one_is_awake() -> None:
    roll = Roll(known(("r", "m", "x", "dead", "child", "orphan")), make)
    parents = {"r": None, "dead": None, "m": "r", "child": "dead", "x": "m", "orphan": "gone"}
    for thread, parent in parents.items():
        phase = Phase.LIVE if thread in ("x", "orphan") else Phase.STOPPED
        roll.add(make(thread, start_of(thread, parent=parent), phase))
    roll.pack(())
    assert roll.roots() == ["r", "orphan"]
    assert roll.parent("x") == "m"
    assert roll.parent("nobody") is None


def test_a_packed_session_costs_less_than_half_a_kibibyte() -> None:
    threads = [f"thread-{n}" for n in range(500)]
    fold = known(threads)
    gc.collect()
    tracemalloc.start()
    try:
        roll = Roll(fold, make)
        for thread in threads:
            start = start_of(thread, cwd="/home/somebody/project", options={"command": "an-agent"})
            roll.add(make(thread, start, Phase.STOPPED))
        roll.pack(())
        used_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert roll.packed() == 500
    assert used_bytes < 500 * 512
