"""The forest against the model of OTP: random trees, exits, stops and starts, at any moment."""

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sidecar.core.supervision import ChildSpec
from tests.core.supervision.histories import POLICIES, STRATEGIES, live_through
from tests.core.supervision.world import World

SESSIONS = 10
"""Names 0 to 9; a parent has a lower number, so no forest has a ring."""


@st.composite
def specs(draw: st.DrawFn, number: int) -> ChildSpec:
    """A session below 0, 1 or a low number: wide trees and deep ones."""
    policy = draw(st.sampled_from(POLICIES))
    parents = [0, 0, 1, number // 2, number - 1, None]
    parent = draw(st.sampled_from(parents))
    return ChildSpec(
        id=str(number),
        parent=str(parent) if parent is not None and parent < number else None,
        policy=policy,
        significant=policy != "permanent" and draw(st.sampled_from([False, False, True])),
        max_restarts=draw(st.sampled_from([3, 2, 1, 0])),
        max_seconds=draw(st.sampled_from([60, 5, 1])),
        strategy=draw(st.sampled_from(STRATEGIES)),
    )


forests = st.integers(5, SESSIONS).flatmap(
    lambda size: st.tuples(*(specs(number) for number in range(size)))
)


ends = st.tuples(
    st.integers(0, 99),
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(["error", "error", "graceful"]),
            "lived_s": st.sampled_from([0.1, 9.9, 10.0]),
            "random": st.floats(0, 1, exclude_max=True),
            "recoverable": st.sampled_from([True] * 9 + [False]),
        }
    ),
)


class ForestAgainstOtp(RuleBasedStateMachine):
    """Everything that may happen to a forest. The world asserts."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @initialize(tree=forests)
    def all_up(self, tree: tuple[ChildSpec, ...]) -> None:
        self.world.start_all(*tree)

    @rule(data=st.data(), number=st.integers(0, SESSIONS - 1))
    def start(self, data: st.DataObject, number: int) -> None:
        if str(number) not in self.world.otp.children:
            spec = data.draw(specs(number))
            if spec.parent is None or not self.world.forest.stops(spec.parent):
                self.world.start(spec)

    @precondition(lambda self: self.world.alive)
    @rule(ends=st.lists(ends, min_size=1, max_size=4))
    def fall(self, ends: list[tuple[int, dict[str, Any]]]) -> None:
        for pick, end in ends:
            if self.world.alive:
                self.world.end(sorted(self.world.alive)[pick % len(self.world.alive)], **end)

    @precondition(lambda self: self.world.closing)
    @rule(pick=st.integers(0, 99), kind=st.sampled_from(["graceful", "graceful", "error"]))
    def closed(self, pick: int, kind: str) -> None:
        self.world.end(self.world.closing[pick % len(self.world.closing)], kind)

    @precondition(lambda self: not all(self.world.alive.values()))
    @rule(pick=st.integers(0, 99))
    def ready(self, pick: int) -> None:
        starting = sorted(id_ for id_, up in self.world.alive.items() if not up)
        self.world.ready(starting[pick % len(starting)])

    @precondition(lambda self: self.world.otp.children)
    @rule(pick=st.integers(0, 99), cascade=st.sampled_from([False, False, True]))
    def user_stops(self, pick: int, cascade: bool) -> None:
        """Mostly one of the younger half, or there would soon be no forest left."""
        there = list(self.world.otp.children)
        young = there[len(there) // 2 :] if pick % 4 else there
        self.world.user_stops(young[pick % len(young)], cascade=cascade)

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.0, 5.0, 61.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @rule()
    def rest(self) -> None:
        self.world.rest()

    def teardown(self) -> None:
        self.world.rest()


def examples(number: int) -> settings:
    return settings(
        max_examples=number,
        stateful_step_count=30,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def test_the_forest_does_what_otp_does() -> None:
    run_state_machine_as_test(ForestAgainstOtp, settings=examples(100))


@pytest.mark.long
def test_the_forest_does_what_otp_does_in_ten_thousand_examples() -> None:
    run_state_machine_as_test(ForestAgainstOtp, settings=examples(10_000))


def test_histories_of_many_falls_follow_otp() -> None:
    live_through_all(range(500))


@pytest.mark.long
def test_fifty_thousand_histories_follow_otp() -> None:
    live_through_all(range(50_000))


def live_through_all(seeds: range) -> None:
    """Live through the histories of some seeds, and name the one that fails."""
    for seed in seeds:
        try:
            live_through(seed)
        except Exception as error:
            error.add_note(f"replay: live_through({seed})")
            raise
