"""Every refusal over a real socket: its documented code, and other clients notice nothing."""

import asyncio
import http.client
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from sidecar.bridge import Timings
from sidecar.bridge.bounds import CONNECTIONS, TCP_CONNECTIONS
from sidecar.contract.limits import CONNECTIONS_BEFORE_HELLO, MESSAGE_BYTES, MIB
from tests.bridge.conftest import Bridge, BridgeFactory, RawSocket
from tests.bridge.fakes.backend import TOKEN
from tests.support import wire
from tests.support.client import ConnectionEndedError, SidecarClient, seqs


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


def chunk(cid: int, index: int, count: int, data: bytes = b"x") -> list[Any]:
    return [2, "chunk", {"cid": cid, "index": index, "count": count, "data": data}]


# before the upgrade


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


# before hello


async def no_request(raw: RawSocket) -> None:
    await raw.say([2, "heartbeat", {"monoMs": 1, "wallMs": 1}])


async def a_chunk(raw: RawSocket) -> None:
    await raw.say(chunk(1, 0, 2))


async def not_msgpack(raw: RawSocket) -> None:
    await raw.send(b"\xc1")


async def wrong_shape(raw: RawSocket) -> None:
    await raw.say({"hello": 1})


async def text(raw: RawSocket) -> None:
    await raw.ws.send_str("hello")


async def oversized(raw: RawSocket) -> None:
    await raw.send(b"\x00" * (MESSAGE_BYTES + 1))


