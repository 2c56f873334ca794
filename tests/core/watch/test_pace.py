"""Looks come closer together before a budget is crossed, within bounds."""

from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.watch.budget import Budget
from sidecar.core.watch.pace import FAST_S, Reading, pause_s, to_crossing_s

MB = 1_000_000


def test_the_next_budget_ahead_is_what_counts() -> None:
    before, now = Reading(100 * MB, 0.0), Reading(150 * MB, 1.0)
    assert to_crossing_s(before, now, Budget(None, 300 * MB)) == 3.0
    assert to_crossing_s(before, now, Budget(200 * MB, 300 * MB)) == 1.0
    assert to_crossing_s(before, now, Budget(120 * MB, 300 * MB)) == 3.0
    assert to_crossing_s(before, now, Budget(120 * MB, 130 * MB)) is None


def test_what_does_not_grow_or_has_no_budget_crosses_nothing() -> None:
    now = Reading(150 * MB, 1.0)
    assert to_crossing_s(Reading(150 * MB, 0.0), now, Budget(None, 300 * MB)) is None
    assert to_crossing_s(Reading(160 * MB, 0.0), now, Budget(None, 300 * MB)) is None
    assert to_crossing_s(Reading(50 * MB, 0.0), now, Budget()) is None
    assert to_crossing_s(now, now, Budget(None, 300 * MB)) is None


@given(st.floats(0.01, 10), st.floats(0, 1_000) | st.none())
def test_a_pause_is_between_the_fastest_and_the_base(
    base_s: float, crossing_s: float | None
) -> None:
    pause = pause_s(base_s, crossing_s, FAST_S)
    assert min(base_s, FAST_S) <= pause <= base_s


def test_steady_growth_is_seen_soon_after_it_crosses() -> None:
    """50 MB/s under 300 MB, from a first look at the worst moment."""
    rate, limit = 50 * MB, Budget(None, 300 * MB)
    at, last, looks = 0.99, Reading(0, -0.01), 0
    while (now := Reading(int(rate * at), at)).used_bytes <= 300 * MB:
        at += pause_s(1.0, to_crossing_s(last, now, limit), FAST_S)
        last, looks = now, looks + 1
    assert at - 6.0 <= 2 * FAST_S
    assert looks < 15
