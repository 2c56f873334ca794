"""Cutting messages into chunks and joining them (PROTOCOL §2). Sans-I/O.

Owns every rule and bound about chunks. Never looks into the message that they carry.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any

from sidecar.bridge.bounds import REMEMBERED_CIDS, TRANSFERS_BYTES
from sidecar.bridge.codec import encode_notification, parse_params
from sidecar.bridge.refusals import Refusal, Refused
from sidecar.contract.bridge import Chunk
from sidecar.contract.errors import InvalidParams
from sidecar.contract.limits import CHUNK_BYTES, TRANSFER_BYTES


def cut(message: bytes, cid: int, *, chunk_bytes: int = CHUNK_BYTES) -> Iterator[bytes]:
    """Yield the encoded `chunk` notifications of a message, one at a time as they are wanted."""
    view = memoryview(message)
    count = -(-len(message) // chunk_bytes)
    for index in range(count):
        data = view[index * chunk_bytes : (index + 1) * chunk_bytes]
        chunk = {"cid": cid, "index": index, "count": count, "data": data}
        yield encode_notification("chunk", chunk)


class Budget:
    """Bytes of unfinished transfers over all connections; shared by their joiners."""

    def __init__(self, limit_bytes: int = TRANSFERS_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self.used_bytes = 0


class Joiner:
    """Joins one connection's chunks, one transfer at a time."""

    def __init__(self, budget: Budget, transfer_bytes: int = TRANSFER_BYTES) -> None:
        self._budget = budget
        self._transfer_bytes = transfer_bytes
        self._parts: list[bytes] = []
        self._bytes = 0
        self._cid = -1
        self._count = 0
        self._done: deque[int] = deque(maxlen=REMEMBERED_CIDS)

    def take(self, params: dict[str, Any]) -> bytes | None:
        """Take one chunk; return the message once it is whole.

        Raises Refused: SHAPE for params that do not fit, CHUNK_ORDER for a chunk that is not the
        next, TRANSFER_TOO_LARGE as soon as the bound is passed.
        """
        try:
            chunk = parse_params("chunk", params, Chunk)
        except InvalidParams as error:
            raise Refused(Refusal.SHAPE, error.message) from None
        self._check_order(chunk)
        self._keep(chunk.data)
        if len(self._parts) < self._count:
            return None
        whole = b"".join(self._parts)
        self._done.append(self._cid)
        self.clear()
        return whole

    def _check_order(self, chunk: Chunk) -> None:
        if not self._parts:
            if chunk.cid in self._done:
                raise Refused(Refusal.CHUNK_ORDER, f"cid {chunk.cid} was used before")
            self._cid, self._count = chunk.cid, chunk.count
        expected = (self._cid, len(self._parts), self._count)
        if (chunk.cid, chunk.index, chunk.count) != expected or chunk.index >= chunk.count:
            raise Refused(Refusal.CHUNK_ORDER, "expected cid, index, count " + str(expected))
        if not chunk.data:
            raise Refused(Refusal.SHAPE, "an empty chunk")

    def _keep(self, data: bytes) -> None:
        self._bytes += len(data)
        self._budget.used_bytes += len(data)
        self._parts.append(data)
        if self._bytes > self._transfer_bytes:
            raise Refused(Refusal.TRANSFER_TOO_LARGE)
        if self._budget.used_bytes > self._budget.limit_bytes:
            raise Refused(Refusal.TRANSFER_TOO_LARGE, "too many transfers at once")

    def clear(self) -> None:
        """Forget what is unfinished, as at the end of the connection."""
        self._budget.used_bytes -= self._bytes
        self._parts, self._bytes = [], 0
