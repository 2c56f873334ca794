"""The bytes of the bridge as a stranger would write them from docs/PROTOCOL.md.

Uses another MessagePack library than the server and nothing of sidecar/bridge.
"""

import hashlib
import hmac
import os
from collections.abc import Iterator
from typing import Any

import msgpack  # type: ignore[import-untyped]  # the library ships no types

MESSAGE_BYTES = 1024 * 1024
CHUNK_BYTES = 256 * 1024


def encode(message: Any) -> bytes:
    """Encode one message, well formed or not."""
    return bytes(msgpack.packb(message, use_bin_type=True))


def decode(data: bytes) -> Any:
    """Decode one message as a strict client does."""
    return msgpack.unpackb(data, raw=False, strict_map_key=True)


def sign(token: str, side: str, nonce: bytes, instance: str = "") -> bytes:
    """Return the HMAC of PROTOCOL §3; `side` is "client" or "server"."""
    message = side.encode() + nonce + instance.encode()
    return hmac.new(token.encode(), message, hashlib.sha256).digest()


def hello_params(token: str, client_id: str, **extra: Any) -> dict[str, Any]:
    """Return the params of a correct hello; `extra` overrides and adds."""
    nonce = os.urandom(16)
    params = {
        "protocol": [1, 1],
        "nonce": nonce,
        "auth": sign(token, "client", nonce),
        "client": {"id": client_id, "name": "tests"},
        "resume": None,
        "threads": None,
    }
    return params | extra


def cut(data: bytes, cid: int, piece_bytes: int = CHUNK_BYTES) -> Iterator[bytes]:
    """Yield the encoded chunk notifications of a message."""
    count = -(-len(data) // piece_bytes)
    for index in range(count):
        piece = data[index * piece_bytes : (index + 1) * piece_bytes]
        yield encode([2, "chunk", {"cid": cid, "index": index, "count": count, "data": piece}])


class Joiner:
    """Joins chunks and asserts every rule about their order."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._of = (0, 0)

    def join(self, chunk: dict[str, Any]) -> bytes | None:
        """Take one chunk; return the message when it is whole."""
        of = (chunk["cid"], chunk["count"])
        if chunk["index"] == 0:
            assert not self._parts, "a transfer began before the one before it had ended"
            self._of = of
        assert self._of == of, f"a chunk of {of} within {self._of}"
        assert chunk["index"] == len(self._parts), f"chunk {chunk['index']} is out of order"
        self._parts.append(chunk["data"])
        if len(self._parts) < chunk["count"]:
            return None
        whole, self._parts = b"".join(self._parts), []
        return whole

    @property
    def joining(self) -> bool:
        """Whether a transfer is under way."""
        return bool(self._parts)
