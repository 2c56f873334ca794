"""Waits that several test modules of the bridge share."""

import asyncio

from tests.bridge.conftest import Bridge
from tests.support.client import SidecarClient


async def caught_up(client: SidecarClient, seq: int) -> None:
    await client.wait_for(lambda: client.cursor >= seq, f"seq {seq}")


async def settled(bridge: Bridge) -> None:
    """Wait until the server has nothing more to do for anybody."""
    async with asyncio.timeout(5):
        while True:
            reads = bridge.backend.journal.reads
            await asyncio.sleep(0.1)
            if reads == bridge.backend.journal.reads:
                return
