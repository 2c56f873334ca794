"""Hundreds of sessions come and go, and the sidecar holds no more than after the first ones."""

from pathlib import Path

import pytest

from tests.fault.churn import Look, cycles, fill, grown, settled_look
from tests.support.sidecar import RunningSidecar

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")

GROWTH = 1.05
"""Memory at the end over that after the warm-up (issue: within 5 %)."""


async def churned(folder: Path, warm_up: int, in_all: int) -> tuple[Look, Look]:
    """Run a warm-up, then the rest, on one supervisor; what it held after each."""
    async with RunningSidecar(folder) as sidecar, sidecar.client() as client:
        await fill(client)
        await cycles(client, range(warm_up))
        before = await settled_look(client, sidecar.pid)
        await cycles(client, range(warm_up, in_all))
        after = await settled_look(client, sidecar.pid, before)
        assert after.counts["tasks"] > 0
        print(
            f"{in_all} cycles: {before.counts} → {after.counts}; "
            f"PSS {before.pss_bytes / 1e6:.1f} → {after.pss_bytes / 1e6:.1f} MB"
        )
    return before, after


async def test_nothing_grows_with_the_sessions_that_come_and_go(tmp_path: Path) -> None:
    before, after = await churned(tmp_path, 20, 60)
    assert not grown(before, after)


@pytest.mark.long
async def test_five_hundred_cycles_cost_no_memory_either(tmp_path: Path) -> None:
    before, after = await churned(tmp_path, 100, 500)
    assert not grown(before, after)
    assert after.pss_bytes <= before.pss_bytes * GROWTH
