"""A watchdog that has a defect is not gone for good."""

import asyncio

import pytest

from sidecar.observe.log import null_log
from sidecar.supervisor.watch.watch import Watch


class Fails:
    """Fails once, and then watches."""

    name = "fails"

    def __init__(self) -> None:
        self.runs = 0
        self.watches = asyncio.Event()

    async def run(self) -> None:
        self.runs += 1
        if self.runs == 1:
            raise OSError(24, "Too many open files")
        self.watches.set()
        await asyncio.Event().wait()


async def runs_twice() -> None:
    fails = Fails()
    watch = Watch([fails], null_log(), again_s=0.01)
    watch.start()
    async with asyncio.timeout(10):
        await fails.watches.wait()
    await watch.stop()
    assert fails.runs == 2


async def test_one_that_fails_is_run_again() -> None:
    await runs_twice()


async def test_one_is_run_again_also_where_there_was_no_memory_to_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sleep, failures = asyncio.sleep, [MemoryError(), MemoryError()]

    async def poor(delay_s: float) -> None:
        if failures:
            raise failures.pop()
        await sleep(delay_s)

    monkeypatch.setattr(asyncio, "sleep", poor)
    await runs_twice()
