"""The outbox: who goes first, what is cut, and that nothing in it grows without bound."""

import asyncio

import pytest

from sidecar.bridge.bounds import EPHEMERAL_BYTES
from sidecar.bridge.outbox import Outbox
from sidecar.bridge.refusals import Refusal, Refused
from sidecar.contract.limits import MESSAGE_BYTES
from tests.support import wire

LARGE = b"L" * (MESSAGE_BYTES + 1)


async def taken(outbox: Outbox) -> list[bytes]:
    """Empty the outbox."""
    out: list[bytes] = []
    try:
        while True:
            async with asyncio.timeout(0.02):
                out.append(await outbox.next())
    except TimeoutError:
        return out


def kinds(messages: list[bytes]) -> list[str]:
    """Name messages: chunks by what is in them, others by their text."""
    return [
        "chunk " + wire.decode(m)[2]["data"][:1].decode() if m[:1] == b"\x93" else m.decode()
        for m in messages
    ]


@pytest.mark.must("P4.10")
async def test_control_and_responses_overtake_the_stream() -> None:
    outbox = Outbox(1.0)
    outbox.ephemeral(b"ephemeral")
    streaming = asyncio.create_task(outbox.stream(b"events"))
    await asyncio.sleep(0)
    outbox.respond_now(b"response")
    outbox.control("heartbeat", b"heartbeat")
    assert kinds(await taken(outbox)) == ["heartbeat", "response", "events", "ephemeral"]
    await streaming


@pytest.mark.must("P2.13")
async def test_small_messages_stand_between_chunks_and_large_ones_wait() -> None:
    outbox = Outbox(1.0)
    streaming = asyncio.create_task(outbox.stream(LARGE))
    await asyncio.sleep(0)
    first = [await outbox.next()]
    outbox.respond_now(b"R" * (MESSAGE_BYTES + 1))
    outbox.respond_now(b"response")
    outbox.control("heartbeat", b"heartbeat")
    rest = await taken(outbox)
    assert kinds(first + rest) == (
        ["chunk L", "heartbeat", "response", "chunk L", "chunk L"] + ["chunk R"] * 3
    )
    await streaming


@pytest.mark.must("P2.12")
async def test_each_transfer_has_a_cid_of_its_own() -> None:
    outbox = Outbox(1.0)
    outbox.respond_now(LARGE)
    outbox.respond_now(LARGE)
    joiner = wire.Joiner()
    chunks = [wire.decode(data)[2] for data in await taken(outbox)]
    whole = [joined for params in chunks if (joined := joiner.join(params)) is not None]
    assert whole == [LARGE, LARGE]
    assert len({params["cid"] for params in chunks}) == 2


@pytest.mark.must("P2.11")
async def test_a_message_of_exactly_the_bound_is_not_cut() -> None:
    outbox = Outbox(1.0)
    outbox.respond_now(b"x" * MESSAGE_BYTES)
    assert await outbox.next() == b"x" * MESSAGE_BYTES


async def test_the_stream_is_free_again_once_its_message_is_taken() -> None:
    outbox = Outbox(1.0)
    for message in (b"one", LARGE, b"three"):
        streaming = asyncio.create_task(outbox.stream(message))
        await asyncio.sleep(0)
        assert not streaming.done()
        await taken(outbox)
        await streaming


async def test_a_large_response_does_not_free_the_stream() -> None:
    outbox = Outbox(1.0)
    outbox.respond_now(b"R" * (MESSAGE_BYTES + 1))
    await outbox.next()
    streaming = asyncio.create_task(outbox.stream(LARGE))
    await asyncio.sleep(0)
    assert kinds([await outbox.next(), await outbox.next()]) == ["chunk R", "chunk R"]
    await asyncio.sleep(0)
    assert not streaming.done()
    assert kinds(await taken(outbox)) == ["chunk L"] * 3
    await streaming


async def test_responses_are_not_encoded_before_there_is_room() -> None:
    outbox = Outbox(5.0, outbox_bytes=10)
    encoded: list[int] = []

    def encode(number: int) -> bytes:
        encoded.append(number)
        return b"x" * 10

    first = asyncio.create_task(outbox.respond(lambda: encode(1)))
    second = asyncio.create_task(outbox.respond(lambda: encode(2)))
    await first
    await asyncio.sleep(0)
    assert encoded == [1]
    await outbox.next()
    await second
    assert encoded == [1, 2]


async def test_a_client_that_reads_no_responses_is_refused() -> None:
    outbox = Outbox(0.05, outbox_bytes=1)
    outbox.respond_now(b"x")
    with pytest.raises(Refused) as caught:
        await outbox.respond(lambda: b"y")
    assert caught.value.refusal is Refusal.UNREAD
    assert caught.value.refusal.code == 4413


async def test_control_messages_of_one_name_do_not_pile_up() -> None:
    outbox = Outbox(1.0)
    for number in range(1_000):
        outbox.control("heartbeat", b"%d" % number)
    assert await taken(outbox) == [b"999"]


@pytest.mark.must("P4.13")
async def test_ephemeral_messages_push_out_the_oldest() -> None:
    outbox = Outbox(1.0)
    size = EPHEMERAL_BYTES // 4
    for number in range(10):
        outbox.ephemeral(b"%d" % number * size)
    assert [message[:1] for message in await taken(outbox)] == [b"6", b"7", b"8", b"9"]
    outbox.ephemeral(b"x" * (EPHEMERAL_BYTES + 1))
    assert await taken(outbox) == []


async def test_it_is_empty_only_when_all_is_out() -> None:
    outbox = Outbox(1.0)
    assert outbox.empty
    outbox.respond_now(LARGE)
    for _ in range(3):
        assert not outbox.empty
        await outbox.next()
    assert await taken(outbox) == []
    assert outbox.empty


async def test_last_words_are_whole_messages() -> None:
    outbox = Outbox(1.0)
    outbox.respond_now(LARGE)
    outbox.respond_now(b"small")
    outbox.control("goodbye", b"goodbye")
    assert outbox.last_words() == [b"goodbye", b"small"]
