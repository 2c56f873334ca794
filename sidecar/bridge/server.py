"""The bridge's server: one port on 127.0.0.1, four paths, all connections (PROTOCOL §2, §7).

Owns the listening socket and the order of a shutdown. Never knows what a message says.
"""

import asyncio
import contextlib
import itertools
import socket as sockets
from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from sidecar.bridge import access
from sidecar.bridge.access import HttpRefusal
from sidecar.bridge.backend import Backend
from sidecar.bridge.bounds import TCP_CONNECTIONS, Timings
from sidecar.bridge.calls import Calls
from sidecar.bridge.chunks import Budget
from sidecar.bridge.clients import Clients
from sidecar.bridge.codec import encode_notification
from sidecar.bridge.connection import Connection, Surroundings
from sidecar.bridge.handshake import Identity
from sidecar.bridge.refusals import Refusal, Refused
from sidecar.bridge.socket import Socket
from sidecar.contract.vocabulary import JournalState
from sidecar.observe.log import Log, null_log

BACKLOG = 128
DRAIN_STEP_S = 0.01
"""A shutdown looks that often whether all has gone out: nothing waits for it to be exact."""

_Handler = Any
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class BridgeServer:
    """Serves a Backend to its clients."""

    def __init__(
        self, backend: Backend, *, log: Log | None = None, timings: Timings | None = None
    ) -> None:
        self._backend = backend
        self._log = log or null_log()
        self._timings = timings or Timings()
        self._calls = Calls(backend, self._log)
        self._clients = Clients(backend.journal, self._timings.lease_s)
        self._numbers = itertools.count(1)
        self._stopping = False
        self._port = 0
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None
        self._subscriptions = (
            backend.on_ephemeral(self._ephemeral),
            backend.journal.on_state(self._journal_changed),
        )
        self._around = Surroundings(
            backend=backend,
            calls=self._calls,
            budget=Budget(),
            identity=Identity(
                token=backend.token,
                server=backend.server,
                log_id=backend.journal.log_id,
                epoch=backend.journal.epoch,
                heartbeat_ms=backend.heartbeat_ms,
            ),
            timings=self._timings,
            log=self._log,
            door=self,
        )

    async def start(self) -> int:
        """Listen on 127.0.0.1 and return the port. Raises OSError."""
        app = web.Application(middlewares=[self._middleware()], client_max_size=0)
        app.router.add_get("/bridge", self._bridge, allow_head=False)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=self._timings.close_s
        )
        await self._runner.setup()
        self._server = await asyncio.get_running_loop().create_server(
            self._protocol, "127.0.0.1", 0, family=sockets.AF_INET, backlog=BACKLOG
        )
        port: int = self._server.sockets[0].getsockname()[1]
        self._port = port
        return port

    async def stop(self, reason: str = "shutdown") -> None:
        """Let the last events and answers out, say goodbye, close with 1001, end all calls.

        A second call does nothing.
        """
        if self._stopping:
            return
        self._stopping = True
        self._log.info("bridge.stopping", reason=reason, connections=len(self._clients))
        self._calls.close()
        if self._server is not None:
            self._server.close()
        await _until(lambda: all(c.drained for c in self._clients), self._timings.drain_s)
        for connection in self._clients:
            connection.leave(Refusal.SHUTDOWN)
        await _until(lambda: len(self._clients) == 0, 2 * self._timings.close_s)
        await self._calls.stop()
        self._clients.close()
        for unsubscribe in self._subscriptions:
            unsubscribe()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._server is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._server.wait_closed(), self._timings.close_s)

    # what connections tell

    def welcomed(self, connection: Connection, client_id: str, cursor: int) -> None:
        """See Door."""
        self._clients.welcomed(connection, client_id, cursor)
        self._backend.client_arrived(client_id)

    def acked(self, client_id: str, seq: int) -> None:
        """See Door."""
        self._clients.acked(client_id, seq)

    def _ephemeral(self, params: dict[str, Any]) -> None:
        if not len(self._clients):
            return
        message = encode_notification("ephemeral", params)
        body = params.get("event")
        thread_id = None if body is None else _THREAD.decode(body).threadId
        for connection in self._clients:
            connection.ephemeral(message, thread_id)

    def _journal_changed(self, _state: JournalState, _message: str | None) -> None:
        for connection in self._clients:
            connection.tell_journal_state()

    # HTTP

    def _protocol(self) -> asyncio.BaseProtocol:
        """Return the protocol of a new TCP connection: aiohttp's, or none when there are many."""
        assert self._runner is not None
        server = self._runner.server
        assert server is not None
        if len(server.connections) >= TCP_CONNECTIONS:
            return _Refuser()
        return server()

    def _middleware(self) -> _Handler:
        @web.middleware
        async def check(request: web.Request, handler: _Handler) -> web.StreamResponse:
            hosts = request.headers.getall("Host", [])
            refusal = access.check_source(hosts, "Origin" in request.headers, self._port)
            if refusal is not None:
                return self._refuse(request, refusal)
            response: web.StreamResponse = await handler(request)
            return response

        return check

    def _refuse(self, request: web.Request, refusal: HttpRefusal) -> web.Response:
        self._log.warning("http.refused", path=request.path, status=refusal.status)
        return web.Response(status=refusal.status, text=refusal.text + "\n")

    async def _healthz(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _request: web.Request) -> web.Response:
        ready = self._backend.ready and not self._stopping
        return web.Response(
            status=200 if ready else 503, text="ready\n" if ready else "not ready\n"
        )

    async def _metrics(self, request: web.Request) -> web.Response:
        refusal = access.check_bearer(request.headers.get("Authorization"), self._backend.token)
        if refusal is not None:
            response = self._refuse(request, refusal)
            response.headers["WWW-Authenticate"] = "Bearer"
            return response
        body = self._backend.metrics_text().encode()
        return web.Response(body=body, headers={"Content-Type": METRICS_TYPE})

    async def _bridge(self, request: web.Request) -> web.StreamResponse:
        if self._stopping:
            return self._refuse(request, access.GOING_DOWN)
        socket = Socket(request, self._timings.close_s)
        if not socket.offered:
            return self._refuse(request, access.NO_SUBPROTOCOL)
        await socket.upgrade()
        if self._clients.full:
            await socket.close(Refused(Refusal.CONNECTIONS), [])
            return socket.response
        connection = Connection(socket, self._around, next(self._numbers))
        self._clients.add(connection)
        try:
            await connection.run()
        finally:
            self._clients.remove(connection)
        return socket.response


async def _until(reached: Callable[[], bool], deadline_s: float) -> None:
    """Wait until `reached`, or for as long as a shutdown may."""
    for _ in range(round(deadline_s / DRAIN_STEP_S)):
        if reached():
            return
        await asyncio.sleep(DRAIN_STEP_S)


class _EventThread(msgspec.Struct):
    threadId: str | None = None  # noqa: N815 - the wire's name


_THREAD = msgspec.msgpack.Decoder(_EventThread)


class _Refuser(asyncio.Protocol):
    """A TCP connection too many: reset at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()
