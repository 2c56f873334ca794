"""Over any course of events: no verdict without its full silence, and none that never comes."""

from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.watch.beats import Beat, Stage
from sidecar.core.watch.idle import Idle, Signs, Tree
from sidecar.core.watch.stall import Stall, stall_limits

INTERVAL_S = 5.0
TICK_S = 1.0

steps = st.lists(st.sampled_from(["quiet", "sign", "gap", "busy"]), max_size=120)
"""What comes between two looks of a watchdog."""


@given(steps)
def test_a_host_is_given_up_only_after_two_full_silences(course: list[str]) -> None:
    beat, now_s, heard_s = Beat(INTERVAL_S, 0.0), 0.0, 0.0
    quiet_since_s = 0.0
    for step in course:
        now_s += TICK_S if step != "gap" else 10_000.0
        if step == "gap":
            beat.start_anew(now_s)
            quiet_since_s = now_s
        elif step != "quiet":
            heard_s = quiet_since_s = now_s
        beat.look(now_s, heard_s)
        silent_s = now_s - quiet_since_s
        if beat.stage is Stage.WEDGED:
            assert silent_s >= 3.2 * INTERVAL_S
            return
        assert silent_s <= 3.2 * INTERVAL_S + 3 * TICK_S


@given(steps)
def test_a_turn_is_ended_only_after_its_whole_limit_and_told_of_before(course: list[str]) -> None:
    limits = stall_limits(20_000, 0)
    stall, now_s, progress_s, counted_s, told = Stall(0.0), 0.0, 0.0, 0.0, False
    for step in course:
        now_s += TICK_S if step != "gap" else 10_000.0
        if step == "gap":
            stall = Stall(now_s)
        if step == "sign":
            progress_s = now_s
        counted_s = now_s if step != "quiet" else counted_s
        told = told and step == "quiet"
        act = stall.look(now_s, progress_s, limits, may_stall=step != "busy")
        silent_s = now_s - counted_s
        if act is not None and act.end:
            assert told
            assert silent_s >= 20.0
            return
        if act is not None:
            assert silent_s >= 10.0
            assert not told
            told = True
        assert silent_s < 20.0


@given(steps)
def test_a_session_is_parked_only_after_a_whole_idle_time(course: list[str]) -> None:
    idle, now_s, active_s, counted_s = Idle(0.0), 0.0, 0.0, 0.0
    cpu_ms = 0
    for step in course:
        now_s += TICK_S if step != "gap" else 10_000.0
        if step == "gap":
            idle = Idle(now_s)
        if step == "sign":
            active_s = now_s
        counted_s = now_s if step != "quiet" else counted_s
        signs = Signs(busy=step == "busy", active_s=active_s)
        if not idle.wants_sample(now_s, signs, 20.0):
            continue
        if (silent_s := idle.weigh(now_s, Tree(cpu_ms), 20.0)) is not None:
            assert now_s - counted_s >= 20.0
            assert silent_s <= now_s - counted_s
            return
    assert now_s - counted_s <= 20.0 + 2 * TICK_S
