"""Every row is green as we are, and red as soon as what it claims is switched off.

All of it runs at once, some rows at a time: they mostly wait. From source; `build.py scorecard`
scores the frozen binary.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.scorecard.model import Outcome, RowSpec
from tests.scorecard.rows.catalog import ROWS
from tests.scorecard.runner import run_row
from tests.scorecard.sabotage.catalog import SABOTAGES
from tests.scorecard.sabotage.patching import TargetGoneError, patch, replace
from tests.scorecard.systems.sidecar import SidecarSystem, from_source

pytestmark = pytest.mark.beside

AT_ONCE = 5
"""Rows that run side by side."""

BY_NAME = {row.name: row for row in ROWS}
CASES = [("none", row.name) for row in ROWS] + [(n, s.row) for n, s in SABOTAGES.items()]
"""What is switched off, and the row that is run."""

FROZEN_ROW = "package"
"""Needs the frozen binaries, whose size it weighs."""

Outcomes = dict[tuple[str, str], Outcome]


@pytest.fixture(scope="module")
def outcomes(
    tmp_path_factory: pytest.TempPathFactory, frozen_binary: Callable[[str], Path]
) -> Outcomes:
    """Run all cases; skips none, but for the row that needs a frozen binary when there is none."""
    cases = [case for case in CASES if case[1] != FROZEN_ROW or _is_frozen(frozen_binary)]
    return asyncio.run(_run(cases, tmp_path_factory.mktemp("scorecard")))


def _is_frozen(frozen_binary: Callable[[str], Path]) -> bool:
    try:
        return all(frozen_binary(layout).is_file() for layout in ("onefile", "onedir"))
    except pytest.skip.Exception:
        return False


async def _run(cases: list[tuple[str, str]], folder: Path) -> Outcomes:
    gate = asyncio.Semaphore(AT_ONCE)
    outcomes: Outcomes = {}

    async def one(sabotage: str, name: str) -> None:
        def make(place: Path, run: str, row: RowSpec) -> SidecarSystem:
            command = from_source(sabotage)
            return SidecarSystem(place, run, command=command, settings=row.settings)

        async with gate:
            outcomes[sabotage, name] = await run_row(
                BY_NAME[name],
                make,
                quick=True,
                folder=folder / f"{sabotage}-{name}",
                hasty=sabotage != "none",
            )

    await asyncio.gather(*(one(*case) for case in cases))
    return outcomes


def _outcome(outcomes: Outcomes, sabotage: str, name: str) -> Outcome:
    if (sabotage, name) not in outcomes:
        pytest.skip("no frozen binary: run build.py freeze")
    return outcomes[sabotage, name]


@pytest.mark.parametrize("name", list(BY_NAME))
def test_a_row_of_ours_is_green(outcomes: Outcomes, name: str) -> None:
    outcome = _outcome(outcomes, "none", name)
    assert outcome.verdict == "green", outcome.reasons
    counted = (outcome.siblings_affected, outcome.events_lost, outcome.processes_left)
    assert counted == (0, 0, 0)


@pytest.mark.parametrize("sabotage", list(SABOTAGES))
def test_a_sabotage_turns_its_row_red_for_its_own_reason(outcomes: Outcomes, sabotage: str) -> None:
    spec = SABOTAGES[sabotage]
    outcome = _outcome(outcomes, sabotage, spec.row)
    assert outcome.verdict == "red"
    assert spec.because in outcome.reasons[0]


def test_each_row_has_a_sabotage() -> None:
    assert {spec.row for spec in SABOTAGES.values()} == set(BY_NAME)
    for row in ROWS:
        assert set(row.sabotages) == {n for n, spec in SABOTAGES.items() if spec.row == row.name}


def test_a_sabotage_whose_target_is_gone_says_so() -> None:
    with pytest.raises(TargetGoneError, match="nothing would be disabled"):
        patch("sidecar.core.credit:CreditWindow.no_such_thing", lambda before: before)
    with pytest.raises(TargetGoneError, match="nothing would be disabled"):
        replace("sidecar.core.credit:no_such_thing", None)
