"""Rounds of faults: at moments that a seed chooses something breaks, and every invariant holds.

A bad seed is printed with the command that replays it. The sidecar runs from source: what breaks
here is not packaging.
"""

from pathlib import Path

import pytest

from tests.fault.rounds.check import report, run_and_judge
from tests.fault.rounds.plan import CHOICES, plan_of

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc"),
    pytest.mark.beside,
]

FEW = (1, 2, 3, 4, 5, 6, 17, 20, 71, 107)
"""Ten that have every kind of fault on every target."""

MANY = [seed for seed in range(1, 201) if seed not in FEW]


async def hold(seed: int, folder: Path) -> None:
    """Run a seed's round and fail with all that it violates."""
    plan = plan_of(seed)
    violations, _outcome = await run_and_judge(plan, folder)
    if violations:
        pytest.fail(f"round {seed}:\n{report(plan, violations)}", pytrace=False)


def test_the_few_rounds_have_all_that_can_be_done() -> None:
    planned = {(fault.kind, fault.target) for seed in FEW for fault in plan_of(seed).faults}
    assert planned == {(kind, target) for kind, target, _weight in CHOICES}


@pytest.mark.parametrize("seed", FEW)
async def test_a_round_of_faults_breaks_no_invariant(tmp_path: Path, seed: int) -> None:
    await hold(seed, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("seed", MANY)
async def test_nor_does_any_of_two_hundred(tmp_path: Path, seed: int) -> None:
    await hold(seed, tmp_path)
