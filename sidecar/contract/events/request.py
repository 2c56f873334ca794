"""Payloads of request.* and user-input.*: what a person is asked, and the answer."""

from typing import Any

from sidecar.contract.base import NonBlank, Wire
from sidecar.contract.vocabulary import Decision, RequestType


class RequestOption(Wire, frozen=True):
    """One answer that the provider offers; `option_id` may be sent back verbatim."""

    option_id: NonBlank
    name: NonBlank | None = None
    kind: NonBlank | None = None
    decision: Decision | None = None


class RequestOpened(Wire, frozen=True):
    request_type: RequestType
    detail: NonBlank | None = None
    args: Any = None
    options: list[RequestOption] | None = None


class RequestResolved(Wire, frozen=True):
    request_type: RequestType
    decision: NonBlank | None = None
    resolution: Any = None


class QuestionOption(Wire, frozen=True):
    label: NonBlank
    description: NonBlank


class Question(Wire, frozen=True):
    id: NonBlank
    header: NonBlank
    question: NonBlank
    options: list[QuestionOption]
    multi_select: bool | None = None


class UserInputRequested(Wire, frozen=True):
    questions: list[Question]


class UserInputResolved(Wire, frozen=True):
    answers: dict[str, Any]
