"""What is refused after hello: its documented code, and other clients notice nothing."""

import asyncio
import errno
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from sidecar.bridge import Timings
from sidecar.contract.errors import InvalidParams
from sidecar.contract.limits import MESSAGE_BYTES, MIB, THREAD_ID_CHARS
from tests.bridge.conftest import Bridge, BridgeFactory, RawSocket
from tests.bridge.fakes.backend import TOKEN
from tests.bridge.frames import ANYWHERE, chunk
from tests.support import wire
from tests.support.client import ConnectionEndedError, SidecarClient


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


@pytest.mark.must("P5.1")
async def test_a_thread_id_that_is_too_long_starts_nothing(bridge: Bridge) -> None:
    client = await bridge.connected()
    start = {"provider": "demo", "runtimeMode": "full-access"}
    for chars, fits in ((THREAD_ID_CHARS, True), (THREAD_ID_CHARS + 1, False)):
        params = {"idempotencyKey": f"k{chars}", "threadId": "ü" * chars, **start}
        if fits:
            await client.request("session.start", params)
            continue
        with pytest.raises(InvalidParams) as caught:
            await client.request("session.start", params)
        assert caught.value.data["path"] == "threadId"
    assert len(bridge.backend.calls) == 1


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "file descriptors"),
        (MemoryError(), "memory"),
    ],
)
async def test_what_there_was_nothing_to_do_with_may_be_tried_again(
    bridge: Bridge, bystander: SidecarClient, error: Exception, what: str
) -> None:
    async def poor(_params: Any) -> None:
        raise error

    bridge.backend.answers["session.list"] = poor
    raw = await bridge.raw()
    await raw.hello()
    await raw.say([0, 5, "session.list", {}])
    _, _, said, _ = await raw.response()
    assert (said["key"], said["retryable"]) == ("overloaded", True)
    assert said["message"] == f"Cannot call session.list: the sidecar has no {what} left"


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
