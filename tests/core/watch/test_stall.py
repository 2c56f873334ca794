"""A turn stalls by want of progress; what waits for a person, or nobody watched, counts not."""

import pytest

from sidecar.contract.events import EVENTS
from sidecar.core.watch.stall import (
    Stall,
    StallAct,
    StallLimits,
    is_deed,
    is_progress,
    stall_limits,
)

BOTH = StallLimits(5.0, 10.0)


def look(
    stall: Stall, now_s: float, progress_s: float, limits: StallLimits = BOTH, *, runs: bool = True
) -> StallAct | None:
    return stall.look(now_s, progress_s, limits, may_stall=runs)


def test_it_tells_once_and_then_ends() -> None:
    stall = Stall(0.0)
    assert look(stall, 4.9, 0.0) is None
    assert look(stall, 5.0, 0.0) == StallAct(5.0, end=False)
    assert look(stall, 9.9, 0.0) is None
    assert look(stall, 10.0, 0.0) == StallAct(10.0, end=True)


def test_progress_makes_the_next_silence_another_one() -> None:
    stall = Stall(0.0)
    assert look(stall, 5.0, 0.0) is not None
    assert look(stall, 9.0, 8.0) is None
    assert look(stall, 13.0, 8.0) == StallAct(5.0, end=False)


def test_a_turn_that_waits_for_a_person_does_not_stall() -> None:
    stall = Stall(0.0)
    assert look(stall, 4_000.0, 1.0, runs=False) is None
    assert look(stall, 4_004.0, 1.0) is None
    assert look(stall, 4_005.0, 1.0) == StallAct(5.0, end=False)


def test_what_was_not_watched_does_not_count() -> None:
    stall = Stall(0.0)
    stall.start_anew(28_000.0)
    assert look(stall, 28_004.0, 1.0) is None
    assert look(stall, 28_010.0, 1.0) == StallAct(10.0, end=True)


def test_the_default_only_tells_and_none_of_it_is_nothing() -> None:
    told = stall_limits(None, 600_000)
    assert told == StallLimits(600.0, None)
    stall = Stall(0.0)
    assert look(stall, 1e6, 0.0, told) == StallAct(1e6, end=False)
    assert look(stall, 2e6, 0.0, told) is None
    assert look(Stall(0.0), 1e6, 0.0, stall_limits(None, 0)) is None


def test_a_session_s_own_limit_comes_before_the_default() -> None:
    assert stall_limits(20_000, 600_000) == StallLimits(10.0, 20.0)


@pytest.mark.parametrize("event_type", sorted(EVENTS))
def test_what_a_turn_makes_is_progress_and_what_a_provider_says_of_itself_is_none(
    event_type: str,
) -> None:
    of_itself = ("session.", "thread.", "auth.", "account.", "mcp.", "model.", "config.")
    others = ("deprecation.notice", "files.persisted", "runtime.warning", "runtime.error")
    assert is_progress(event_type) is not event_type.startswith(of_itself + others)


def test_a_tool_that_works_in_silence_is_progress_and_is_told_of_once() -> None:
    stall = Stall(0.0)
    assert look(stall, 5.0, 0.0) == StallAct(5.0, end=False)
    assert not stall.tools_work(5.0, 100)
    assert look(stall, 10.0, 0.0) == StallAct(10.0, end=True)
    assert stall.tools_work(10.0, 4_000)
    assert look(stall, 19.9, 0.0) is None
    assert look(stall, 20.0, 0.0) == StallAct(10.0, end=True)
    assert not stall.tools_work(20.0, 4_100), "it sleeps now"


def test_a_turn_that_only_begins_has_done_nothing() -> None:
    assert not any(is_deed(kind) for kind in ("turn.started", "hook.started", "session.started"))
    assert is_deed("content.delta")
    assert is_deed("item.started")
