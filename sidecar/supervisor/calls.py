"""Calls to a host that are under way, by id.

Every one gets its answer once: the host's, or the error with which its generation ended.
"""

import asyncio
from typing import Any

from sidecar.contract.errors import SidecarError, error_from_body
from sidecar.contract.frames import ReplyFrame
from sidecar.supervisor.patience import settle

OPENING_CALL = 0
"""Id of the reply that tells that a session is open."""

Answer = asyncio.Future[Any]


class Calls:
    """Those of one generation."""

    def __init__(self) -> None:
        self._open: dict[int, Answer] = {}
        self._next_id = OPENING_CALL + 1

    def expect(self, call_id: int | None = None) -> tuple[int, Answer]:
        """Return an id (a new one, if none is given) and the future of its answer."""
        if call_id is None:
            call_id, self._next_id = self._next_id, self._next_id + 1
        answer: Answer = asyncio.get_running_loop().create_future()
        self._open[call_id] = answer
        return call_id, answer

    def answered(self, frame: ReplyFrame) -> None:
        """Take what the host says; an answer that nobody waits for any more is dropped."""
        answer = self._open.get(frame.id)
        if answer is None or answer.done():
            return
        if frame.error is not None:
            answer.set_exception(error_from_body(frame.error))
        else:
            answer.set_result(frame.result)

    def forget(self, call_id: int) -> None:
        """Wait for an answer no longer."""
        self._open.pop(call_id, None)

    def fail(self, error: SidecarError) -> None:
        """Answer all that are open: nothing comes of the host any more."""
        for answer in self._open.values():
            settle(answer, error)
        self._open.clear()
