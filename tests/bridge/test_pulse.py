"""Silence is counted in ticks of one's own, never in time that was slept."""

import pytest

from sidecar.bridge.pulse import Pulse


def ticks(pulse: Pulse, *walls: float) -> list[bool]:
    return [pulse.tick(wall) for wall in walls]


@pytest.mark.must("P4.16")
def test_three_ticks_without_a_message_are_silence() -> None:
    assert ticks(Pulse(5.0, 0.0), 5.0, 10.0, 15.0) == [False, False, True]


@pytest.mark.must("P4.15")
def test_any_message_begins_the_count_again() -> None:
    pulse = Pulse(5.0, 0.0)
    assert ticks(pulse, 5.0, 10.0) == [False, False]
    pulse.heard()
    assert ticks(pulse, 15.0, 20.0, 25.0, 30.0) == [False, False, False, True]


@pytest.mark.must("P4.17")
def test_after_a_sleep_the_count_begins_again() -> None:
    pulse = Pulse(5.0, 0.0)
    assert ticks(pulse, 5.0, 10.0, 3_600.0) == [False, False, False]
    assert ticks(pulse, 3_605.0, 3_610.0, 3_615.0) == [False, False, True]


@pytest.mark.must("P4.16")
def test_a_clock_that_goes_back_judges_nobody() -> None:
    assert ticks(Pulse(5.0, 1_000.0), 5.0, 10.0, 15.0) == [False, False, True]
