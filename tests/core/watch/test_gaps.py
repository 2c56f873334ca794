"""A tick that comes much too late is a gap; a little lag is none."""

from sidecar.core.watch.gaps import Gaps


def test_ticks_that_come_in_time_leave_no_gap() -> None:
    gaps = Gaps(100.0)
    assert gaps.tick(101.0, 1.0) == 0.0
    assert gaps.tick(102.3, 1.0) == 0.0
    assert gaps.tick(105.7, 1.0) == 0.0, "late by less than half of five pauses"
    assert gaps.tick(109.3, 1.0) > 2.5


def test_a_late_tick_is_a_gap_and_the_next_one_counts_from_it() -> None:
    gaps = Gaps(100.0)
    assert gaps.tick(28_901.0, 1.0) == 28_800.0
    assert gaps.tick(28_902.0, 1.0) == 0.0


def test_short_pauses_allow_the_lag_of_a_busy_loop() -> None:
    gaps = Gaps(0.0)
    assert gaps.tick(0.1, 0.02) == 0.0
    assert gaps.tick(0.3, 0.02) > 0.0
