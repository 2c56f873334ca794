"""Children that misbehave below a subreaper, as in a host, and an end for what a test leaves."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.process.linux import set_subreaper
from sidecar.providers.base import ProviderCommand
from tests.support import observer

MISBEHAVE = [sys.executable, "-S", str(Path(__file__).parents[1] / "fakes" / "misbehave.py")]


@pytest.fixture
def sentinel() -> Iterator[str]:
    word = observer.new_sentinel()
    yield word
    observer.kill_all(word)


@pytest.fixture
def adopting() -> Iterator[None]:
    """Be what a host is: orphans fall to this process."""
    before = set_subreaper()
    yield
    set_subreaper(before)


def misbehave(mode: str, sentinel: str, *words: str) -> ProviderCommand:
    """Return the command of tests/fakes/misbehave.py in a mode."""
    return ProviderCommand([*MISBEHAVE, mode, sentinel, *words])
