"""Every (phase, cause) pair is decided: taken as the table says, or refused by name."""

import itertools

import pytest

from sidecar.core.lifecycle import TRANSITIONS, Cause, IllegalTransition, Lifecycle, Phase


def test_every_pair_is_taken_or_refused() -> None:
    for phase, cause in itertools.product(Phase, Cause):
        life = Lifecycle()
        life.phase = phase
        if (phase, cause) in TRANSITIONS:
            assert life.may(cause)
            assert life.move(cause) is TRANSITIONS[phase, cause]
        else:
            assert not life.may(cause)
            with pytest.raises(IllegalTransition, match=f"{cause.name} in phase {phase.name}"):
                life.move(cause)


def test_every_phase_can_be_reached_and_left() -> None:
    reached = {Phase.STOPPED} | set(TRANSITIONS.values())
    left = {phase for phase, _ in TRANSITIONS}
    assert reached == set(Phase)
    assert left == set(Phase)


def test_stop_is_possible_in_every_phase() -> None:
    assert all((phase, Cause.STOP) in TRANSITIONS for phase in Phase)


def test_a_session_runs_from_its_start_to_its_stop() -> None:
    life = Lifecycle()
    running = [life.running]
    for cause in (Cause.START, Cause.READY, Cause.RETRY_LATER, Cause.RETRY, Cause.STOP):
        life.move(cause)
        running.append(life.running)
    assert running == [False, True, True, True, True, False]


def test_a_suspended_session_waits_and_starts_again() -> None:
    life = Lifecycle(Phase.LIVE)
    round_ = (Cause.SUSPEND, Cause.RETRY_LATER)
    phases = [life.move(cause) for cause in (*round_, *round_, Cause.RETRY)]
    assert phases == [Phase.SUSPENDING, Phase.WAITING] * 2 + [Phase.STARTING]
    assert life.running


def test_a_parked_session_neither_runs_nor_is_lost() -> None:
    life = Lifecycle(Phase.LIVE)
    assert [life.move(c) for c in (Cause.PARK, Cause.CLOSED)] == [Phase.PARKING, Phase.PARKED]
    assert life.down
    assert not life.running
    assert life.move(Cause.START) is Phase.STARTING
