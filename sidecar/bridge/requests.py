"""The open requests of one connection: checked, asked, answered exactly once (PROTOCOL §5).

Owns ids and answers. What a method does runs in sidecar/bridge/calls.
"""

import asyncio
from typing import Any

from sidecar.bridge.calllog import CallLog
from sidecar.bridge.calls import Call, Calls
from sidecar.bridge.codec import (
    MisshapenRequest,
    Request,
    encode_error,
    encode_response,
    parse_params,
)
from sidecar.bridge.delivery import Delivery
from sidecar.bridge.outbox import Outbox
from sidecar.bridge.outcome import Outcome
from sidecar.bridge.refusals import Refusal, Refused
from sidecar.bridge.snapshots import encode_fitting
from sidecar.contract.errors import (
    Cancelled,
    InternalError,
    InvalidRequest,
    LimitExceeded,
    MethodNotFound,
    Overloaded,
    ProviderRequestFailed,
    SidecarError,
)
from sidecar.contract.limits import OPEN_REQUESTS, TRANSFER_BYTES
from sidecar.contract.methods import METHODS, MethodSpec, SubscribeParams
from sidecar.contract.snapshot import Snapshot


class _Open:
    """One open request: `answer` gets its outcome from whoever is first."""

    def __init__(self, method: str) -> None:
        self.method = method
        self.call: Call | None = None
        self.answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    def settle(self, outcome: Outcome) -> None:
        if not self.answer.done():
            self.answer.set_result(outcome)


class Requests:
    """The requests of one connection, from the message to the queued response."""

    def __init__(
        self,
        client_id: str,
        calls: Calls,
        outbox: Outbox,
        delivery: Delivery,
        tasks: asyncio.TaskGroup,
        *,
        told: CallLog,
    ) -> None:
        self._client_id = client_id
        self._calls = calls
        self._outbox = outbox
        self._delivery = delivery
        self._tasks = tasks
        self._told = told
        self._open: dict[int, _Open] = {}

    def __len__(self) -> int:
        return len(self._open)

    async def take(self, request: Request) -> None:
        """Take a request in. Returns once it is on its way, or refused with an answer.

        Raises Refused for what closes the connection: an id that is open, a second hello.
        """
        if request.method == "hello":
            raise Refused(Refusal.SECOND_HELLO)
        self._check_id(request.id)
        try:
            if len(self._open) >= OPEN_REQUESTS:
                text = f"Cannot call {request.method}: {OPEN_REQUESTS} requests are open"
                raise Overloaded(text, limit=OPEN_REQUESTS)
            spec = METHODS.get(request.method)
            if spec is None:
                text = f"Cannot call {request.method!r:.200}: there is no such method"
                raise MethodNotFound(text)
            self._begin(request, spec)
        except SidecarError as error:
            self._told.refused(request.id, request.method, error.body())
            await self._refuse(request.id, error)

    async def take_misshapen(self, request: MisshapenRequest) -> None:
        """Answer a request of a wrong shape."""
        self._check_id(request.id)
        error = InvalidRequest(f"Cannot take the request: {request.detail}")
        await self._refuse(request.id, error)

    def cancel(self, number: int) -> None:
        """Give an open request up: it is answered `cancelled`. Another id is ignored."""
        request = self._open.get(number)
        if request is None or request.answer.done():
            return
        text = f"{request.method} was given up"
        request.settle(Outcome(Cancelled(text).body()))
        if request.call is not None:
            call, request.call = request.call, None
            self._calls.leave(call, cancelled=True)

    def drop(self) -> None:
        """Note that the connection has ended: nobody waits for the answers any more."""
        for request in self._open.values():
            if request.call is not None and not request.answer.done():
                self._calls.leave(request.call, cancelled=False)
        self._open.clear()

    def _check_id(self, number: int) -> None:
        if number in self._open:
            raise Refused(Refusal.DUPLICATE_ID, str(number))

    def _begin(self, request: Request, spec: MethodSpec) -> None:
        params: Any = parse_params(spec.name, request.params, spec.params)
        opened = _Open(spec.name)
        if spec.name == "subscribe":
            self._tasks.create_task(self._subscribe(opened, params, spec.deadline_s))
        else:
            opened.call = self._calls.ask(self._client_id, spec, params)
            opened.call.outcome.add_done_callback(lambda done: opened.settle(done.result()))
        self._open[request.id] = opened
        about = self._told.asked(request.id, spec.name, params)
        opened.answer.add_done_callback(
            lambda done: self._told.answered(about, done.result().error)
        )
        self._tasks.create_task(self._answer(request.id, opened))

    async def _subscribe(self, opened: _Open, params: SubscribeParams, deadline_s: float) -> None:
        try:
            async with asyncio.timeout(deadline_s):
                await self._delivery.subscribe(params)
            outcome = Outcome(None, {})
        except SidecarError as error:
            outcome = Outcome(error.body())
        except TimeoutError:
            data = {"method": "subscribe", "deadlineMs": round(deadline_s * 1000)}
            text = "Cannot subscribe: the stream did not come to a message's end"
            outcome = Outcome(ProviderRequestFailed(text, **data).body())
        opened.settle(outcome)

    async def _answer(self, number: int, opened: _Open) -> None:
        # shielded: the end of the connection must not look like an answer to `drop`
        outcome = await asyncio.shield(opened.answer)

        def encode() -> bytes:
            self._open.pop(number, None)
            return _encode(number, outcome)

        await self._outbox.respond(encode)

    async def _refuse(self, number: int, error: SidecarError) -> None:
        await self._outbox.respond(lambda: encode_error(number, error.body()))


def _encode(number: int, outcome: Outcome) -> bytes:
    if outcome.error is not None:
        return encode_error(number, outcome.error)
    result = {} if outcome.result is None else outcome.result
    try:
        if isinstance(result, Snapshot):
            data = encode_fitting(result, lambda snapshot: encode_response(number, snapshot))
        else:
            data = encode_response(number, result)
    except (TypeError, ValueError, OverflowError) as error:
        text = f"Cannot send the result: {error}"
        return encode_error(number, InternalError(text).body())
    if len(data) <= TRANSFER_BYTES:
        return data
    text = f"Cannot send the result: it has {len(data)} bytes"
    too_large = LimitExceeded(text, limit="transferBytes", bytes=len(data))
    return encode_error(number, too_large.body())