async def fragmented_oversized(raw: RawSocket) -> None:
    half = b"\x00" * (MESSAGE_BYTES // 2 + 1)
    for first_byte in (0x02, 0x80):  # binary without FIN, continuation with FIN
        header = bytes([first_byte, 0x80 | 127]) + len(half).to_bytes(8, "big") + bytes(4)
        raw.ws._writer.transport.write(header + half)


ANYWHERE: list[tuple[Callable[[RawSocket], Awaitable[None]], int]] = [
    (not_msgpack, 1007),
    (wrong_shape, 4400),
    (text, 1003),
    (oversized, 1009),
    (fragmented_oversized, 1009),
]


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


# after hello


async def second_hello(raw: RawSocket) -> None:
    await raw.say([0, 2, "hello", wire.hello_params(TOKEN, "raw")])


async def a_response(raw: RawSocket) -> None:
    await raw.say([1, 1, None, {}])


async def ack_of_the_unsent(raw: RawSocket) -> None:
    await raw.say([2, "ack", {"seq": 1_000_000}])


async def misshapen_ack(raw: RawSocket) -> None:
    await raw.say([2, "ack", {"seq": "one"}])


async def misshapen_cancel(raw: RawSocket) -> None:
    await raw.say([2, "cancel", {}])


async def misshapen_heartbeat(raw: RawSocket) -> None:
    await raw.say([2, "heartbeat", {"monoMs": -1, "wallMs": 0}])


async def two_transfers(raw: RawSocket) -> None:
    await raw.say(chunk(1, 0, 2))
    await raw.say(chunk(2, 0, 2))


async def chunk_in_chunk(raw: RawSocket) -> None:
    inner = wire.encode(chunk(2, 0, 1, wire.encode([2, "ack", {"seq": 0}])))
    await raw.say(chunk(1, 0, 1, inner))


async def chunked_rubbish(raw: RawSocket) -> None:
    await raw.say(chunk(1, 0, 1, b"\xc1"))


async def transfer_too_large(raw: RawSocket) -> None:
    piece = b"x" * (MIB - 1_000)
    for index in range(66):
        await raw.say(chunk(1, index, 100, piece))


AFTER_HELLO: list[tuple[Callable[[RawSocket], Awaitable[None]], int]] = [
    *ANYWHERE,
    (second_hello, 4400),
    (a_response, 4400),
    (ack_of_the_unsent, 4400),
    (misshapen_ack, 4400),
    (misshapen_cancel, 4400),
    (misshapen_heartbeat, 4400),
    (two_transfers, 4400),
    (chunk_in_chunk, 4400),
    (chunked_rubbish, 1007),
    (transfer_too_large, 4413),
]


@pytest.mark.parametrize(("act", "code"), AFTER_HELLO, ids=lambda v: str(v)[:30])
@pytest.mark.must("P2.4")
@pytest.mark.must("P2.5")
@pytest.mark.must("P2.6")
@pytest.mark.must("P2.12")
@pytest.mark.must("P2.15")
@pytest.mark.must("P2.16")
@pytest.mark.must("P2.19")
@pytest.mark.must("P3.4")
@pytest.mark.must("P4.7")
async def test_refused_after_hello(
    bridge: Bridge,
    bystander: SidecarClient,
    act: Callable[[RawSocket], Awaitable[None]],
    code: int,
) -> None:
    raw = await bridge.raw()
    assert (await raw.hello())[2] is None
    await act(raw)
    assert await raw.closed() == code
    back = await bridge.connected("raw")  # the same client may come again at once
    assert back.hello["resumed"] is False


@pytest.mark.must("P2.8")
async def test_the_id_of_an_open_request_closes(bridge: Bridge, bystander: SidecarClient) -> None:
    gate = asyncio.Event()

    async def wait(_params: Any) -> None:
        await gate.wait()

    bridge.backend.answers["session.get"] = wait
    raw = await bridge.raw()
    await raw.hello()
    await raw.say([0, 5, "session.get", {"threadId": "t1"}])
    await raw.say([0, 5, "session.list", {}])
    assert await raw.closed() == 4400
    gate.set()
    del bridge.backend.answers["session.get"]


@pytest.mark.must("P2.8")
async def test_an_answered_id_may_be_used_again(bridge: Bridge) -> None:
    raw = await bridge.raw()
    await raw.hello()
    for _ in range(3):
        await raw.say([0, 5, "session.list", {}])
        assert (await raw.response())[:3] == [1, 5, None]


@pytest.mark.parametrize("size", [2 * MIB, 16 * MIB, 80 * MIB])
@pytest.mark.must("P2.16")
async def test_far_too_large_frames_get_their_code_and_harm_nobody(
    bridge: Bridge, bystander: SidecarClient, size: int
) -> None:
    raw = await bridge.raw()
    await raw.hello()
    await raw.send(b"\x00" * size)
    assert await raw.closed() == 1009


@pytest.mark.must("P2.16")
async def test_a_frame_of_exactly_the_bound_is_taken(bridge: Bridge) -> None:
    raw = await bridge.raw()
    await raw.hello()
    message = wire.encode([0, 5, "session.list", {"filler": b""}])
    filler = b"x" * (MESSAGE_BYTES - len(message) - 3)  # bin32 has three bytes more than bin8
    message = wire.encode([0, 5, "session.list", {"filler": filler}])
    assert len(message) == MESSAGE_BYTES
    await raw.send(message)
    assert (await raw.response())[:3] == [1, 5, None]


async def test_who_goes_on_sending_after_a_refusal_is_cut_off(start_bridge: BridgeFactory) -> None:
    bridge = await start_bridge(timings=Timings(close_s=0.3))
    raw = await bridge.raw()
    await raw.hello()
    transport = raw.ws._writer.transport
    transport.write(bytes([0x82, 0x80 | 127]) + (1 << 40).to_bytes(8, "big") + bytes(4))
    async with asyncio.timeout(10):
        while not transport.is_closing():
            transport.write(bytes(1000))
            await asyncio.sleep(0.01)


@pytest.mark.must("P2.10")
async def test_unknown_method_is_answered_and_unknown_notification_ignored(
    bridge: Bridge, bystander: SidecarClient
) -> None:
    raw = await bridge.raw()
    await raw.hello()
    await raw.say([2, "later.notification", {"x": 1}])
    await raw.say([0, 5, "no.method", {}])
    _, number, error, _ = await raw.response()
    assert (number, error["code"], error["key"]) == (5, -32601, "method_not_found")
    await raw.say([0, 6, "session.list", {}])
    assert (await raw.response())[:3] == [1, 6, None]


@pytest.mark.parametrize(
    "message", [[0, 5, "session.list"], [0, 5, 7, {}], [0, 5, "session.list", [1]]], ids=repr
)
@pytest.mark.must("P2.6")
async def test_misshapen_request_is_answered(
    bridge: Bridge, bystander: SidecarClient, message: Any
) -> None:
    raw = await bridge.raw()
    await raw.hello()
    await raw.say(message)
    _, number, error, _ = await raw.response()
    assert (number, error["code"], error["key"]) == (5, -32600, "invalid_request")
    await raw.say([0, 6, "session.list", {}])
    assert (await raw.response())[:3] == [1, 6, None]


@pytest.mark.must("P5.1")
@pytest.mark.must("P5.3")
async def test_bad_params_are_answered_with_their_path(
    bridge: Bridge, bystander: SidecarClient
) -> None:
    raw = await bridge.raw()
    await raw.hello()
    for params, path in (
        ({}, "idempotencyKey"),
        ({"idempotencyKey": "k", "threadId": 1}, "threadId"),
    ):
        await raw.say([0, 5, "session.sendTurn", params])
        _, number, error, _ = await raw.response()
        assert (number, error["code"], error["key"]) == (5, -32602, "invalid_params")
        assert error["data"]["path"] == path
    assert bridge.backend.calls == []


@pytest.mark.must("P6.1")
@pytest.mark.must("P6.2")
async def test_a_defect_is_an_internal_error_and_nothing_more(
    bridge: Bridge, bystander: SidecarClient
) -> None:
    async def break_down(_params: Any) -> None:
        raise RuntimeError("a secret that stays here")

    bridge.backend.answers["session.list"] = break_down
    raw = await bridge.raw()
    await raw.hello()
    await raw.say([0, 5, "session.list", {}])
    _, _, error, result = await raw.response()
    assert (error["code"], error["key"], result) == (-32603, "internal", None)
    assert "secret" not in str(error)
    assert "retryable" not in error


@pytest.mark.must("P3.8")
async def test_a_second_connection_of_a_client_replaces_the_first(
    bridge: Bridge, bystander: SidecarClient
) -> None:
    first = await bridge.connected("twin")
    await first.wait_for(lambda: first.synchronized)
    second = await bridge.connected("twin")
    assert await first.wait_closed() == 4409
    assert first.controls("goodbye") == [{"reason": "replaced"}]
    last = bridge.backend.emit(1)
    await second.wait_for(lambda: second.cursor == last)
    assert bridge.backend.arrived.count("twin") == 2


async def test_a_replaced_connection_that_does_not_read_keeps_nobody_waiting(
    bridge: Bridge,
) -> None:
    first = await bridge.raw()
    await first.hello("twin")
    bridge.backend.emit(5_000, filler_bytes=1_000)
    second = await bridge.connected("twin")
    assert second.hello["epoch"] == 1


async def test_an_aborted_socket_leaves_nothing(bridge: Bridge, bystander: SidecarClient) -> None:
    client = await bridge.connected("brief")
    before = bridge.backend.journal.subscribers
    await client.drop()
    async with asyncio.timeout(5):
        while bridge.backend.journal.subscribers != before - 1:
            await asyncio.sleep(0.01)


async def test_a_refused_hello_is_a_wait_that_fails(bridge: Bridge) -> None:
    client = SidecarClient(bridge.url, "00" * 32)
    with pytest.raises(ConnectionEndedError) as caught:
        await client.connect()
    assert caught.value.code == 4401
    await client.close()
