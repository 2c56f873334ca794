"""What is refused before the upgrade to a WebSocket, with which status."""

import asyncio
import http.client

import aiohttp
import pytest

from tests.bridge.conftest import Bridge
from tests.support.client import SidecarClient


def answer_to(bridge: Bridge, path: str, headers: list[tuple[str, str]]) -> int:
    """Send a request with exactly these headers; return the status."""
    connection = http.client.HTTPConnection("127.0.0.1", bridge.port, timeout=10)
    connection.putrequest("GET", path, skip_host=True, skip_accept_encoding=True)
    for name, value in headers:
        connection.putheader(name, value)
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    return status


def upgrade(**changed: str | None) -> list[tuple[str, str]]:
    headers: dict[str, str | None] = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
        "Sec-WebSocket-Protocol": "sidecar.v1",
    }
    headers |= {name.replace("_", "-"): value for name, value in changed.items()}
    return [(name, value) for name, value in headers.items() if value is not None]


@pytest.mark.parametrize("path", ["/bridge", "/healthz", "/readyz", "/metrics", "/nothing"])
@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "", "http://127.0.0.1", "file://"]
)
@pytest.mark.must("P2.3")
@pytest.mark.must("P7.4")
async def test_any_origin_gets_403(
    bridge: Bridge, bystander: SidecarClient, path: str, origin: str
) -> None:
    host = f"127.0.0.1:{bridge.port}"
    headers = upgrade(Host=host, Origin=origin)
    assert await asyncio.to_thread(answer_to, bridge, path, headers) == 403


@pytest.mark.parametrize("path", ["/bridge", "/healthz", "/readyz", "/metrics", "/nothing"])
@pytest.mark.parametrize(
    "host",
    [
        "evil.example:{port}",
        "127.0.0.1",
        "localhost",
        "127.0.0.1:1",
        "127.0.0.1:{port}.evil.example",
        "localhost.evil.example:{port}",
        "[::1]:{port}",
        "0.0.0.0:{port}",
        "",
        None,
    ],
)
@pytest.mark.must("P2.3")
@pytest.mark.must("P7.4")
async def test_any_other_host_gets_403(bridge: Bridge, path: str, host: str | None) -> None:
    named = None if host is None else host.format(port=bridge.port)
    status = await asyncio.to_thread(answer_to, bridge, path, upgrade(Host=named))
    # a request of HTTP/1.1 without a Host is already refused by the HTTP parser
    assert status == 403 or (named is None and status == 400)


@pytest.mark.must("P2.3")
async def test_two_hosts_get_403(bridge: Bridge) -> None:
    own = f"127.0.0.1:{bridge.port}"
    headers = [("Host", own), *upgrade(Host="evil.example")]
    assert await asyncio.to_thread(answer_to, bridge, "/healthz", headers) in (400, 403)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST"])
@pytest.mark.must("P2.3")
async def test_own_names_come_in(bridge: Bridge, name: str) -> None:
    headers = upgrade(Host=f"{name}:{bridge.port}")
    assert await asyncio.to_thread(answer_to, bridge, "/bridge", headers) == 101


@pytest.mark.parametrize("protocols", [(), ("sidecar.v2",), ("mqtt", "chat")])
@pytest.mark.must("P2.1")
async def test_without_the_subprotocol_400(bridge: Bridge, protocols: tuple[str, ...]) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await bridge.raw(protocols=protocols)
    assert caught.value.status == 400


@pytest.mark.must("P2.1")
async def test_the_subprotocol_is_chosen_among_others(bridge: Bridge) -> None:
    raw = await bridge.raw(protocols=("other", "sidecar.v1"))
    assert raw.ws.protocol == "sidecar.v1"


@pytest.mark.must("P2.1")
async def test_no_websocket_gets_400(bridge: Bridge) -> None:
    headers = [("Host", f"127.0.0.1:{bridge.port}"), ("Sec-WebSocket-Protocol", "sidecar.v1")]
    assert await asyncio.to_thread(answer_to, bridge, "/bridge", headers) == 400


@pytest.mark.must("P2.2")
async def test_no_extension_is_negotiated(bridge: Bridge) -> None:
    raw = await bridge.raw(compress=15)
    assert raw.ws.compress == 0
