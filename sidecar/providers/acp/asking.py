"""What the agent asks a person: permissions and questions, each answered exactly once.

Owns when an answer is written, and that it is written before its event goes out. What may be chosen
is the mapping's to know.
"""

from typing import Any

from sidecar.contract.base import Json
from sidecar.contract.errors import ValidationFailed
from sidecar.contract.methods import RespondToRequestParams, RespondToUserInputParams
from sidecar.providers.acp.link import AcpLink
from sidecar.providers.acp.mapping.inquiries import Inquiry
from sidecar.providers.acp.mapping.permissions import CANCELLED, Choice, granted_by_mode
from sidecar.providers.acp.voice import Voice
from sidecar.providers.acp.wire import REQUEST_CANCELLED, Request


class Asking:
    """The open permissions and questions of one session."""

    def __init__(self, voice: Voice, link: AcpLink) -> None:
        self._voice = voice
        self._mapping = voice.mapping
        self._link = link

    # The agent asks

    def permission(self, request: Request, *, plans: bool = False) -> None:
        """Open a permission, or answer it at once: as the runtime mode grants, or cancelled.

        Nothing is granted to an agent that plans: a plan is there to keep it from acting.
        """
        request_id, drafts = self._mapping.ask(request.id, request.params)
        self._voice.emit(drafts)
        if request_id is None:
            self._link.answer(request.id, CANCELLED.outcome())
            return
        permission = self._mapping.permissions[request_id]
        mode = self._voice.context.spec.start.runtime_mode
        choice = permission.choose("accept")
        if choice is not None and not plans and granted_by_mode(mode, permission.request_type):
            self._resolve(request_id, choice)  # both events stay in the stream, as its record

    def inquiry(self, inquiry: Inquiry) -> None:
        """Open questions, or answer at once that nobody can be asked."""
        request_id, drafts = self._mapping.inquire(inquiry)
        self._voice.emit(drafts)
        if request_id is None:
            self._link.answer(inquiry.rpc_id, inquiry.cancelled)

    def withdrawn(self, rpc_id: Json) -> bool:
        """Close what the agent no longer asks; False if it asks nothing by that id."""
        for request_id, permission in list(self._mapping.permissions.items()):
            if permission.rpc_id == rpc_id:
                self._link.refuse(rpc_id, REQUEST_CANCELLED, "Request cancelled")
                self._voice.emit(self._mapping.answer(request_id, CANCELLED))
                return True
        for request_id, inquiry in list(self._mapping.inquiries.items()):
            if inquiry.rpc_id == rpc_id:
                self._link.refuse(rpc_id, REQUEST_CANCELLED, "Request cancelled")
                self._voice.emit(self._mapping.answer_inquiry(request_id, {}))
                return True
        return False

    # A person answers

    def respond(self, params: RespondToRequestParams) -> None:
        """Answer a permission by decision or option id. Raises ValidationFailed."""
        permission = self._mapping.permissions.get(params.request_id)
        if permission is None:
            raise _not_open(params.request_id)
        choice = permission.choose(params.decision, params.option_id)
        if choice is None:
            raise ValidationFailed(
                f"The agent offers nothing that means {params.option_id or params.decision}",
                requestId=params.request_id,
            )
        self._resolve(params.request_id, choice)

    def respond_to_inquiry(self, params: RespondToUserInputParams) -> None:
        """Answer questions. Raises ValidationFailed for answers that the agent cannot take."""
        inquiry = self._mapping.inquiries.get(params.request_id)
        if inquiry is None:
            raise _not_open(params.request_id)
        answers: dict[str, Any] = dict(params.answers)
        try:
            result = inquiry.answer(answers)
        except ValueError as error:
            raise ValidationFailed(f"Cannot answer: {error}", requestId=params.request_id) from None
        self._link.answer(inquiry.rpc_id, result)
        self._voice.emit(self._mapping.answer_inquiry(params.request_id, answers))

    def withdraw_all(self) -> None:
        """Answer everything that is open as cancelled."""
        for request_id in list(self._mapping.permissions):
            self._resolve(request_id, CANCELLED)
        for request_id, inquiry in list(self._mapping.inquiries.items()):
            self._link.answer(inquiry.rpc_id, inquiry.cancelled)
            self._voice.emit(self._mapping.answer_inquiry(request_id, {}))

    def _resolve(self, request_id: str, choice: Choice) -> None:
        self._link.answer(self._mapping.permissions[request_id].rpc_id, choice.outcome())
        self._voice.emit(self._mapping.answer(request_id, choice))


def _not_open(request_id: str) -> ValidationFailed:
    return ValidationFailed(f"Request {request_id} is not open", requestId=request_id)
