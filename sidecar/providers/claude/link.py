"""The wire of one Claude process: control requests that are awaited, and what is written.

Owns the futures of our control requests. Never knows what one means. The session reads.
"""

import asyncio
from typing import Any

from sidecar.contract.base import Json
from sidecar.contract.errors import Overloaded, ProviderProcessFailed, ProviderRequestFailed
from sidecar.providers.base import ProviderProcess
from sidecar.providers.claude.wire import Answered, ClaudeWire, Message

DRAIN_DEADLINE_S = 30.0
"""How long Claude may leave its input unread while something waits to be written to it. A live one
reads within milliseconds; for one that does not, prompts and answers must not pile up."""


class ClaudeLink:
    """Control requests and prompts over one process' stdio."""

    def __init__(self, process: ProviderProcess) -> None:
        self.process = process
        self._wire = ClaudeWire()
        self._waiting: dict[str, asyncio.Future[Answered]] = {}
        self._closed = False

    @property
    def unanswered(self) -> list[str]:
        """What was asked and is not answered yet."""
        return self._wire.unanswered

    def receive(self, data: bytes) -> list[Message]:
        """Return the messages that `data` completes; b"" ends the stream."""
        return self._wire.receive(data) if data else self._wire.finish()

    def settle(self, answered: Answered) -> None:
        """Hand an answer to the call that waits for it, if one does."""
        future = self._waiting.pop(answered.id, None)
        if future is not None and not future.done():
            future.set_result(answered)

    async def call(self, subtype: str, deadline_s: float, **fields: Json) -> dict[str, Any]:
        """Write a control request and return its answer's body.

        Raises ProviderRequestFailed for a refusal and at the deadline, ProviderProcessFailed when
        Claude ends or has ended, Overloaded with too many unanswered.
        """
        request_id = self._send(subtype, fields)
        future: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = future
        try:
            async with asyncio.timeout(deadline_s):
                answered = await future
        except TimeoutError:
            raise ProviderRequestFailed(
                f"Claude did not answer {subtype} within {deadline_s:g} s", method=subtype
            ) from None
        finally:
            self._waiting.pop(request_id, None)
            self._wire.forget(request_id)
        if answered.error is not None:
            raise ProviderRequestFailed(
                f"Claude refused {subtype}: {answered.error}",
                method=subtype,
                detail=answered.error,
            )
        return answered.body

    def notify(self, subtype: str, **fields: Json) -> None:
        """Write a control request whose answer nobody waits for; nothing if that cannot be."""
        sent = None if self._closed else self._wire.request(subtype, **fields)
        if sent is not None:
            self.process.write(sent[1])

    def prompt(self, content: list[dict[str, Any]]) -> None:
        """Write a prompt. Raises ProviderProcessFailed after the end."""
        if self._closed:
            raise ProviderProcessFailed("Cannot start a turn: Claude has ended")
        self.process.write(self._wire.user(content))

    def answer(self, request_id: Json, response: dict[str, Any]) -> None:
        """Answer a control request of Claude."""
        self.process.write(self._wire.answer(request_id, response))

    def refuse(self, request_id: Json, error: str) -> None:
        """Refuse a control request of Claude."""
        self.process.write(self._wire.refuse(request_id, error))

    async def drained(self) -> bool:
        """Wait until Claude has read what was written; False at the deadline."""
        try:
            async with asyncio.timeout(DRAIN_DEADLINE_S):
                await self.process.drain()
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        """Fail every waiting call with ProviderProcessFailed; Claude has ended."""
        self._closed = True
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ProviderProcessFailed("Claude ended before it answered"))
        self._waiting.clear()

    def _send(self, subtype: str, fields: dict[str, Json]) -> str:
        if self._closed:
            raise ProviderProcessFailed(f"Cannot call {subtype}: Claude has ended")
        sent = self._wire.request(subtype, **fields)
        if sent is None:
            raise Overloaded(f"Cannot call {subtype}: too many requests are unanswered")
        request_id, data = sent
        self.process.write(data)
        return request_id
