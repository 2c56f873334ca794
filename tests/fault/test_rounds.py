"""Rounds of faults: at moments that a seed chooses something breaks, and every invariant holds.

A bad seed is printed with the command that replays it. The sidecar runs from source: what breaks
here is not packaging.
"""

from pathlib import Path

import pytest

from tests.fault.rounds.check import report, run_and_judge
from tests.fault.rounds.plan import plan_of

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")

FEW = range(1, 11)
MANY = range(11, 201)


async def hold(seed: int, folder: Path) -> None:
    """Run a seed's round and fail with all that it violates."""
    plan = plan_of(seed)
    violations, _outcome = await run_and_judge(plan, folder)
    if violations:
        pytest.fail(f"round {seed}:\n{report(plan, violations)}", pytrace=False)


@pytest.mark.parametrize("seed", FEW)
async def test_a_round_of_faults_breaks_no_invariant(tmp_path: Path, seed: int) -> None:
    await hold(seed, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("seed", MANY)
async def test_nor_does_any_of_two_hundred(tmp_path: Path, seed: int) -> None:
    await hold(seed, tmp_path)
