"""One connection of a client: hello, then reading, writing, delivering and beating until it ends.

Owns the tasks and the end of a connection. What it is sent and answered stands in delivery and
requests; who else is connected, in the server.

Everything that ends a connection is an exception in one of its tasks: Refused when the server ends
it, PeerGone when the client or the network did. The task group ends the others, and `run` says
the last words. So a connection ends in one place, and takes nobody with it.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeGuard

from sidecar.bridge.backend import Backend
from sidecar.bridge.bounds import Timings
from sidecar.bridge.calllog import CallLog
from sidecar.bridge.calls import Calls
from sidecar.bridge.chunks import Budget, Joiner
from sidecar.bridge.codec import (
    Message,
    MisshapenRequest,
    Notification,
    Request,
    decode,
    encode_error,
    encode_notification,
    encode_response,
    parse_params,
)
from sidecar.bridge.delivery import Delivery
from sidecar.bridge.handshake import Identity, check_hello, welcome, window_of
from sidecar.bridge.lifetime import Cause, Lifetime, Phase
from sidecar.bridge.outbox import Outbox
from sidecar.bridge.pulse import Pulse
from sidecar.bridge.refusals import Refusal, Refused
from sidecar.bridge.requests import Requests
from sidecar.bridge.resume import decide_start
from sidecar.bridge.socket import PeerGone, Socket
from sidecar.contract.bridge import Ack, Cancel, Goodbye, Heartbeat, Hello, JournalNotice
from sidecar.contract.errors import InvalidParams, NotInitialised
from sidecar.observe.log import Log


class Door(Protocol):
    """What a connection tells the server."""

    def welcomed(self, connection: "Connection", client_id: str, cursor: int) -> None:
        """A client has said hello and goes on behind `cursor`; who had its id is replaced."""

    def acked(self, client_id: str, seq: int) -> None:
        """A client has committed everything up to `seq`."""


@dataclass(frozen=True)
class Surroundings:
    """What all connections of a server share."""

    backend: Backend
    calls: Calls
    budget: Budget
    identity: Identity
    timings: Timings
    log: Log
    door: Door
    wall: Callable[[], float] = time.time
    mono: Callable[[], float] = time.monotonic


class Connection:
    """A WebSocket from its upgrade to its end."""

    def __init__(self, socket: Socket, around: Surroundings, number: int) -> None:
        self._socket = socket
        self._around = around
        self._log = around.log.bind(connection=number)
        self._life = Lifetime()
        self._outbox = Outbox(around.timings.stall_s)
        self._joiner = Joiner(around.budget)
        self._pulse: Pulse | None = None
        self._told_to_leave: asyncio.Future[Refusal] = asyncio.get_running_loop().create_future()
        self._delivery: Delivery | None = None
        self._requests: Requests | None = None
        self._journal_state = "ok"
        self.client_id: str | None = None

    @property
    def phase(self) -> Phase:
        """Where in its life it is."""
        return self._life.phase

    @property
    def _beat_s(self) -> float:
        return self._around.identity.heartbeat_ms / 1000

    # from outside

    def leave(self, refusal: Refusal) -> None:
        """Let the connection end; the first reason counts."""
        if not self._told_to_leave.done():
            self._told_to_leave.set_result(refusal)

    @property
    def drained(self) -> bool:
        """Whether all that can go out has gone out, and every request is answered."""
        if self._delivery is None or self._requests is None:
            return True
        return self._delivery.drained and not self._requests and self._outbox.empty

    def ephemeral(self, message: bytes, thread_id: str | None) -> None:
        """Offer what may be dropped."""
        delivery = self._delivery
        if delivery is not None and (thread_id is None or delivery.wants(thread_id)):
            self._outbox.ephemeral(message)

    def tell_journal_state(self) -> None:
        """Tell the client when the journal's state is not the one that it knows of."""
        journal = self._around.backend.journal
        if self._life.phase is Phase.SERVING and journal.state != self._journal_state:
            self._journal_state = journal.state
            message = journal.state_message or None
            self._control("journal", JournalNotice(state=journal.state, message=message))

    # life

    async def run(self) -> None:
        """Serve the client until the connection ends."""
        try:
            await self._end(await self._live())
        finally:
            self._socket.abort()
            self._life.move(Cause.LOST)

    async def _live(self) -> BaseException:
        """Serve, and return what ended the connection."""
        ended: BaseException
        try:
            await self._serve()
        except* (Refused, PeerGone) as group:
            ended = _first(group)
        except* Exception as group:  # noqa: BLE001 - a defect of ours ends this connection alone
            self._log.exception("connection.failed", group)
            ended = Refused(Refusal.DEFECT)
        finally:
            self._joiner.clear()
            if self._requests is not None:
                self._requests.drop()
        return ended

    async def _end(self, ended: BaseException) -> None:
        if isinstance(ended, Refused):
            self._life.move(Cause.REFUSED)
            refusal = ended.refusal
            self._log.info("connection.refused", why=refusal.name, detail=ended.detail)
            if refusal.goodbye:
                self._control("goodbye", Goodbye(reason=refusal.goodbye))  # type: ignore[arg-type]
            await self._socket.close(ended, self._outbox.last_words())
        else:
            self._log.info("connection.lost", why=str(ended))

    async def _serve(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._leave_when_told())
            tasks.create_task(self._write())
            request, hello = await self._await_hello()
            self._welcome(request, hello, tasks)
            tasks.create_task(self._beat())
            while True:
                await self._handle(await self._receive())

    async def _leave_when_told(self) -> None:
        raise Refused(await self._told_to_leave)

    async def _write(self) -> None:
        while True:
            await self._socket.send(await self._outbox.next())

    # hello

    async def _await_hello(self) -> tuple[Request, Hello]:
        try:
            async with asyncio.timeout(self._around.timings.hello_s):
                request = decode(await self._socket.receive())
        except TimeoutError:
            raise Refused(Refusal.HELLO_LATE) from None
        if isinstance(request, Request) and request.method == "hello":
            try:
                return request, check_hello(request.params, self._around.identity.token)
            except InvalidParams as error:
                self._outbox.respond_now(encode_error(request.id, error.body()))
                raise Refused(Refusal.BAD_HELLO, str(error.data.get("path"))) from None
        if isinstance(request, Request | MisshapenRequest):
            early = NotInitialised("Cannot take a request before hello")
            self._outbox.respond_now(encode_error(request.id, early.body()))
        elif request.method == "chunk":
            raise Refused(Refusal.CHUNK_EARLY)
        raise Refused(Refusal.NO_HELLO)

    def _welcome(self, request: Request, hello: Hello, tasks: asyncio.TaskGroup) -> None:
        around, client_id = self._around, hello.client.id
        journal = around.backend.journal
        start = decide_start(journal, hello.resume)
        reason = None if start.gap is None else start.gap.reason
        result = welcome(
            hello,
            around.identity,
            head=journal.head,
            oldest=journal.oldest,
            resumed=not start.snapshot,
            reason=reason,
        )
        self._life.move(Cause.WELCOMED)
        self.client_id = client_id
        self._pulse = Pulse(self._beat_s, around.wall())
        self._log.info(
            "client.welcomed", client=client_id, resumed=not start.snapshot, reason=reason
        )
        self._outbox.control("hello", encode_response(request.id, result))  # before all else
        self.tell_journal_state()
        threads = None if hello.threads is None else frozenset(hello.threads)
        self._delivery = Delivery(around.backend, self._outbox, start, threads, window_of(hello))
        told = CallLog(around.backend, self._log.bind(client=client_id), around.mono)
        self._requests = Requests(
            client_id, around.calls, self._outbox, self._delivery, tasks, told=told
        )
        around.door.welcomed(self, client_id, journal.head if start.snapshot else start.after)
        tasks.create_task(self._delivery.run())

    # receiving

    async def _receive(self) -> Message:
        """Return the next message, joined if it came in chunks."""
        while True:
            data = await self._socket.receive()
            assert self._pulse is not None
            self._pulse.heard()
            message = decode(data)
            if not _is_chunk(message):
                return message
            whole = self._joiner.take(message.params)
            if whole is None:
                continue
            message = decode(whole)
            if _is_chunk(message):
                raise Refused(Refusal.CHUNK_ORDER, "chunks within chunks")
            return message

    async def _handle(self, message: Message) -> None:
        assert self._requests is not None
        if isinstance(message, Request):
            await self._requests.take(message)
        elif isinstance(message, MisshapenRequest):
            await self._requests.take_misshapen(message)
        else:
            try:
                self._notified(message.method, message.params)
            except InvalidParams as error:
                raise Refused(Refusal.SHAPE, error.message) from None

    def _notified(self, method: str, params: dict[str, Any]) -> None:
        assert self._requests is not None
        assert self._delivery is not None
        assert self.client_id is not None
        match method:
            case "ack":
                if self._delivery.ack(parse_params(method, params, Ack).seq):
                    self._around.door.acked(self.client_id, self._delivery.acked_seq)
            case "cancel":
                self._requests.cancel(parse_params(method, params, Cancel).id)
            case "heartbeat":
                parse_params(method, params, Heartbeat)
            case _:
                return  # unknown notifications are ignored: a newer client may send some

    # beating

    async def _beat(self) -> None:
        assert self._delivery is not None
        while True:
            await asyncio.sleep(self._beat_s)
            if self._pulse is not None and self._pulse.tick(self._around.wall()):
                raise Refused(Refusal.SILENT)
            self._delivery.heartbeat()
            self._control("heartbeat", self._heartbeat())

    def _heartbeat(self) -> Heartbeat:
        assert self._delivery is not None
        journal = self._around.backend.journal
        return Heartbeat(
            mono_ms=round(self._around.mono() * 1000),
            wall_ms=round(self._around.wall() * 1000),
            head=journal.head,
            sent=self._delivery.sent_seq,
            journal=None if journal.state == "ok" else journal.state,
        )

    def _control(self, name: str, params: Any) -> None:
        self._outbox.control(name, encode_notification(name, params))


def _is_chunk(message: Message) -> TypeGuard[Notification]:
    return isinstance(message, Notification) and message.method == "chunk"


def _first(group: BaseExceptionGroup[Any]) -> BaseException:
    """Return what ended a connection: a refusal before a loss that it may have caused."""
    leaves = list(_leaves(group))
    return next((leaf for leaf in leaves if isinstance(leaf, Refused)), leaves[0])


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]
