"""The program's exit codes."""

import pytest

from tests.scorecard.__main__ import verdict
from tests.scorecard.model import Outcome, Report, RowResult


def report(*reasons: str, sabotage: str | None = None) -> Report:
    outcome = Outcome("It falls.", verdict="red" if reasons else "green", reasons=[*reasons])
    return Report([RowResult("crash", "A provider crashes", outcome)], sabotage=sabotage)


def test_the_exit_code_is_the_verdict_on_ours() -> None:
    assert verdict(report()) == 0
    assert verdict(report("3 events lost")) == 1


@pytest.mark.parametrize(
    ("reasons", "code", "said"),
    [
        ((), 0, "was NOT noticed"),
        (("odd", "3 events lost, [] first"), 1, "was noticed"),
        (("it took too long",), 3, "ANOTHER reason"),
    ],
)
def test_a_sabotage_is_noticed_when_its_row_is_red_for_its_reason(
    capsys: pytest.CaptureFixture[str], reasons: tuple[str, ...], code: int, said: str
) -> None:
    assert verdict(report(*reasons, sabotage="no-drain")) == code
    assert said in capsys.readouterr().out
