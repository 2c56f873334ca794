"""What waits for one socket, in the order in which it goes out (PROTOCOL §2, §4).

Owns priorities, chunking and bounds. Never knows what a message says, and never touches the socket.

Order: control messages (one of a name at a time), responses, the next chunk of a transfer that has
begun, large responses, the one message of the stream of events, ephemeral messages. So nothing is
ever behind more than one chunk or one message of events, and a transfer is never interrupted by
the stream.

Bounds: the stream hands over one message at a time; responses wait outside, not yet encoded, while
OUTBOX_BYTES are queued; ephemeral messages push out the oldest.
"""

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Iterator

from sidecar.bridge.bounds import EPHEMERAL_BYTES, OUTBOX_BYTES
from sidecar.bridge.chunks import cut
from sidecar.bridge.refusals import Refusal, Refused
from sidecar.contract.limits import MESSAGE_BYTES


class Outbox:
    """One connection's outgoing messages. All methods belong to the event loop's thread."""

    def __init__(self, stall_s: float, *, outbox_bytes: int = OUTBOX_BYTES) -> None:
        self._stall_s = stall_s
        self._outbox_bytes = outbox_bytes
        self._control: dict[str, bytes] = {}
        self._small: deque[bytes] = deque()
        self._large: deque[bytes] = deque()
        self._response_bytes = 0
        self._transfer: Iterator[bytes] | None = None
        self._transfer_is_stream = False
        self._stream: bytes | None = None
        self._ephemeral: deque[bytes] = deque()
        self._ephemeral_bytes = 0
        self._cids = itertools.count(1)
        self._room = asyncio.Event()
        self._room.set()
        self._stream_taken = asyncio.Event()
        self._stream_taken.set()
        self._filled = asyncio.Event()

    # filling

    def control(self, name: str, message: bytes) -> None:
        """Queue a control message; one of the same name that still waits is replaced."""
        self._control[name] = message
        self._filled.set()

    async def respond(self, encode: Callable[[], bytes]) -> None:
        """Queue a response; `encode` is called once there is room for it.

        Raises Refused(UNREAD) when there is no room within the stall deadline.
        """
        try:
            async with asyncio.timeout(self._stall_s):
                while self._response_bytes >= self._outbox_bytes:
                    self._room.clear()
                    await self._room.wait()
        except TimeoutError:
            raise Refused(Refusal.UNREAD) from None
        self.respond_now(encode())

    def respond_now(self, message: bytes) -> None:
        """Queue a response whatever waits: for the few that a connection can have of the kind."""
        self._response_bytes += len(message)
        (self._small if len(message) <= MESSAGE_BYTES else self._large).append(message)
        self._filled.set()

    async def stream(self, message: bytes) -> None:
        """Hand over the next message of the stream; returns when the one after it may come."""
        assert self._stream is None, "the stream has one writer"
        self._stream = message
        self._stream_taken.clear()
        self._filled.set()
        await self._stream_taken.wait()

    def ephemeral(self, message: bytes) -> None:
        """Queue what may be dropped."""
        self._ephemeral.append(message)
        self._ephemeral_bytes += len(message)
        while self._ephemeral_bytes > EPHEMERAL_BYTES:
            self._ephemeral_bytes -= len(self._ephemeral.popleft())
        self._filled.set()

    # emptying

    async def next(self) -> bytes:
        """Return the next message to send, waiting for one."""
        while (message := self._pick()) is None:
            self._filled.clear()
            await self._filled.wait()
        return message

    def last_words(self) -> list[bytes]:
        """Return control messages and whole responses that wait, for a connection that ends."""
        words = [*self._control.values(), *self._small]
        self._control, self._small = {}, deque()
        return words

    @property
    def empty(self) -> bool:
        """Whether nothing that must arrive is waiting."""
        queued = self._control or self._small or self._large or self._transfer
        return not queued and self._stream is None

    def _pick(self) -> bytes | None:
        if self._control:
            return self._control.pop(next(iter(self._control)))
        if self._small:
            return self._responding(self._small.popleft())
        if self._transfer is not None:
            chunk = next(self._transfer, None)
            if chunk is not None:
                return chunk
            self._end_transfer()
        return self._pick_behind_transfer()

    def _pick_behind_transfer(self) -> bytes | None:
        if self._large:
            return self._begin_transfer(self._responding(self._large.popleft()), stream=False)
        if self._stream is not None:
            if len(self._stream) > MESSAGE_BYTES:
                return self._begin_transfer(self._stream, stream=True)
            return self._take_stream()
        if self._ephemeral:
            message = self._ephemeral.popleft()
            self._ephemeral_bytes -= len(message)
            return message
        return None

    def _begin_transfer(self, message: bytes, *, stream: bool) -> bytes:
        self._transfer, self._transfer_is_stream = cut(message, next(self._cids)), stream
        return next(self._transfer)

    def _end_transfer(self) -> None:
        self._transfer = None
        if self._transfer_is_stream:
            self._take_stream()

    def _take_stream(self) -> bytes | None:
        message, self._stream = self._stream, None
        self._stream_taken.set()
        return message

    def _responding(self, message: bytes) -> bytes:
        self._response_bytes -= len(message)
        self._room.set()
        return message
