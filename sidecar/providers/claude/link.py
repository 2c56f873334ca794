"""The wire of one Claude process: control requests that are awaited, and what is written.

Owns the futures of our control requests. Never knows what one means. The session reads.
"""

from typing import Any

from sidecar.contract.base import Json
from sidecar.contract.errors import ProviderProcessFailed, ProviderRequestFailed
from sidecar.providers.base import ProviderProcess
from sidecar.providers.claude.wire import Answered, ClaudeWire, Message
from sidecar.providers.link import Link


class ClaudeLink(Link[str, Answered]):
    """Control requests and prompts over one process' stdio."""

    def __init__(self, process: ProviderProcess) -> None:
        super().__init__(process, "Claude")
        self._wire = ClaudeWire()

    @property
    def unanswered(self) -> list[str]:
        """What was asked and is not answered yet."""
        return self._wire.unanswered

    def receive(self, data: bytes) -> list[Message]:
        """Return the messages that `data` completes; b"" ends the stream."""
        return self._wire.receive(data) if data else self._wire.finish()

    def settle(self, answered: Answered) -> None:
        """Hand an answer to the call that waits for it, if one does."""
        self._hand_over(answered.id, answered)

    async def call(self, subtype: str, deadline_s: float, **fields: Json) -> dict[str, Any]:
        """Write a control request and return its answer's body.

        Raises ProviderRequestFailed for a refusal and at the deadline, ProviderProcessFailed when
        Claude ends or has ended, Overloaded with too many unanswered.
        """
        self._check_open(subtype)
        request_id = self._write(subtype, self._wire.request(subtype, **fields))
        answered = await self._answer_to(request_id, subtype, deadline_s, self._wire.forget)
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
