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

from sidecar.contract.vocabulary import RestartPolicy, RestartStrategy
from sidecar.core.supervision import ChildSpec
from tests.core.supervision.world import World

SESSIONS = 10
"""Names 0 to 9; a parent has a lower number, so no forest has a ring."""


policies: st.SearchStrategy[RestartPolicy] = st.sampled_from(
    ["transient", "permanent", "temporary"]
)
strategies: st.SearchStrategy[RestartStrategy] = st.sampled_from(
    ["one_for_one", "one_for_all", "rest_for_one"]
)


@st.composite
def specs(draw: st.DrawFn, number: int) -> ChildSpec:
    policy = draw(policies)
    return ChildSpec(
        id=str(number),
        parent=draw(st.sampled_from([*map(str, range(number)), None])),
        policy=policy,
        significant=policy != "permanent" and draw(st.integers(0, 3)) == 3,
        max_restarts=draw(st.sampled_from([3, 1, 0, 2])),
        max_seconds=draw(st.sampled_from([60, 1, 5])),
        strategy=draw(strategies),
    )


forests = st.integers(2, SESSIONS).flatmap(
    lambda size: st.tuples(*(specs(number) for number in range(size)))
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
    @rule(
        pick=st.integers(0, 99),
        kind=st.sampled_from(["error", "graceful"]),
        lived_s=st.sampled_from([0.1, 9.9, 10.0]),
        random=st.floats(0, 1, exclude_max=True),
        recoverable=st.sampled_from([True, True, True, True, True, True, True, False]),
    )
    def fall(self, pick: int, kind: str, lived_s: float, random: float, recoverable: bool) -> None:
        id_ = sorted(self.world.alive)[pick % len(self.world.alive)]
        self.world.end(id_, kind, lived_s=lived_s, random=random, recoverable=recoverable)

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
    @rule(pick=st.integers(0, 99), cascade=st.booleans())
    def user_stops(self, pick: int, cascade: bool) -> None:
        there = list(self.world.otp.children)
        self.world.user_stops(there[pick % len(there)], cascade=cascade)

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.0, 5.0, 61.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @rule()
    def rest(self) -> None:
        self.world.rest()

    def teardown(self) -> None:
        self.world.rest()


def examples(number: int, **more: Any) -> settings:
    return settings(
        max_examples=number,
        stateful_step_count=30,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        **more,
    )


def test_the_forest_does_what_otp_does() -> None:
    run_state_machine_as_test(ForestAgainstOtp, settings=examples(200))


@pytest.mark.long
def test_the_forest_does_what_otp_does_in_ten_thousand_histories() -> None:
    run_state_machine_as_test(ForestAgainstOtp, settings=examples(10_000))
