"""A foreign process's end is told once; one that never was is an error at once."""

import asyncio
import subprocess
import sys

import pytest

from sidecar.process.watch import ProcessWatch

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


async def test_the_end_of_a_process_is_told_once() -> None:
    ended: list[int] = []
    with subprocess.Popen(SLEEP) as process:
        watch = ProcessWatch(process.pid, lambda: ended.append(1))
        await asyncio.sleep(0)
        assert not ended
        process.kill()
        async with asyncio.timeout(5):
            while not ended:
                await asyncio.sleep(0.001)
    await asyncio.sleep(0.01)
    assert ended == [1]
    watch.close()


async def test_a_closed_watch_tells_nothing() -> None:
    ended: list[int] = []
    with subprocess.Popen(SLEEP) as process:
        watch = ProcessWatch(process.pid, lambda: ended.append(1))
        watch.close()
        process.kill()
    await asyncio.sleep(0.01)
    assert not ended


async def test_a_process_that_is_not_there_is_an_error() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
        pid = process.pid
    with pytest.raises(ProcessLookupError):
        ProcessWatch(pid, lambda: None)
