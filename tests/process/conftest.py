"""Children that misbehave, and an end for all that a failed test leaves."""

import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from sidecar.process import Child
from tests.support import observer

FAKES = Path(__file__).parents[1] / "fakes"
MISBEHAVE = [sys.executable, "-S", str(FAKES / "misbehave.py")]

Misbehave = Callable[..., Awaitable[Child]]


@pytest.fixture
def sentinel() -> Iterator[str]:
    word = observer.new_sentinel()
    yield word
    observer.kill_all(word)


@pytest.fixture
async def misbehave(sentinel: str) -> AsyncIterator[Misbehave]:
    """Start misbehave.py in a mode; returns once its tree stands."""
    children: list[Child] = []

    async def start(mode: str, *words: str, env: dict[str, str] | None = None) -> Child:
        child = await Child.spawn([*MISBEHAVE, mode, sentinel, *words], env=env or dict(os.environ))
        children.append(child)
        if mode != "exit":
            assert await child.read() == b"ready\n"
        return child

    yield start
    for child in children:
        child.close()
