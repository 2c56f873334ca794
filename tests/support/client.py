"""A client of the bridge for tests, written from docs/PROTOCOL.md, using nothing of sidecar/bridge.

It checks the server's proof, joins chunks, keeps its cursor, acks what it has taken, beats, and
holds every promise about order as an assertion: a broken stream fails whatever waits on it.

    async with SidecarClient(url, token) as client:
        await client.request("session.start", {...})
        event = await client.wait_event("turn.completed", thread_id="t1")
        await client.drop()          # the cable is pulled
        await client.connect()       # resumes at its cursor

Never retries and never reconnects by itself.
"""

import asyncio
import contextlib
import hmac
import itertools
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec

from sidecar.contract.bridge import SUBPROTOCOL
from sidecar.contract.errors import ErrorBody, error_from_body
from tests.support import wire
from tests.support.received import Received

WAIT_S = 10.0
"""How long a wait lasts unless the test says otherwise."""

CONTROL = ("heartbeat", "journal", "goodbye", "ephemeral")
"""Notifications that may stand anywhere; the others are one ordered stream."""


class ConnectionEndedError(ConnectionError):
    """Raised by a wait when the connection ended first; `code` is the close code, if any."""

    def __init__(self, code: int | None) -> None:
        super().__init__(f"the bridge closed the connection with {code}")
        self.code = code


