"""The host's end of the frame channel: frames out, frames in, and the loss of the supervisor.

Frames of one turn of the event loop leave in one write. The bound on unsent bytes is the credit
of the sessions (sidecar/host/emitter) plus the control frames, which are answers to requests.
"""

import asyncio
import socket
from collections.abc import Callable

import msgspec

from sidecar.contract.frames import Frame, ToHost
from sidecar.contract.limits import FRAME_BYTES
from sidecar.core.framing import FrameDecoder, encode_frame

_ENCODER = msgspec.msgpack.Encoder()
_DECODER: msgspec.msgpack.Decoder[ToHost] = msgspec.msgpack.Decoder(ToHost)


class HostChannel(asyncio.Protocol):
    """Speaks frames on one socket. `lost` is set when the supervisor is gone."""

    def __init__(self, on_frame: Callable[[ToHost], None]) -> None:
        self._on_frame = on_frame
        self._decoder = FrameDecoder(FRAME_BYTES)
        self._transport: asyncio.Transport | None = None
        self._outbox: list[bytes] = []
        self.lost = asyncio.Event()

    async def attach(self, channel: socket.socket) -> None:
        """Take the socket over; frames may arrive from now on."""
        channel.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.create_unix_connection(lambda: self, sock=channel)

    def send(self, frame: Frame) -> None:
        """Queue a frame; dropped when the supervisor is gone."""
        if self.lost.is_set():
            return
        if not self._outbox:
            asyncio.get_running_loop().call_soon(self._flush)
        self._outbox.append(encode_frame(_ENCODER.encode(frame)))

    async def close(self) -> None:
        """Send what is queued and close; returns when the supervisor can see the end."""
        self._flush()
        if self._transport is not None and not self.lost.is_set():
            self._transport.close()
            await self.lost.wait()

    def _flush(self) -> None:
        if self._outbox and self._transport is not None:
            self._transport.write(b"".join(self._outbox))
        self._outbox.clear()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport (asyncio.Protocol)."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Decode and hand on (asyncio.Protocol). A broken supervisor is a lost one."""
        try:
            for payload in self._decoder.feed(data):
                self._on_frame(_DECODER.decode(payload))
        except Exception:  # no memory left, say: what was read is lost, so nothing may come behind
            self.lost.set()
            raise

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the host that it is alone (asyncio.Protocol)."""
        self.lost.set()
