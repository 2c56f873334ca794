"""One WebSocket, as whole messages in and out. The only module that reads or writes one.

Owns the aiohttp side of a connection: frame bounds, text refused, closing within a deadline.
Never looks into a message.
"""

import asyncio
import contextlib

from aiohttp import ClientConnectionResetError, WebSocketError, WSMsgType, web

from sidecar.bridge.refusals import Refusal, Refused
from sidecar.contract.bridge import SUBPROTOCOL, CloseCode
from sidecar.contract.limits import MESSAGE_BYTES

CLOSE_STEP_S = 0.02
"""How often to look whether a client whose frame was too large has closed."""


class PeerGone(Exception):  # noqa: N818 - named after what happened
    """Raised when the other side has closed, or the network has."""


class _PatientResponse(web.WebSocketResponse):
    """Leaves the transport open when aiohttp is done with it; its Socket closes it.

    aiohttp closes the transport right behind the close frame. A client that is still sending a
    frame which is too large would then get a reset, and never see the code that tells why.
    """

    def _close_transport(self) -> None:
        return


class Socket:
    """A WebSocket that was upgraded."""

    def __init__(self, request: web.Request, close_s: float) -> None:
        self._request = request
        self._close_s = close_s
        self._ws = _PatientResponse(
            protocols=(SUBPROTOCOL,),
            compress=False,
            max_msg_size=MESSAGE_BYTES + 1,
            decode_text=False,
            timeout=close_s,
        )

    @property
    def response(self) -> web.WebSocketResponse[bool]:
        """What the HTTP handler returns in the end."""
        return self._ws

    @property
    def offered(self) -> bool:
        """Whether the client speaks our subprotocol."""
        offers = self._request.headers.getall("Sec-WebSocket-Protocol", [])
        return SUBPROTOCOL in [name.strip() for offer in offers for name in offer.split(",")]

    async def upgrade(self) -> None:
        """Answer the handshake."""
        await self._ws.prepare(self._request)

    async def receive(self) -> bytes:
        """Return the next binary message.

        Raises Refused (TEXT, FRAME_TOO_LARGE) and PeerGone.
        """
        message = await self._ws.receive()
        if message.type is WSMsgType.TEXT:
            raise Refused(Refusal.TEXT)
        if isinstance(message.data, WebSocketError):
            if message.data.code == CloseCode.FRAME_TOO_LARGE:
                raise Refused(Refusal.FRAME_TOO_LARGE)
            raise PeerGone(str(message.data))
        if message.type is not WSMsgType.BINARY:
            raise PeerGone(f"{message.type.name} {self._ws.close_code}")
        data: bytes = message.data
        return data

    async def send(self, message: bytes) -> None:
        """Send one message; waits while the socket's buffer is full. Raises PeerGone."""
        try:
            await self._ws.send_bytes(message)
        except (ClientConnectionResetError, ConnectionError) as error:
            raise PeerGone(str(error)) from error

    async def close(self, refused: Refused, last_words: list[bytes]) -> None:
        """Send the last words and the close frame, and wait for the client's, within close_s.

        What the client still sends is thrown away. The caller then aborts.
        """
        with contextlib.suppress(TimeoutError, PeerGone):
            async with asyncio.timeout(self._close_s):
                if self._ws.closed:  # aiohttp has refused a frame by itself
                    await self._peer_closes()
                    return
                for message in last_words:
                    await self.send(message)
                await self._ws.close(code=refused.refusal.code, message=refused.reason)

    async def _peer_closes(self) -> None:
        # aiohttp has no event for it
        while self._request.transport is not None:  # noqa: ASYNC110
            await asyncio.sleep(CLOSE_STEP_S)

    def abort(self) -> None:
        """Reset the transport if it is still there."""
        transport = self._request.transport
        if transport is not None:
            transport.abort()
