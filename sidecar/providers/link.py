"""The wire of one program with its process: requests that are awaited, and what is written.

Owns the futures of our requests. Never knows what a method means. Reading stays with the session.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from sidecar.contract.base import Json
from sidecar.contract.errors import Overloaded, ProviderProcessFailed, ProviderRequestFailed
from sidecar.providers.base import ProviderProcess
from sidecar.providers.jsonrpc import JsonRpcWire, Message, Response, RpcError

DRAIN_DEADLINE_S = 30.0
"""How long a program may leave its input unread while answers wait for it. A live one reads within
milliseconds; one that does not cannot be answered, and its answers must not pile up."""


K = TypeVar("K")
A = TypeVar("A")


class Link(Generic[K, A]):
    """Answers A to our requests of ids K. `peer` is who answers, in the words of errors."""

    def __init__(self, process: ProviderProcess, peer: str) -> None:
        self.process = process
        self._peer = peer
        self._waiting: dict[K, asyncio.Future[A]] = {}
        self._closed = False

    @property
    def _who(self) -> str:
        """Who answers, at the beginning of a sentence."""
        return self._peer[:1].upper() + self._peer[1:]

    def _hand_over(self, id_: K, answer: A) -> bool:
        """Hand an answer to the call that waits for it; False if none does."""
        future = self._waiting.pop(id_, None)
        if future is None or future.done():
            return False
        future.set_result(answer)
        return True

    def _write(self, method: str, sent: tuple[K, bytes] | None) -> K:
        """Write a request of the wire, which gives None when too many are unanswered."""
        if sent is None:
            raise Overloaded(f"Cannot call {method}: too many requests are unanswered")
        request_id, data = sent
        self.process.write(data)
        return request_id

    def _check_open(self, method: str) -> None:
        if self._closed:
            raise ProviderProcessFailed(f"Cannot call {method}: {self._peer} has ended")

    async def _answer_to(
        self, id_: K, method: str, deadline_s: float, give_up: Callable[[K], None]
    ) -> A:
        """Wait for an answer; `give_up` tells the wire that nobody does any more.

        Raises ProviderRequestFailed at the deadline and ProviderProcessFailed when the peer ends.
        """
        future: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting[id_] = future
        try:
            async with asyncio.timeout(deadline_s):
                return await future
        except TimeoutError:
            raise ProviderRequestFailed(
                f"{self._who} did not answer {method} within {deadline_s:g} s", method=method
            ) from None
        finally:
            self._waiting.pop(id_, None)
            give_up(id_)

    async def drained(self) -> bool:
        """Wait until the peer has read what was written; False at the deadline."""
        try:
            async with asyncio.timeout(DRAIN_DEADLINE_S):
                await self.process.drain()
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        """Fail every waiting call with ProviderProcessFailed; the peer has ended."""
        self._closed = True
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ProviderProcessFailed(f"{self._who} ended before it answered"))
        self._waiting.clear()


class JsonRpcLink(Link[int, Response]):
    """Requests and answers of JSON-RPC over one process' stdio.

    `in_words` says what an error of the peer tells, for whoever reads ours.
    """

    def __init__(
        self,
        process: ProviderProcess,
        wire: JsonRpcWire,
        peer: str,
        in_words: Callable[[RpcError], str],
    ) -> None:
        super().__init__(process, peer)
        self._wire = wire
        self._in_words = in_words

    @property
    def unanswered(self) -> list[str]:
        """What was asked and is not answered yet."""
        return self._wire.unanswered

    def receive(self, data: bytes) -> list[Message]:
        """Return the messages that `data` completes; b"" ends the stream."""
        return self._wire.receive(data) if data else self._wire.finish()

    def settle(self, response: Response) -> bool:
        """Hand a response to the call that waits for it; False if none does."""
        return self._hand_over(response.id, response)

    def send(self, method: str, params: Json = None) -> int:
        """Write a request and return its id.

        Raises ProviderProcessFailed after the end and Overloaded with too many unanswered.
        """
        self._check_open(method)
        return self._write(method, self._wire.request(method, params))

    async def call(self, method: str, params: Json, deadline_s: float) -> Response:
        """Write a request and return its response, an error response too.

        Raises ProviderRequestFailed at the deadline and ProviderProcessFailed when the peer ends.
        """
        request_id = self.send(method, params)
        return await self._answer_to(request_id, method, deadline_s, self._wire.give_up)

    async def result(self, method: str, params: Json, deadline_s: float) -> dict[str, Any]:
        """Do call, and raise ProviderRequestFailed for an error response too."""
        return self.result_of(await self.call(method, params, deadline_s))

    def result_of(self, response: Response) -> dict[str, Any]:
        """Return a response's result, {} if it is no map.

        Raises ProviderRequestFailed for an error.
        """
        if response.error is not None:
            words = self._in_words(response.error)
            raise ProviderRequestFailed(
                f"{self._who} refused {response.method}: {words}",
                method=response.method,
                detail=words,
                providerCode=response.error.code,
            )
        return response.result if isinstance(response.result, dict) else {}

    def notify(self, method: str, params: Json = None) -> None:
        """Write a notification."""
        self.process.write(self._wire.notification(method, params))

    def answer(self, rpc_id: Json, result: Json) -> None:
        """Answer a request of the peer."""
        self.process.write(self._wire.result(rpc_id, result))

    def refuse(self, rpc_id: Json, code: int, message: str) -> None:
        """Answer a request of the peer with an error."""
        self.process.write(self._wire.error(rpc_id, code, message))
