"""kill -9 of the supervisor: nothing that was below it lives after the declared deadline."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sidecar.process import own_environment
from tests.support import observer

FAKE = str(Path(__file__).parents[2] / "fakes" / "fake_supervisor.py")

PROMISE_S = 3.0
"""ARCHITECTURE §4; tested at three times its setting."""

Start = Callable[[str], dict[str, Any]]


@pytest.fixture
def start(sentinel: str) -> Iterator[Start]:
    processes: list[subprocess.Popen[bytes]] = []

    def start(kind: str) -> dict[str, Any]:
        process = subprocess.Popen(
            [sys.executable, FAKE, kind, sentinel], stdout=subprocess.PIPE, env=own_environment()
        )
        processes.append(process)
        assert process.stdout is not None
        pids: dict[str, Any] = json.loads(process.stdout.readline())
        return pids

    yield start
    for process in processes:
        process.kill()
        process.communicate()


async def all_dead(pids: dict[str, Any], sentinel: str) -> None:
    assert await observer.wait_until_none(sentinel, 3 * PROMISE_S) == []
    ours = [*pids["hosts"], *([pids["zygote"]] if pids["zygote"] else [])]
    assert await observer.wait_until_ended(ours, 3 * PROMISE_S) == []


@pytest.mark.parametrize("kind", ["zygote", "exec"])
async def test_all_is_dead_after_the_supervisor_alone(
    start: Start, sentinel: str, kind: str
) -> None:
    """One of the two hosts is wedged in a busy loop."""
    pids = start(kind)
    assert len(await observer.wait_until_seen(sentinel, 1 + 2 * 7, 5)) >= 1 + 2 * 7
    os.kill(pids["pid"], signal.SIGKILL)
    await all_dead(pids, sentinel)


async def test_all_is_dead_after_supervisor_and_zygote(start: Start, sentinel: str) -> None:
    """No undertaker is left: the guards act."""
    pids = start("zygote")
    os.kill(pids["pid"], signal.SIGKILL)
    os.kill(pids["zygote"], signal.SIGKILL)
    await all_dead(pids, sentinel)


async def test_all_is_dead_although_a_host_was_stopped(start: Start, sentinel: str) -> None:
    """Neither its loop nor its guard runs: the undertaker acts."""
    pids = start("zygote")
    os.kill(pids["hosts"][0], signal.SIGSTOP)
    os.kill(pids["pid"], signal.SIGKILL)
    await all_dead(pids, sentinel)
