"""A host is asked when it is silent, suspected when it does not answer, and given up at the second
silence."""

import pytest

from sidecar.core.watch.beats import Beat, Stage


def stages(beat: Beat, *looks: tuple[float, float]) -> list[Stage]:
    """Look at (now, heard) one after the other; the stage after each."""
    found = []
    for now_s, heard_s in looks:
        beat.look(now_s, heard_s)
        found.append(beat.stage)
    return found


def test_a_silent_host_is_asked_suspected_and_given_up() -> None:
    beat = Beat(5.0, 0.0)
    looks = [(float(now), 0.0) for now in (4, 5, 10, 11, 15, 16)]
    assert stages(beat, *looks) == [
        Stage.FINE,
        Stage.ASKED,
        Stage.ASKED,
        Stage.SUSPECTED,
        Stage.SUSPECTED,
        Stage.WEDGED,
    ]
    assert beat.silent_s(16.0) == 16.0


def test_a_host_that_streams_is_never_asked() -> None:
    beat = Beat(5.0, 0.0)
    assert set(stages(beat, *((float(now), now - 0.1) for now in range(1, 100)))) == {Stage.FINE}


@pytest.mark.parametrize("answer_s", [5.0, 7.0, 10.9])
def test_an_answer_ends_the_question(answer_s: float) -> None:
    beat = Beat(5.0, 0.0)
    assert stages(beat, (5.0, 0.0), (10.9, answer_s)) == [Stage.ASKED, Stage.FINE]


def test_an_answer_ends_the_suspicion_and_the_next_question_is_another() -> None:
    beat = Beat(5.0, 0.0)
    looks = ((5.0, 0.0), (11.0, 0.0), (15.9, 15.8), (16.0, 15.8), (21.0, 15.8), (26.9, 15.8))
    assert stages(beat, *looks) == [
        Stage.ASKED,
        Stage.SUSPECTED,
        Stage.FINE,
        Stage.FINE,
        Stage.ASKED,
        Stage.ASKED,
    ]


def test_only_a_change_is_told() -> None:
    beat = Beat(5.0, 0.0)
    assert [beat.look(now, 0.0) for now in (4.0, 5.0, 6.0, 11.0, 12.0, 16.0, 17.0)] == [
        False,
        True,
        False,
        True,
        False,
        True,
        False,
    ]


def test_what_was_not_watched_counts_for_nothing() -> None:
    beat = Beat(5.0, 0.0)
    stages(beat, (5.0, 0.0), (11.0, 0.0))
    assert beat.stage is Stage.SUSPECTED
    beat.start_anew(4_000.0)
    assert stages(beat, (4_000.0, 0.0), (4_005.0, 0.0), (4_011.0, 0.0), (4_016.0, 0.0)) == [
        Stage.FINE,
        Stage.ASKED,
        Stage.SUSPECTED,
        Stage.WEDGED,
    ]
    assert beat.silent_s(4_016.0) == 16.0


def test_a_verdict_stays() -> None:
    beat = Beat(5.0, 0.0)
    stages(beat, (5.0, 0.0), (11.0, 0.0), (16.0, 0.0))
    beat.start_anew(17.0)
    assert stages(beat, (18.0, 17.5)) == [Stage.WEDGED]
