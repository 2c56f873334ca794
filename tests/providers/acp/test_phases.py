"""What becomes of an update depends on where the session is, for every pair."""

import pytest

from sidecar.providers.acp.phases import Cause, Fate, Phase, fate, moved


@pytest.mark.parametrize(
    ("causes", "end"),
    [
        ([Cause.NEW, Cause.ANNOUNCED], Phase.LIVE),
        ([Cause.LOAD, Cause.LOADED, Cause.ANNOUNCED], Phase.LIVE),
        ([Cause.LOAD, Cause.NEW, Cause.ANNOUNCED], Phase.LIVE),
        ([Cause.LOAD, Cause.NEW, Cause.LOADED, Cause.ANNOUNCED], Phase.LIVE),
        ([Cause.LOAD, Cause.ANNOUNCED], Phase.LOADING),
        ([Cause.NEW, Cause.ANNOUNCED, Cause.LOADED, Cause.NEW], Phase.LIVE),
        ([Cause.END, Cause.NEW, Cause.LOAD, Cause.ANNOUNCED], Phase.ENDED),
    ],
)
def test_the_phase_follows_the_table(causes: list[Cause], end: Phase) -> None:
    phase = Phase.SHAKING
    for cause in causes:
        phase = moved(phase, cause)
    assert phase is end


@pytest.mark.parametrize("phase", Phase)
def test_the_end_ends_every_phase(phase: Phase) -> None:
    assert moved(phase, Cause.END) is Phase.ENDED


@pytest.mark.parametrize(
    ("phase", "content", "setting"),
    [
        (Phase.SHAKING, Fate.HOLD, Fate.HOLD),
        (Phase.LOADING, Fate.DROP, Fate.HOLD),
        (Phase.OPENING, Fate.HOLD, Fate.HOLD),
        (Phase.LIVE, Fate.MAP, Fate.MAP),
        (Phase.ENDED, Fate.DROP, Fate.DROP),
    ],
)
def test_history_is_dropped_and_early_news_is_kept(
    phase: Phase, content: Fate, setting: Fate
) -> None:
    assert fate(phase, is_content=True) is content
    assert fate(phase, is_content=False) is setting
