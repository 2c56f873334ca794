"""Restart policy: who is restarted, how often, after how long."""

import pytest

from sidecar.contract.vocabulary import ExitKind, RestartPolicy
from sidecar.core.supervision.intensity import (
    BACKOFF_FIRST_S,
    BACKOFF_JITTER,
    BACKOFF_LAST_S,
    STABLE_S,
    GiveUp,
    Restart,
    RestartIntensity,
    wants_restart,
)


@pytest.mark.parametrize(
    ("policy", "exit_kind", "expected"),
    [
        ("permanent", "graceful", True),
        ("permanent", "error", True),
        ("transient", "graceful", False),
        ("transient", "error", True),
        ("temporary", "graceful", False),
        ("temporary", "error", False),
    ],
)
def test_the_policy_decides_who_is_restarted(
    policy: RestartPolicy, exit_kind: ExitKind, expected: bool
) -> None:
    assert wants_restart(policy, exit_kind) is expected


def test_more_restarts_than_the_intensity_gives_up() -> None:
    intensity = RestartIntensity(3, 60)
    decisions = [intensity.decide(now, 0.1, 0.0) for now in (0.0, 1.0, 2.0, 3.0)]
    assert [d.count for d in decisions[:3] if isinstance(d, Restart)] == [1, 2, 3]
    assert decisions[3] == GiveUp(3, 3, 60)


def test_restarts_outside_the_window_do_not_count() -> None:
    intensity = RestartIntensity(1, 10)
    assert isinstance(intensity.decide(0.0, 0.1, 0.0), Restart)
    assert isinstance(intensity.decide(10.5, 0.1, 0.0), Restart)
    assert isinstance(intensity.decide(11.0, 0.1, 0.0), GiveUp)


def test_the_delay_doubles_to_its_bound_with_jitter_on_top() -> None:
    intensity = RestartIntensity(100, 10_000)
    delays = []
    for now in range(10):
        decision = intensity.decide(float(now), 0.1, 0.0)
        assert isinstance(decision, Restart)
        delays.append(decision.delay_s)
    assert delays[:4] == [BACKOFF_FIRST_S, 1.0, 2.0, 4.0]
    assert delays[-1] == BACKOFF_LAST_S
    jittered = RestartIntensity(1, 60).decide(0.0, 0.1, 1.0)
    assert isinstance(jittered, Restart)
    assert jittered.delay_s == BACKOFF_FIRST_S * (1 + BACKOFF_JITTER)


def test_a_stable_life_starts_the_backoff_anew() -> None:
    intensity = RestartIntensity(10, 1000)
    intensity.decide(0.0, 0.1, 0.0)
    intensity.decide(1.0, 0.1, 0.0)
    after = intensity.decide(50.0, STABLE_S, 0.0)
    assert isinstance(after, Restart)
    assert after.delay_s == BACKOFF_FIRST_S


def test_an_intensity_of_zero_never_restarts() -> None:
    assert isinstance(RestartIntensity(0, 60).decide(0.0, 99.0, 0.0), GiveUp)


def test_who_falls_for_days_is_still_brought_back() -> None:
    intensity, now, delay_s = RestartIntensity(10, 60), 0.0, 0.0
    for _ in range(5_000):
        decision = intensity.decide(now, 0.1, 0.0)
        assert isinstance(decision, Restart)
        delay_s = decision.delay_s
        now += delay_s
    assert delay_s == BACKOFF_LAST_S
