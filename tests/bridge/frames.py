"""Frames that a client would not send but by mistake or by intent."""

from collections.abc import Awaitable, Callable
from typing import Any

from sidecar.contract.limits import MESSAGE_BYTES
from tests.bridge.conftest import RawSocket


def chunk(cid: int, index: int, count: int, data: bytes = b"x") -> list[Any]:
    """Return one chunk of a transfer."""
    return [2, "chunk", {"cid": cid, "index": index, "count": count, "data": data}]


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
"""What closes a connection with a code of its own, whenever it comes."""
