"""Adopted zombies are reaped; the statuses that others wait for are left to them."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Iterator

import pytest

from sidecar.process import Exit, OrphanReaper
from sidecar.process.census import strangers
from sidecar.process.linux import set_subreaper
from tests.process.conftest import Misbehave


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    before = set_subreaper(False)
    yield
    set_subreaper(before)


@pytest.fixture
async def reaper(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OrphanReaper]:
    monkeypatch.setattr("sidecar.process.reaper.REAP_AFTER_S", 0.1)
    reaper = OrphanReaper()
    reaper.start()
    yield reaper
    reaper.close()


async def test_an_orphan_is_adopted_and_reaped(reaper: OrphanReaper) -> None:
    subprocess.run(["sh", "-c", "setsid sleep 0.05 &"], check=True)
    async with asyncio.timeout(5):
        while reaper.reaped == 0:
            await asyncio.sleep(0.01)
    assert strangers() == []


async def test_statuses_that_others_wait_for_are_left_to_them(
    reaper: OrphanReaper, misbehave: Misbehave
) -> None:
    popen = subprocess.Popen(["sh", "-c", "exit 3"])
    spawned = await asyncio.create_subprocess_exec("sh", "-c", "exit 4", start_new_session=True)
    child = await misbehave("exit", "5")
    assert await child.wait() == Exit(code=5)
    assert await spawned.wait() == 4
    await asyncio.sleep(0.35)  # three looks
    assert popen.wait() == 3
    assert os.getpgid(child.pid) == child.pid, "a Child's zombie was taken"
    assert reaper.reaped == 0


async def test_an_unknown_zombie_is_left_alone_at_the_first_look(
    reaper: OrphanReaper,
) -> None:
    """Somebody's own wait comes between the two looks."""
    popen = subprocess.Popen(["true"], start_new_session=True)
    os.waitid(os.P_PID, popen.pid, os.WEXITED | os.WNOWAIT)
    reaper._look()
    assert popen.wait() == 0
    reaper._look()
    assert reaper.reaped == 0
