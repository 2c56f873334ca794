"""What is refused before hello: its documented code, and other clients notice nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from sidecar.bridge import Timings
from sidecar.bridge.bounds import CONNECTIONS, TCP_CONNECTIONS
from sidecar.contract.limits import CONNECTIONS_BEFORE_HELLO
from tests.bridge.conftest import Bridge, BridgeFactory, RawSocket
from tests.bridge.fakes.backend import TOKEN
from tests.bridge.frames import ANYWHERE, chunk
from tests.support import wire
from tests.support.client import SidecarClient


async def no_request(raw: RawSocket) -> None:
    await raw.say([2, "heartbeat", {"monoMs": 1, "wallMs": 1}])


async def a_chunk(raw: RawSocket) -> None:
    await raw.say(chunk(1, 0, 2))


@pytest.mark.parametrize(
    ("act", "code"), [*ANYWHERE, (no_request, 4400), (a_chunk, 4400)], ids=lambda v: str(v)[:30]
)
@pytest.mark.must("P2.4")
@pytest.mark.must("P2.5")
@pytest.mark.must("P2.14")
@pytest.mark.must("P2.16")
@pytest.mark.must("P2.19")
@pytest.mark.must("P3.2")
async def test_refused_before_hello(
    bridge: Bridge,
    bystander: SidecarClient,
    act: Callable[[RawSocket], Awaitable[None]],
    code: int,
) -> None:
    raw = await bridge.raw()
    await act(raw)
    assert await raw.closed() == code


@pytest.mark.parametrize("message", [[0, 9, "session.list", {}], [0, 9, "no.method", {}]])
@pytest.mark.must("P3.1")
@pytest.mark.must("P3.2")
async def test_a_request_before_hello_is_answered_and_closed(
    bridge: Bridge, bystander: SidecarClient, message: list[Any]
) -> None:
    raw = await bridge.raw()
    await raw.say(message)
    _, number, error, result = await raw.hear()
    assert (number, error["code"], error["key"], result) == (9, -32002, "not_initialised", None)
    assert await raw.closed() == 4400
    assert bridge.backend.calls == []


@pytest.mark.must("P3.2")
async def test_no_hello_in_time_closes(start_bridge: BridgeFactory) -> None:
    bridge = await start_bridge(timings=Timings(hello_s=0.2, close_s=1.0))
    raw = await bridge.raw()
    assert await raw.closed() == 4400


@pytest.mark.must("P3.2")
async def test_pings_are_no_hello(start_bridge: BridgeFactory) -> None:
    bridge = await start_bridge(timings=Timings(hello_s=0.5, close_s=1.0))
    raw = await bridge.raw()

    async def ping() -> None:
        while not raw.ws.closed:
            await raw.ws.ping()
            await asyncio.sleep(0.05)

    pinging = asyncio.create_task(ping())
    assert await raw.closed() == 4400
    pinging.cancel()
    await asyncio.gather(pinging, return_exceptions=True)


@pytest.mark.must("P3.3")
async def test_wrong_auth_closes_without_an_answer(
    bridge: Bridge, bystander: SidecarClient
) -> None:
    raw = await bridge.raw()
    await raw.say([0, 1, "hello", wire.hello_params("ff" * 32, "thief")])
    message = await raw.ws.receive(timeout=10)
    assert message.type is aiohttp.WSMsgType.CLOSE
    assert raw.ws.close_code == 4401
    assert bridge.backend.arrived == ["bystander"]


@pytest.mark.must("P3.3")
async def test_wrong_auth_does_not_replace_anybody(
    bridge: Bridge, bystander: SidecarClient
) -> None:
    raw = await bridge.raw()
    await raw.say([0, 1, "hello", wire.hello_params("ff" * 32, "bystander")])
    assert await raw.closed() == 4401


@pytest.mark.must("P3.5")
async def test_no_common_version_closes(bridge: Bridge, bystander: SidecarClient) -> None:
    raw = await bridge.raw()
    await raw.say([0, 1, "hello", wire.hello_params(TOKEN, "new", protocol=[2, 3])])
    assert await raw.closed() == 4406


@pytest.mark.must("P3.4")
async def test_hello_that_does_not_fit_is_answered_and_closed(
    bridge: Bridge, bystander: SidecarClient
) -> None:
    raw = await bridge.raw()
    response = await raw.hello(nonce=b"short")
    assert response[2]["key"] == "invalid_params"
    assert response[2]["data"]["path"] == "nonce"
    assert await raw.closed() == 4400


@pytest.mark.must("P2.18")
async def test_the_ninth_connection_before_hello_is_closed(
    bridge: Bridge, bystander: SidecarClient
) -> None:
    waiting = [await bridge.raw() for _ in range(CONNECTIONS_BEFORE_HELLO)]
    ninth = await bridge.raw()
    assert await ninth.closed() == 4429
    response = await waiting[0].hello("first")
    assert response[2] is None
    tenth = await bridge.raw()  # one has said hello, so there is room again
    assert (await tenth.hello("tenth"))[2] is None


async def test_connections_have_a_bound(bridge: Bridge) -> None:
    sockets = []
    for number in range(CONNECTIONS):
        raw = await bridge.raw()
        assert (await raw.hello(f"c{number}"))[2] is None
        sockets.append(raw)
    assert await (await bridge.raw()).closed() == 4429


async def test_tcp_connections_have_a_bound(bridge: Bridge, bystander: SidecarClient) -> None:
    writers = []
    for _ in range(TCP_CONNECTIONS + 5):
        _reader, writer = await asyncio.open_connection("127.0.0.1", bridge.port)
        writers.append(writer)
    reader, writer = await asyncio.open_connection("127.0.0.1", bridge.port)
    with pytest.raises(ConnectionError):
        if await reader.read() == b"":
            raise ConnectionResetError
    for each in (*writers, writer):
        each.transport.abort()
