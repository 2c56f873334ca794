"""A crossing is told of once, a growth ends a session once, and a total ends one at a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.watch.budget import (
    EFFECT_S,
    NEAR,
    Budget,
    Exceeded,
    Judge,
    Pressure,
    TotalExceeded,
    TotalHopeless,
    TotalPressure,
    budget_of,
)
from sidecar.core.watch.usage import Usage

SIZES = st.integers(0, 2_000)


def usage(bytes_: int, thread: str = "a", generation: int = 1, pss: int | None = None) -> Usage:
    return Usage(thread, generation, bytes_, pss, 0, 1)


def test_own_limits_come_before_defaults_and_a_default_that_contradicts_gives_way() -> None:
    default = Budget(100, 200)
    assert budget_of(Budget(), default) == default
    assert budget_of(Budget(50, None), default) == Budget(50, 200)
    assert budget_of(Budget(None, 150), default) == Budget(100, 150)
    assert budget_of(Budget(None, 80), default) == Budget(None, 80)
    assert budget_of(Budget(300, None), default) == Budget(300, None)
    assert budget_of(Budget(), Budget()) == Budget()


@given(st.builds(Budget, SIZES | st.none(), SIZES | st.none()), SIZES)
def test_near_is_before_every_crossing(budget: Budget, used: int) -> None:
    limits = [limit for limit in budget if limit is not None]
    assert budget.nearest_bytes == min(limits, default=None)
    assert budget.is_near(used) == any(used >= NEAR * limit for limit in limits)


def test_a_soft_budget_is_told_of_once_a_crossing_with_hysteresis() -> None:
    judge, budgets = Judge(), {"a": Budget(100, None)}
    told = [
        len(judge.judge([usage(bytes_)], budgets, 0.0))
        for bytes_ in (100, 101, 150, 95, 120, 91, 101, 89, 100, 101)
    ]
    assert told == [0, 1, 0, 0, 0, 0, 0, 0, 0, 1]


def test_a_hard_budget_ends_a_generation_once_and_the_next_one_anew() -> None:
    judge, budgets = Judge(), {"a": Budget(50, 100)}
    assert judge.judge([usage(100)], budgets, 0.0) == [Pressure(usage(100), 50)]
    assert judge.judge([usage(101)], budgets, 1.0) == [Exceeded(usage(101), 100)]
    assert judge.judge([usage(500)], budgets, 2.0) == []
    again = usage(101, generation=2)
    assert judge.judge([again], budgets, 3.0) == [Exceeded(again, 100)]


def test_what_could_not_be_carried_out_is_said_again() -> None:
    judge, budgets = Judge(), {"a": Budget(None, 100)}
    (verdict,) = judge.judge([usage(101)], budgets, 0.0)
    assert isinstance(verdict, Exceeded)
    judge.spare(verdict.usage)
    assert judge.judge([usage(101)], budgets, 1.0) == [verdict]


def test_shared_pages_are_nobodys_fault() -> None:
    judge, budgets = Judge(), {"a": Budget(None, 100)}
    assert judge.judge([usage(150, pss=99)], budgets, 0.0) == []
    assert len(judge.judge([usage(150, pss=101)], budgets, 0.0)) == 1


def test_others_budgets_are_others() -> None:
    judge = Judge()
    verdicts = judge.judge([usage(500), usage(500, "b")], {"b": Budget(None, 100)}, 0.0)
    assert [v.usage.thread_id for v in verdicts if isinstance(v, Exceeded)] == ["b"]


def test_the_total_ends_the_largest_alone_and_waits_for_the_effect() -> None:
    judge = Judge(Budget(None, 1_000))
    a, b, c = usage(300, "a"), usage(500, "b"), usage(400, "c")
    assert judge.judge_total(1_250, [a, b, c], 0.0) == TotalExceeded(1_250, 1_000, b)
    assert judge.judge_total(1_250, [a, b, c], 0.1) is None
    assert judge.judge_total(1_250, [a, b, c], EFFECT_S - 0.1) is None
    after = usage(10, "b", 2)
    assert judge.judge_total(760, [a, after, c], 2.0) is None, "it helped"
    assert judge.judge_total(1_100, [a, after, c], 3.0) == TotalExceeded(1_100, 1_000, c)


def test_a_victim_that_does_not_go_holds_up_the_next_for_a_while_only() -> None:
    judge = Judge(Budget(None, 1_000))
    a, b = usage(600, "a"), usage(500, "b")
    assert judge.judge_total(1_200, [a, b], 0.0) == TotalExceeded(1_200, 1_000, a)
    assert judge.judge_total(1_200, [a, b], EFFECT_S) == TotalExceeded(1_200, 1_000, b)


def test_the_total_waits_for_one_that_its_own_budget_ends() -> None:
    judge = Judge(Budget(None, 1_000))
    a, b = usage(600, "a"), usage(500, "b")
    assert len(judge.judge([a, b], {"b": Budget(None, 400)}, 0.0)) == 1
    assert judge.judge_total(1_200, [a, b], 0.0) is None
    assert judge.judge_total(1_200, [a], 0.5) == TotalExceeded(1_200, 1_000, a)


def test_nobody_is_ended_for_what_is_not_the_sessions() -> None:
    judge = Judge(Budget(None, 1_000))
    assert judge.judge_total(1_500, [usage(100)], 0.0) == TotalHopeless(1_500, 1_000)
    assert judge.judge_total(1_500, [usage(100)], 1.0) is None, "said once"
    assert judge.judge_total(900, [usage(100)], 2.0) is None
    assert judge.judge_total(1_500, [], 3.0) == TotalHopeless(1_500, 1_000)


def test_the_total_s_pressure_names_the_largest_once_a_crossing() -> None:
    judge = Judge(Budget(500, None))
    a, b = usage(300, "a"), usage(310, "b")
    assert judge.judge_total(610, [a, b], 0.0) == TotalPressure(610, 500, b)
    assert judge.judge_total(700, [a, b], 1.0) is None
    assert judge.judge_total(460, [a, b], 2.0) is None
    assert judge.judge_total(510, [a, b], 3.0) is None
    assert judge.judge_total(440, [a, b], 4.0) is None
    assert judge.judge_total(510, [a, b], 5.0) == TotalPressure(510, 500, b)


@given(st.lists(SIZES, min_size=1, max_size=40), st.integers(1, 1_000), st.integers(0, 1_000))
def test_whatever_the_course_a_generation_ends_at_its_first_crossing_and_never_again(
    sizes: list[int], soft: int, above: int
) -> None:
    judge, budgets = Judge(), {"a": Budget(soft, soft + above)}
    ended = []
    for at, size in enumerate(sizes):
        for verdict in judge.judge([usage(size)], budgets, float(at)):
            if isinstance(verdict, Exceeded):
                ended.append(at)
            else:
                assert size > soft
    over = [at for at, size in enumerate(sizes) if size > soft + above]
    assert ended == over[:1]


@pytest.mark.parametrize("pss", [None, 150])
def test_what_is_charged_is_never_above_what_is_resident(pss: int | None) -> None:
    assert usage(100, pss=pss).charged_bytes == 100
