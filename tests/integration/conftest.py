"""A running sidecar from source, and a client of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.client import SidecarClient
from tests.support.sidecar import RunningSidecar


@pytest.fixture
async def sidecar(tmp_path: Path) -> AsyncIterator[RunningSidecar]:
    """A sidecar on a fresh data dir, stopped in order after the test."""
    async with RunningSidecar(tmp_path / "data") as running:
        yield running


@pytest.fixture
async def client(sidecar: RunningSidecar) -> AsyncIterator[SidecarClient]:
    """A connected client."""
    async with sidecar.client() as connected:
        yield connected
