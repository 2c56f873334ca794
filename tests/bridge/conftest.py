"""A bridge on a fake backend, clients of it, and raw sockets to it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from sidecar.bridge import BridgeServer, Timings
from sidecar.observe.log import Log
from tests.bridge.fakes.backend import TOKEN, FakeBackend
from tests.support import wire
from tests.support.client import SidecarClient
from tests.support.received import seqs

QUICK = Timings(hello_s=2.0, close_s=1.0, stall_s=2.0, drain_s=1.0, lease_s=30.0)
"""Deadlines that no well-behaved test meets, short enough to be waited for."""

WAIT_S = 10.0


class RawSocket:
    """A WebSocket that says whatever a test wants."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws

    async def say(self, message: Any) -> None:
        """Send a value as MessagePack."""
        await self.ws.send_bytes(wire.encode(message))

    async def send(self, data: bytes) -> None:
        """Send bytes."""
        await self.ws.send_bytes(data)

    async def hear(self) -> Any:
        """Return the next message."""
        return wire.decode(await self.ws.receive_bytes(timeout=WAIT_S))

    async def hello(self, client_id: str = "raw", **extra: Any) -> Any:
        """Say hello and return the response to it."""
        await self.say([0, 1, "hello", wire.hello_params(TOKEN, client_id, **extra)])
        return await self.hear()

    async def response(self) -> Any:
        """Return the next response, passing over notifications."""
        while (message := await self.hear())[0] != 1:
            pass
        return message

    async def closed(self) -> int | None:
        """Read to the end; return the close code."""
        async with asyncio.timeout(WAIT_S):
            while (await self.ws.receive()).type is aiohttp.WSMsgType.BINARY:
                pass
        return self.ws.close_code


class Bridge:
    """A running server and what a test needs around it."""

    def __init__(self, backend: FakeBackend, server: BridgeServer, port: int) -> None:
        self.backend = backend
        self.server = server
        self.port = port
        self.stack = contextlib.AsyncExitStack()

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"ws://127.0.0.1:{self.port}/bridge"

    @property
    def http(self) -> str:
        """Where everybody else connects."""
        return f"http://127.0.0.1:{self.port}"

    def client(self, client_id: str = "c1", **options: Any) -> SidecarClient:
        """Return a client, closed with the test, not yet connected."""
        client = SidecarClient(self.url, TOKEN, client_id=client_id, **options)
        self.stack.push_async_callback(client.close)
        return client

    async def connected(self, client_id: str = "c1", **options: Any) -> SidecarClient:
        """Return a client that has said hello."""
        client = self.client(client_id, **options)
        await client.connect()
        return client

    async def raw(self, **options: Any) -> RawSocket:
        """Return a WebSocket on which nothing was said yet."""
        session = await self.stack.enter_async_context(aiohttp.ClientSession())
        chosen: dict[str, Any] = {"protocols": ("sidecar.v1",), "compress": 0, "max_msg_size": 0}
        connecting = session.ws_connect(self.url, **(chosen | options))
        return RawSocket(await self.stack.enter_async_context(connecting))

    async def stop(self) -> None:
        """Stop the clients, then the server."""
        await self.stack.aclose()
        await self.server.stop()


class BridgeFactory:
    """Starts bridges for one test."""

    def __init__(self) -> None:
        self.bridges: list[Bridge] = []
        self.log_lines: list[str] = []

    def _keep(self, line: str) -> None:
        self.log_lines.append(line)

    async def __call__(
        self, backend: FakeBackend | None = None, timings: Timings = QUICK, **options: Any
    ) -> Bridge:
        backend = backend or FakeBackend(**options)
        log = Log((self._keep,), "debug")
        server = BridgeServer(backend, log=log, timings=timings)
        bridge = Bridge(backend, server, await server.start())
        self.bridges.append(bridge)
        return bridge


@pytest.fixture
async def start_bridge() -> AsyncIterator[BridgeFactory]:
    """Give a function that starts a bridge on a backend; all are stopped in the end."""
    factory = BridgeFactory()
    yield factory
    for bridge in reversed(factory.bridges):
        await bridge.stop()
    failures = [line for line in factory.log_lines if "connection.failed" in line]
    assert not failures, failures


@pytest.fixture
async def bridge(start_bridge: BridgeFactory) -> Bridge:
    """Give a bridge on a fake backend."""
    return await start_bridge()


@pytest.fixture
async def bystander(bridge: Bridge) -> AsyncIterator[SidecarClient]:
    """Give a client that must notice nothing of what the test does on other connections."""
    client = await bridge.connected("bystander")
    await client.wait_for(lambda: client.synchronized)
    yield client
    last = bridge.backend.emit(3)
    await client.wait_for(lambda: client.cursor == last)
    assert await client.request("session.get", {"threadId": "t1"}) == {}
    assert client.close_code is None
    assert seqs(client.events) == list(range(client.events[0].seq, last + 1))
    assert not client.controls("goodbye")
