"""The desk at which Codex asks: each of its requests gets exactly one answer.

Owns what goes back over the wire for a request. What it means is the mapping's.
"""

import time
from typing import Any, Final

from sidecar.contract.errors import ValidationFailed
from sidecar.contract.vocabulary import Decision
from sidecar.providers.base import SessionContext
from sidecar.providers.codex.link import CodexLink
from sidecar.providers.codex.mapping import REFUSALS, CodexMapping, granted_by_mode
from sidecar.providers.codex.wire import INTERNAL_ERROR, METHOD_NOT_FOUND, Request
from sidecar.providers.shapes import text

CLOCK: Final = "currentTime/read"
TOOL_CALL: Final = "item/tool/call"


class Desk:
    """Takes the requests of one app-server."""

    def __init__(self, context: SessionContext, link: CodexLink, mapping: CodexMapping) -> None:
        self._context = context
        self._link = link
        self._mapping = mapping

    def take(self, request: Request) -> None:
        """Answer a request at once, or open it for a person."""
        if request.method == CLOCK:
            self._link.answer(request.id, {"currentTimeAt": int(time.time())})
            return
        request_id, drafts = self._mapping.ask(request.id, request.method, request.params)
        if drafts:
            self._context.emit(drafts)
        if request_id is None:
            self._refuse(request)
            return
        found = self._mapping.asks[request_id]
        if granted_by_mode(self._context.spec.start.runtime_mode, found.request_type):
            self.decide(request_id, "accept", None)

    def decide(self, request_id: str, decision: Decision, option_id: str | None) -> bool:
        """Answer an approval; return whether the turn must be interrupted for it.

        Raises ValidationFailed for what is not open, is no approval, or an option not offered.
        """
        found = self._mapping.asks.get(request_id)
        if found is None or found.request_type is None:
            raise ValidationFailed(f"Request {request_id} is not open", requestId=request_id)
        result = found.decide(decision, option_id)
        if result is None:
            raise ValidationFailed(f"Codex offers no option {option_id}", requestId=request_id)
        self._link.answer(found.rpc_id, result)
        self._context.emit(self._mapping.answered(request_id, decision))
        main = found.thread_id in ("", self._mapping.thread_id)
        return decision == "cancel" and found.family == "permissions" and main

    def answer(self, request_id: str, answers: dict[str, Any]) -> None:
        """Answer questions. Raises ValidationFailed for what is not open or no question."""
        found = self._mapping.asks.get(request_id)
        if found is None or found.request_type is not None:
            raise ValidationFailed(f"No questions {request_id} are open", requestId=request_id)
        self._link.answer(found.rpc_id, found.answer(answers))
        self._context.emit(self._mapping.given(request_id, answers))

    def withdraw(self, thread_id: str) -> None:
        """Answer what a thread still asks, as its turn is over: nobody will any more."""
        for request_id, found in self._mapping.open_asks(thread_id):
            self._link.answer(found.rpc_id, found.cancelled())
            self._context.emit(self._mapping.cancelled(request_id))

    def _refuse(self, request: Request) -> None:
        reason = REFUSALS.get(request.method)
        if request.method == TOOL_CALL:
            content = [{"type": "inputText", "text": reason}]
            self._link.answer(request.id, {"success": False, "contentItems": content})
        elif reason is not None:
            self._link.refuse(request.id, INTERNAL_ERROR, reason)
        else:
            method = text(request.method) or "?"
            self._link.refuse(request.id, METHOD_NOT_FOUND, f"Method not found: {method}")
        self._context.log("debug", "codex.refused", method=text(request.method))
