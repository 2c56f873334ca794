"""The calls under way, over all connections: order, deadline, joining, `at` (PROTOCOL §5).

Owns the tasks in which methods run. A call outlives the connection that asked for it when it may
have changed something; its answer is then found by its key. Never writes to a connection.
"""

import asyncio
import contextlib
from typing import Any

from sidecar.bridge.backend import Backend
from sidecar.bridge.bounds import CALLS, COMMIT_S, KEY_CHARS
from sidecar.bridge.idempotency import Key, Keys, other_params
from sidecar.bridge.lanes import Lanes, Turn
from sidecar.bridge.methods import Methods
from sidecar.bridge.outcome import Outcome, fingerprint, plain
from sidecar.contract.errors import (
    Cancelled,
    InternalError,
    InvalidParams,
    Overloaded,
    ProviderRequestFailed,
    ShuttingDown,
    SidecarError,
)
from sidecar.contract.methods import MethodSpec
from sidecar.core.scarcity import short_of
from sidecar.journal.errors import JournalUnavailable
from sidecar.observe.log import Log


class Call:
    """One run of a method, for one request or several with the same key."""

    def __init__(self, spec: MethodSpec, params: Any, deadline: float) -> None:
        self.spec = spec
        self.params = params
        self.deadline = deadline
        self.outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.key: Key | None = None
        self.fingerprint = b""
        self.askers = 1
        self.began = False
        """Whether it has left its lane: from then on it may have changed something."""


class Calls:
    """All calls of a server."""

    def __init__(self, backend: Backend, log: Log) -> None:
        self._journal = backend.journal
        self._methods = Methods(backend)
        self._keys = Keys(backend.journal)
        self._lanes = Lanes()
        self._log = log
        self._tasks: dict[Call, asyncio.Task[None]] = {}
        self._by_key: dict[Key, Call] = {}
        self._closed = False

    def ask(self, client_id: str, spec: MethodSpec, params: Any) -> Call:
        """Start a call, or join the one that runs under the same key.

        Its place among the calls of its session is taken before this returns. Raises ShuttingDown,
        Overloaded, InvalidParams (a key that is too long) and ValidationFailed (a key that runs
        with other params).
        """
        if self._closed:
            raise ShuttingDown(f"Cannot call {spec.name}: the sidecar goes down")
        loop = asyncio.get_running_loop()
        call = Call(spec, params, loop.time() + spec.deadline_s)
        if spec.idempotent:
            running = self._join(client_id, call)
            if running is not None:
                return running
        if len(self._tasks) >= CALLS:
            text = f"Cannot call {spec.name}: {CALLS} calls are under way"
            raise Overloaded(text, limit=CALLS)
        if call.key is not None:
            self._by_key[call.key] = call
        turn = self._lanes.queue(params.thread_id) if spec.lane == "ordered" else None
        task = loop.create_task(self._run(call, turn), name=f"call {spec.name}")
        self._tasks[call] = task
        task.add_done_callback(lambda _task: self._ended(call, turn))
        return call

    def leave(self, call: Call, *, cancelled: bool) -> None:
        """Note that one asker is gone: its connection ended, or it gave the request up.

        What reads is cancelled with its last asker; what changes something only by `cancel`, and
        only while it waits for its turn.
        """
        call.askers -= 1
        harmless = not call.spec.mutating or (cancelled and not call.began)
        if call.askers == 0 and harmless and call in self._tasks:
            self._tasks[call].cancel()

    def close(self) -> None:
        """Take no more calls."""
        self._closed = True

    async def stop(self) -> None:
        """End all calls; what they had begun goes on without an answer."""
        self.close()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def __len__(self) -> int:
        return len(self._tasks)

    def _join(self, client_id: str, call: Call) -> Call | None:
        key = call.params.idempotency_key
        if len(key) > KEY_CHARS:
            text = f"Cannot call {call.spec.name}: idempotencyKey is over {KEY_CHARS} characters"
            raise InvalidParams(text, path="idempotencyKey", method=call.spec.name)
        call.key = Key(client_id, call.spec.name, key)
        call.fingerprint = fingerprint(call.params)
        running = self._by_key.get(call.key)
        if running is None:
            return None
        if running.fingerprint != call.fingerprint:
            raise other_params(call.key)
        running.askers += 1
        return running

    def _ended(self, call: Call, turn: Turn | None) -> None:
        del self._tasks[call]
        if call.key is not None:
            del self._by_key[call.key]
        if turn is not None:
            self._lanes.leave(turn)  # it was cancelled before it had waited
        if not call.outcome.done():
            text = f"Cannot answer {call.spec.name}: it was given up"
            call.outcome.set_result(Outcome(Cancelled(text).body()))

    async def _run(self, call: Call, turn: Turn | None) -> None:
        try:
            async with contextlib.AsyncExitStack() as stack:
                if turn is not None:
                    async with asyncio.timeout_at(call.deadline):
                        await stack.enter_async_context(turn)
                call.began = True
                outcome = await self._under_key(call)
        except TimeoutError:
            outcome = _too_late(call)
        call.outcome.set_result(outcome)

    async def _under_key(self, call: Call) -> Outcome:
        try:
            if call.key is None:
                return await self._carry_out(call)
            return await self._keys.run(call.key, call.fingerprint, lambda: self._carry_out(call))
        except SidecarError as error:
            return Outcome(error.body())
        except Exception as error:  # noqa: BLE001 - the boundary: a defect becomes an answer
            return self._defect(call, error)

    async def _carry_out(self, call: Call) -> Outcome:
        try:
            async with asyncio.timeout_at(call.deadline) as scope:
                result = await self._methods.carry_out(call.spec, call.params)
            if call.spec.mutating:
                result = plain(result) | {"at": await self._at()}
        except SidecarError as error:
            return Outcome(error.body())
        except Exception as error:  # noqa: BLE001 - the boundary: a defect becomes an answer
            return _too_late(call) if scope.expired() else self._defect(call, error)
        return Outcome(None, result)

    def _defect(self, call: Call, error: Exception) -> Outcome:
        self._log.exception("call.failed", error, method=call.spec.name)
        name = call.spec.name
        if (what := short_of(error)) is not None:
            text = f"Cannot call {name}: the sidecar has no {what} left"
            return Outcome(Overloaded(text, method=name).body())
        text = f"Cannot call {name}: the sidecar failed; its log tells why"
        return Outcome(InternalError(text, method=name).body())

    async def _at(self) -> int:
        """Return the committed head, once all that the call has appended is committed."""
        if self._journal.state == "ok":
            with contextlib.suppress(TimeoutError, JournalUnavailable):
                async with asyncio.timeout(COMMIT_S):
                    await self._journal.committed(self._journal.appended)
        return self._journal.head


def _too_late(call: Call) -> Outcome:
    deadline_ms = round(call.spec.deadline_s * 1000)
    text = f"Cannot answer {call.spec.name}: it did not end within {deadline_ms} ms"
    data = {"method": call.spec.name, "deadlineMs": deadline_ms}
    return Outcome(ProviderRequestFailed(text, **data).body())
