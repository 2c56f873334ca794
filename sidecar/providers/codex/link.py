"""The wire of one app-server with its process: requests that are awaited, and what is written.

Owns the futures of our requests. Never knows what a method means. Reading stays with the session.
"""

import asyncio
from typing import Any

from sidecar.contract.base import Json
from sidecar.contract.errors import Overloaded, ProviderProcessFailed, ProviderRequestFailed
from sidecar.providers.base import ProviderProcess
from sidecar.providers.codex.wire import CodexWire, Message, Response
from sidecar.providers.shapes import DETAIL_CHARS, a_map, text

DRAIN_DEADLINE_S = 30.0
"""How long Codex may leave its input unread while answers wait for it. A live one reads within
milliseconds; one that does not cannot be answered, and its answers must not pile up."""


class CodexLink:
    """Requests and answers over one process' stdio."""

    def __init__(self, process: ProviderProcess) -> None:
        self.process = process
        self._wire = CodexWire()
        self._waiting: dict[int, asyncio.Future[Response]] = {}
        self._closed = False

    @property
    def unanswered(self) -> list[str]:
        """What was asked and is not answered yet."""
        return self._wire.unanswered

    def receive(self, data: bytes) -> list[Message]:
        """Return the messages that `data` completes; b"" ends the stream."""
        return self._wire.receive(data) if data else self._wire.finish()

    def settle(self, response: Response) -> bool:
        """Hand a response to the call that waits for it; False if none does."""
        future = self._waiting.pop(response.id, None)
        if future is None or future.done():
            return False
        future.set_result(response)
        return True

    def send(self, method: str, params: Json = None) -> int:
        """Write a request and return its id.

        Raises ProviderProcessFailed after the end and Overloaded with too many unanswered.
        """
        if self._closed:
            raise ProviderProcessFailed(f"Cannot call {method}: Codex has ended")
        sent = self._wire.request(method, params)
        if sent is None:
            raise Overloaded(f"Cannot call {method}: too many requests are unanswered")
        request_id, data = sent
        self.process.write(data)
        return request_id

    async def call(self, method: str, params: Json, deadline_s: float) -> Response:
        """Write a request and return its response, an error response too.

        Raises ProviderRequestFailed at the deadline and ProviderProcessFailed when Codex ends.
        """
        request_id = self.send(method, params)
        future: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = future
        try:
            async with asyncio.timeout(deadline_s):
                return await future
        except TimeoutError:
            raise ProviderRequestFailed(
                f"Codex did not answer {method} within {deadline_s:g} s", method=method
            ) from None
        finally:
            self._waiting.pop(request_id, None)
            self._wire.give_up(request_id)

    async def result(self, method: str, params: Json, deadline_s: float) -> dict[str, Any]:
        """Do call, and raise ProviderRequestFailed for an error response too."""
        return result_of(await self.call(method, params, deadline_s))

    def notify(self, method: str) -> None:
        """Write a notification."""
        self.process.write(self._wire.notification(method))

    def answer(self, rpc_id: Json, result: Json) -> None:
        """Answer a request of Codex."""
        self.process.write(self._wire.result(rpc_id, result))

    def refuse(self, rpc_id: Json, code: int, message: str) -> None:
        """Answer a request of Codex with an error."""
        self.process.write(self._wire.error(rpc_id, code, message))

    async def drained(self) -> bool:
        """Wait until Codex has read what was written; False at the deadline."""
        try:
            async with asyncio.timeout(DRAIN_DEADLINE_S):
                await self.process.drain()
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        """Fail every waiting call with ProviderProcessFailed; Codex has ended."""
        self._closed = True
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ProviderProcessFailed("Codex ended before it answered"))
        self._waiting.clear()


def result_of(response: Response) -> dict[str, Any]:
    """Return a response's result, {} if it is no map. Raises ProviderRequestFailed for an error."""
    if response.error is not None:
        words = text(response.error.message, DETAIL_CHARS) or "no reason given"
        raise ProviderRequestFailed(
            f"Codex refused {response.method}: {words}",
            method=response.method,
            detail=words,
            providerCode=response.error.code,
        )
    return a_map(response.result)
