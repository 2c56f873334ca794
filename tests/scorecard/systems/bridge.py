"""A consumer of the bridge, written from docs/PROTOCOL.md: aiohttp, msgpack, nothing of sidecar/.

Owns the connection, the cursor and the acks. What events mean is the system's. Never reconnects by
itself.
"""

import asyncio
import hmac
import itertools
import time
from collections.abc import Callable
from typing import Any

import aiohttp

from tests.scorecard.model import SystemFailedError
from tests.support import wire

SUBPROTOCOL = "sidecar.v1"
REQUEST_S = 60.0
CONNECT_S = 20.0


class RefusedError(SystemFailedError):
    """Raised for a request that was answered with an error; `key` is PROTOCOL §6's."""

    def __init__(self, method: str, body: dict[str, Any]) -> None:
        super().__init__(f"{method}: {body['message']}")
        self.key: str = body["key"]


class Bridge:
    """One consumer identity over any number of connections.

    `on_event(event, at_ns)` gets every event once committed, in order. `broken` lists breaches of
    the protocol's promises about order, in words.
    """

    def __init__(self, on_event: Callable[[dict[str, Any], int], None]) -> None:
        self._on_event = on_event
        self.log_id: str | None = None
        self.epoch = 0
        self.cursor = 0
        self.credit_bytes = 0
        self.holds = False
        """Whether it reads and acks nothing: a consumer that is stuck."""
        self.unacked_bytes = 0
        self.unacked_most_bytes = 0
        self.broken: list[str] = []
        self.gaps: list[dict[str, Any]] = []
        self.changed = asyncio.Event()
        self._caught_up = asyncio.Event()
        self._ids = itertools.count(1)
        self._cids = itertools.count(1)
        self._waiting: dict[int, tuple[str, asyncio.Future[Any]]] = {}
        self._joiner = wire.Joiner()
        self._tasks: list[asyncio.Task[None]] = []
        self._http: aiohttp.ClientSession | None = None
        self._ws: aiohttp.ClientWebSocketResponse | None = None

    async def connect(
        self, url: str, token: str, client_id: str, *, credit_bytes: int | None = None
    ) -> dict[str, Any]:
        """Connect, say hello with the cursor, catch up; return hello's result."""
        await self.drop()
        self._caught_up.clear()
        self._joiner, self.unacked_bytes = wire.Joiner(), 0
        self._http = aiohttp.ClientSession()
        async with asyncio.timeout(CONNECT_S):
            self._ws = await self._http.ws_connect(
                url, protocols=(SUBPROTOCOL,), compress=0, max_msg_size=0
            )
        self._tasks = [asyncio.create_task(self._read(self._ws))]
        params = wire.hello_params(token, client_id)
        if credit_bytes is not None:
            params["creditBytes"] = credit_bytes
        if self.log_id is not None:
            params["resume"] = {"logId": self.log_id, "epoch": self.epoch, "cursor": self.cursor}
        self._hello = token, params["nonce"]
        result: dict[str, Any] = await self.request("hello", params)
        self._tasks.append(asyncio.create_task(self._beat(result["heartbeatMs"] / 1000)))
        if not self.holds:  # one that acks nothing is never done
            async with asyncio.timeout(CONNECT_S):
                await self._caught_up.wait()
        return result

    async def drop(self) -> None:
        """Pull the cable: the socket is reset, no close frame is sent."""
        ws, self._ws = self._ws, None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        if ws is not None:
            connection = ws._response.connection
            if connection is not None and connection.transport is not None:
                connection.transport.abort()
        if self._http is not None:
            await self._http.close()
            self._http = None
        self._give_up("the connection was dropped")

    async def request(
        self, method: str, params: dict[str, Any] | None = None, timeout_s: float = REQUEST_S
    ) -> Any:
        """Send a request and return its result. Raises RefusedError, or SystemFailedError."""
        number = next(self._ids)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = method, future
        try:
            async with asyncio.timeout(timeout_s):
                await self._send([0, number, method, params or {}])
                return await future
        finally:
            self._waiting.pop(number, None)

    async def ack(self) -> None:
        """Ack all that came."""
        self.unacked_bytes = 0
        await self._send([2, "ack", {"seq": self.cursor}])

    async def _send(self, message: list[Any]) -> None:
        if self._ws is None:
            raise SystemFailedError("the consumer is not connected")
        data = wire.encode(message)
        pieces = [data]
        if len(data) > wire.MESSAGE_BYTES:
            pieces = list(wire.cut(data, next(self._cids)))
        for piece in pieces:
            await self._ws.send_bytes(piece)

    async def _beat(self, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            now = {"monoMs": time.monotonic_ns() // 1_000_000, "wallMs": int(time.time() * 1000)}
            await self._send([2, "heartbeat", now])

    async def _read(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        try:
            while True:
                frame = await ws.receive()
                if frame.type is not aiohttp.WSMsgType.BINARY:
                    break
                await self._take(frame.data)
                self.changed.set()
        except (AssertionError, KeyError, ValueError) as error:
            self.broken.append(f"{type(error).__name__}: {error}")
        finally:
            self._give_up(f"the bridge closed the connection with {ws.close_code}")
            self.changed.set()

    def _give_up(self, reason: str) -> None:
        for _, future in self._waiting.values():
            if not future.done():
                future.set_exception(SystemFailedError(reason))

    async def _take(self, data: bytes) -> None:
        kind, *rest = wire.decode(data)
        if kind == 1:
            self._respond(*rest)
            return
        method, params = rest
        if method == "chunk":
            whole = self._joiner.join(params)
            if whole is not None:
                await self._take(whole)
        elif method == "events":
            await self._take_events(params["list"])
        elif method == "snapshot":
            self.cursor = params["at"]
            await self.ack()
        elif method == "gap":
            self.gaps.append(params)
        elif method == "synchronized":
            self._caught_up.set()

    def _respond(self, number: int, error: dict[str, Any] | None, result: Any) -> None:
        method, future = self._waiting.get(number, ("", None))
        if method == "hello" and error is None:
            self._prove(result)
        if future is None or future.done():
            return
        if error is not None:
            future.set_exception(RefusedError(method, error))
        else:
            future.set_result(result)

    def _prove(self, hello: dict[str, Any]) -> None:
        """Take hello's result at once: what follows it may stand in the same read."""
        token, nonce = self._hello
        expected = wire.sign(token, "server", nonce, hello["server"]["instance"])
        assert hmac.compare_digest(hello["proof"], expected), "a stranger answered"
        if not hello["resumed"]:
            self.cursor = 0
        self.log_id, self.epoch = hello["logId"], hello["epoch"]
        self.credit_bytes = hello["limits"]["creditBytes"]

    async def _take_events(self, entries: list[tuple[int, bytes]]) -> None:
        at_ns = time.monotonic_ns()
        for seq, body in entries:
            if seq != self.cursor + 1:
                self.broken.append(f"seq {seq} follows {self.cursor}")
            self.cursor = seq
            self.unacked_bytes += len(body)
            self._on_event(wire.decode(body), at_ns)
        self.unacked_most_bytes = max(self.unacked_most_bytes, self.unacked_bytes)
        if not self.holds:
            await self.ack()
