"""Requests and questions: each is opened once and resolved once, whatever happens."""

from typing import Any

from sidecar.contract.base import Wire
from sidecar.contract.events import ProviderRefs
from sidecar.contract.events.request import (
    Question,
    RequestOpened,
    RequestOption,
    RequestResolved,
    UserInputRequested,
    UserInputResolved,
)
from sidecar.contract.vocabulary import RequestType
from sidecar.core.conversation import parts
from sidecar.core.conversation.items import Items
from sidecar.core.conversation.parts import DECLINING, OpenRequest, nonblank
from sidecar.core.drafts import Draft


class Asking(Items):
    """What a person is asked in one conversation: approvals and questions, in `requests`."""

    def open_request(
        self,
        request_id: str,
        request_type: RequestType,
        *,
        item_id: str | None = None,
        detail: str | None = None,
        args: Any = None,
        options: list[RequestOption] | None = None,
        refs: ProviderRefs | None = None,
        background: bool = False,
    ) -> list[Draft]:
        """Open a request; a used or blank id, or one over the bound, is not in `requests` then."""
        if not self._may_open(request_id):
            return []
        turn_id = self._turn_of(background=background)
        request = OpenRequest(request_type, turn_id, nonblank(item_id), refs, background)
        self.requests[request_id] = request
        payload = RequestOpened(
            request_type=request_type,
            detail=nonblank(detail),
            args=args,
            options=options or None,
        )
        return [self._request("request.opened", request_id, request, payload), *self._settle()]

    def resolve_request(
        self, request_id: str, decision: str | None, resolution: Any = None
    ) -> list[Draft]:
        """Resolve an open request; nothing for one that is not open, or is a question.

        An item that it held up is completed as declined when the decision declines it.
        """
        request = self.requests.get(request_id)
        if request is None or request.request_type is None:
            return []
        drafts = [self._resolve(request_id, decision, resolution)]
        if request.item_id and decision in DECLINING:
            drafts += self.complete_item(request.item_id, "declined")
        return drafts + self._settle()

    def open_user_input(
        self,
        request_id: str,
        questions: list[Question],
        *,
        item_id: str | None = None,
        refs: ProviderRefs | None = None,
        background: bool = False,
    ) -> list[Draft]:
        """Ask questions; no questions, and what open_request does not open, is not opened."""
        if not questions or not self._may_open(request_id):
            return []
        turn_id = self._turn_of(background=background)
        request = OpenRequest(None, turn_id, nonblank(item_id), refs, background)
        self.requests[request_id] = request
        payload = UserInputRequested(questions=questions)
        opened = self._request("user-input.requested", request_id, request, payload)
        return [opened, *self._settle()]

    def resolve_user_input(self, request_id: str, answers: dict[str, Any]) -> list[Draft]:
        """Resolve open questions; {} when nobody answered. Nothing for what is no open question."""
        request = self.requests.get(request_id)
        if request is None or request.request_type is not None:
            return []
        return [self._resolve(request_id, None, answers), *self._settle()]

    def _may_open(self, request_id: str) -> bool:
        known = request_id in self.requests or self._closed.has("request", request_id)
        return (
            not known
            and nonblank(request_id) is not None
            and len(self.requests) < parts.OPEN_REQUESTS
        )

    def _cancel_requests(self) -> list[Draft]:
        """Resolve every request that is not in the background."""
        open_ = [id_ for id_, request in self.requests.items() if not request.background]
        return [self._resolve(request_id, "cancel", None) for request_id in open_]

    def _resolve(self, request_id: str, decision: str | None, resolution: Any) -> Draft:
        request = self.requests.pop(request_id)
        self._closed.add("request", request_id)
        if request.request_type is None:
            answers = UserInputResolved(answers=resolution or {})
            return self._request("user-input.resolved", request_id, request, answers)
        payload = RequestResolved(
            request_type=request.request_type, decision=nonblank(decision), resolution=resolution
        )
        return self._request("request.resolved", request_id, request, payload)

    @staticmethod
    def _request(type_: str, request_id: str, request: OpenRequest, payload: Wire) -> Draft:
        return Draft(
            type=type_,
            payload=payload,
            turn_id=request.turn_id,
            item_id=request.item_id,
            request_id=request_id,
            refs=request.refs,
        )
