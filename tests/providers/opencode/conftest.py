"""Fixtures for opencode's sessions."""

from collections.abc import AsyncIterator

import pytest

from tests.providers.opencode.house import House


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """A host with the fake server, stopped behind the test."""
    async with House() as house:
        yield house