class SidecarClient:
    """One client identity over any number of connections.

    `auto_ack`: take and ack each message of events at once; without it call `ack()`.
    `beat_s`: pause between its own heartbeats, by default what the server says.
    What came is kept in the public lists until the object goes.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        client_id: str = "test-client",
        threads: list[str] | None = None,
        credit_bytes: int | None = None,
        auto_ack: bool = True,
        beat_s: float | None = None,
    ) -> None:
        self.url, self.token, self.client_id = url, token, client_id
        self.threads, self.credit_bytes = threads, credit_bytes
        self.auto_ack, self.beat_s = auto_ack, beat_s
        self.hello: dict[str, Any] = {}
        self.log_id: str | None = None
        self.epoch = 0
        self.cursor = 0
        self.events: list[Received] = []
        self.snapshots: list[dict[str, Any]] = []
        self.gaps: list[dict[str, Any]] = []
        self.synchronized: list[int] = []
        self.advances: list[int] = []
        self.control: list[tuple[str, dict[str, Any]]] = []
        self.order: list[str] = []
        """Every message of this connection as it came: "response" or the notification's method."""
        self.close_code: int | None = None
        self.failure: BaseException | None = None
        self._ids = itertools.count(1)
        self._cids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._changed = asyncio.Event()
        self._may_read = asyncio.Event()
        self._joiner = wire.Joiner()
        self._stream_began = False
        self._tasks: list[asyncio.Task[None]] = []
        self._http: aiohttp.ClientSession | None = None
        self._ws: aiohttp.ClientWebSocketResponse | None = None

    # lifetime

    @property
    def connected(self) -> bool:
        """Whether there is a connection that has not ended."""
        return self._ws is not None and self.close_code is None

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def connect(
        self,
        *,
        resume: bool | dict[str, Any] = True,
        timeout_s: float = WAIT_S,
        **hello: Any,
    ) -> dict[str, Any]:
        """Connect, say hello with the cursor of the connection before, return hello's result.

        `resume=False` forgets the cursor, a map is presented instead of it; `hello` overrides
        params. Raises ConnectionEndedError when hello is refused.
        """
        await self.close()
        self.close_code, self.failure, self.order = None, None, []
        self._joiner, self._stream_began = wire.Joiner(), False
        self._may_read.set()
        self._http = aiohttp.ClientSession()
        self._ws = await self._http.ws_connect(
            self.url, protocols=(SUBPROTOCOL,), compress=0, max_msg_size=0
        )
        self._tasks = [asyncio.create_task(self._read())]
        params = wire.hello_params(self.token, self.client_id, threads=self.threads)
        if isinstance(resume, dict):
            params["resume"], self.cursor = resume, resume["cursor"]
        elif resume and self.log_id is not None:
            cursor = {"logId": self.log_id, "epoch": self.epoch, "cursor": self.cursor}
            params["resume"] = cursor
        if self.credit_bytes is not None:
            params["creditBytes"] = self.credit_bytes
        params |= hello
        self._nonce: bytes = params["nonce"]
        result: dict[str, Any] = await self.request("hello", params, timeout_s=timeout_s)
        self._tasks.append(asyncio.create_task(self._beat(result["heartbeatMs"] / 1000)))
        return result

    async def close(self) -> None:
        """Close in order; safe to call at any time."""
        self.resume_reading()
        if self._ws is not None and not self._ws.closed:
            await asyncio.wait_for(self._ws.close(), WAIT_S)
        await self._end()

    async def drop(self) -> None:
        """Pull the cable: the socket is reset, no close frame is sent."""
        if self._ws is not None:
            connection = self._ws._response.connection
            if connection is not None and connection.transport is not None:
                connection.transport.abort()
        await self._end()

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        if self._http is not None:
            await self._http.close()
        self._http, self._ws = None, None
        self._give_up_requests(ConnectionEndedError(self.close_code))

    # sending

    async def request(
        self, method: str, params: dict[str, Any] | None = None, *, timeout_s: float = WAIT_S
    ) -> Any:
        """Send a request and return its result.

        Raises the SidecarError that it was refused with, and ConnectionEndedError when the
        connection ends first.
        """
        return await self.answer_to(await self.send_request(method, params), timeout_s=timeout_s)

    async def send_request(self, method: str, params: dict[str, Any] | None = None) -> int:
        """Send a request and return its id at once; `answer_to` waits for it."""
        number = next(self._ids)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._waiting[number] = future
        await self.send([0, number, method, params or {}])
        return number

    async def answer_to(self, number: int, *, timeout_s: float = WAIT_S) -> Any:
        """Wait for the answer to the request with the id that send_request returned."""
        async with asyncio.timeout(timeout_s):
            return await asyncio.shield(self._waiting[number])  # the answer may still come

    async def notify(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification."""
        await self.send([2, method, params])

    async def send(self, message: list[Any]) -> None:
        """Send any message, in chunks when it is large."""
        data = wire.encode(message)
        if len(data) <= wire.MESSAGE_BYTES:
            await self.send_raw(data)
            return
        for piece in wire.cut(data, next(self._cids)):
            await self.send_raw(piece)

    async def send_raw(self, data: bytes) -> None:
        """Send bytes as one binary frame."""
        if self._ws is None:
            raise ConnectionEndedError(self.close_code)
        await self._ws.send_bytes(data)

    async def ack(self, seq: int | None = None) -> None:
        """Ack `seq`, by default the cursor."""
        await self.notify("ack", {"seq": self.cursor if seq is None else seq})

    # waiting

    async def wait_for(
        self, predicate: Callable[[], Any], what: str = "", *, timeout_s: float = WAIT_S
    ) -> Any:
        """Wait until `predicate()` is true and return its value; checked after every message."""
        try:
            async with asyncio.timeout(timeout_s):
                while not (value := predicate()):
                    if self.failure is not None:
                        raise self.failure
                    if self.close_code is not None:
                        raise ConnectionEndedError(self.close_code)
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            seen = [(r.seq, r.event["type"]) for r in self.events[-10:]]
            message = f"waited {timeout_s} s for {what or predicate}; the last events are {seen}"
            raise TimeoutError(message) from None
        return value

    async def wait_event(
        self,
        event_type: str,
        *,
        thread_id: str | None = None,
        after: int = 0,
        where: Callable[[dict[str, Any]], bool] = lambda event: True,
        timeout_s: float = WAIT_S,
    ) -> Received:
        """Wait for the first event behind seq `after` of that type and thread, and `where`."""

        def found() -> Received | None:
            for received in self.events:
                event = received.event
                fits = received.seq > after and event["type"] == event_type
                if fits and thread_id in (None, event["threadId"]) and where(event):
                    return received
            return None

        what = f"{event_type} of {thread_id or 'any thread'}"
        result: Received = await self.wait_for(found, what, timeout_s=timeout_s)
        return result

    async def wait_closed(self, *, timeout_s: float = WAIT_S) -> int:
        """Wait until the connection has ended and return the close code (1006: without one)."""
        async with asyncio.timeout(timeout_s):
            while self.close_code is None:
                self._changed.clear()
                await self._changed.wait()
        return self.close_code

    def of_thread(self, thread_id: str) -> list[Received]:
        """Return the received events of one thread, in order."""
        return [r for r in self.events if r.event["threadId"] == thread_id]

    def controls(self, method: str) -> list[dict[str, Any]]:
        """Return the params of every control notification of that name."""
        return [params for name, params in self.control if name == method]

    def stop_reading(self) -> None:
        """Take no more messages from the socket, as a hung client does; it still beats."""
        self._may_read.clear()

    def resume_reading(self) -> None:
        """Take messages again."""
        self._may_read.set()

    # receiving

    async def _beat(self, server_says_s: float) -> None:
        while True:
            await asyncio.sleep(self.beat_s or server_says_s)
            wall_ms, mono_ms = int(time.time() * 1000), int(time.monotonic() * 1000)
            try:
                await self.notify("heartbeat", {"monoMs": mono_ms, "wallMs": wall_ms})
            except (ConnectionError, aiohttp.ClientError):
                return

    async def _read(self) -> None:
        ws = self._ws
        assert ws is not None
        try:
            with contextlib.suppress(ConnectionError, aiohttp.ClientError):  # an end like another
                await self._read_from(ws)
        except Exception as error:  # whatever it is, the test must fail with it
            self.failure = error
        finally:
            self.close_code = 1006 if ws.close_code is None else ws.close_code
            self._give_up_requests(self.failure or ConnectionEndedError(self.close_code))
            self._changed.set()

    async def _read_from(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            await self._may_read.wait()
            frame = await ws.receive()
            if frame.type is not aiohttp.WSMsgType.BINARY:
                assert frame.type is not aiohttp.WSMsgType.TEXT, "the server sent text"
                return
            assert len(frame.data) <= wire.MESSAGE_BYTES, f"a frame of {len(frame.data)} bytes"
            await self._take(frame.data)
            self._changed.set()

    def _give_up_requests(self, error: BaseException) -> None:
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(error)

    async def _take(self, data: bytes) -> None:
        kind, *rest = wire.decode(data)
        if kind == 1:
            self._take_response(*rest)
            return
        assert kind == 2, f"the server sent {kind}, {rest!r:.200}"
        method, params = rest
        if method == "chunk":
            whole = self._joiner.join(params)
            if whole is not None:
                assert len(whole) > wire.MESSAGE_BYTES, "cut without need"
                await self._take(whole)
            return
        self.order.append(method)
        assert self.order[0] == "response", f"{method} came before the response to hello"
        if method in CONTROL:
            self.control.append((method, params))
        else:
            assert not self._joiner.joining, f"{method} stands between chunks"
            await getattr(self, f"_on_{method}")(params)

    def _take_response(self, number: int, error: dict[str, Any] | None, result: Any) -> None:
        first = not self.order
        self.order.append("response")
        future = self._waiting[number]
        assert not (future.done() and future.exception() is None), f"{number} answered twice"
        if error is not None:
            future.set_exception(error_from_body(msgspec.convert(error, ErrorBody)))
            return
        if first:
            self._take_hello(result)
        future.set_result(result)

    def _take_hello(self, hello: dict[str, Any]) -> None:
        expected = wire.sign(self.token, "server", self._nonce, hello["server"]["instance"])
        assert hmac.compare_digest(hello["proof"], expected), "a stranger answered"
        if not hello["resumed"]:
            self.cursor = 0
        self.hello, self.log_id, self.epoch = hello, hello["logId"], hello["epoch"]

    async def _on_gap(self, params: dict[str, Any]) -> None:
        self.gaps.append(params)

    async def _on_snapshot(self, params: dict[str, Any]) -> None:
        self.snapshots.append(params)
        self.cursor, self._stream_began = params["at"], True
        if self.auto_ack:
            await self.ack()

    async def _on_synchronized(self, params: dict[str, Any]) -> None:
        self.synchronized.append(params["head"])

    async def _on_advance(self, params: dict[str, Any]) -> None:
        assert params["seq"] > self.cursor, "advance goes back"
        self.advances.append(params["seq"])
        self.cursor = params["seq"]
        if self.auto_ack:
            await self.ack()

    async def _on_events(self, params: dict[str, Any]) -> None:
        assert self.hello["resumed"] or self._stream_began, "events before the snapshot"
        now = time.monotonic()
        for seq, body in params["list"]:
            contiguous = seq == self.cursor + 1
            assert contiguous or (self.threads is not None and seq > self.cursor), (
                f"seq {seq} follows {self.cursor}"
            )
            self.events.append(Received(seq, wire.decode(body), body, now))
            self.cursor = seq
        if self.auto_ack:
            await self.ack()
