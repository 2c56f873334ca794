"""Answers to what a session of OpenCode asks: by a person, or by rule where nobody need be asked.

Each answer goes to the server first: what the server did not take stays open.
"""

from collections.abc import Callable, Sequence

from sidecar.contract.errors import (
    ProviderProcessFailed,
    ProviderRequestFailed,
    ValidationFailed,
)
from sidecar.contract.methods import RespondToRequestParams, RespondToUserInputParams
from sidecar.core.drafts import Draft
from sidecar.providers.base import SessionContext
from sidecar.providers.opencode.mapping import Answer, OpencodeMapping, Permission
from sidecar.providers.opencode.mapping.permissions import PLAN_MODE_REFUSAL, granted_by_mode
from sidecar.providers.opencode.running import Running


class Answering:
    """The open permissions and questions of one session."""

    def __init__(
        self,
        context: SessionContext,
        mapping: OpencodeMapping,
        turns: Running,
        emit: Callable[[Sequence[Draft]], None],
    ) -> None:
        self._context = context
        self._mapping = mapping
        self._asking = mapping.asking
        self._turns = turns
        self._emit = emit

    async def by_rule(self) -> None:
        """Answer what no person need be asked; both events stay in the stream, as its record."""
        asking = self._asking
        try:
            for request_id, permission in list(asking.permissions.items()):
                answer = self._rule(permission)
                if answer is not None and request_id not in asking.intended:
                    await self._reply(request_id, permission, answer)
            while asking.unopened:
                await self._turns.up().reject(asking.unopened.pop())
        except (ProviderRequestFailed, ProviderProcessFailed) as error:
            message = f"OpenCode did not take an answer: {error.message}"
            self._emit(self._mapping.conversation.warning(message, {"kind": "not-answered"}))

    async def permission(self, params: RespondToRequestParams) -> None:
        """Answer a permission by decision or option id. Raises ValidationFailed."""
        asking = self._asking
        permission = asking.permissions.get(params.request_id)
        if permission is None or params.request_id in asking.intended:
            raise _not_open(params.request_id)
        answer = permission.choose(params.decision, params.option_id)
        if answer is None:
            raise ValidationFailed(
                f"OpenCode offers no option {params.option_id}", requestId=params.request_id
            )
        await self._reply(params.request_id, permission, answer)
        if answer.decision == "acceptForSession":
            await self.by_rule()

    async def questions(self, params: RespondToUserInputParams) -> None:
        """Answer questions. Raises ValidationFailed."""
        asking, answers = self._asking, dict(params.answers)
        asked = asking.questions.get(params.request_id)
        if asked is None or params.request_id in asking.intended:
            raise _not_open(params.request_id)
        asking.intended[params.request_id] = answers
        try:
            await self._turns.up().answer(asked.question_id, asked.answers(params.answers))
        finally:
            asking.intended.pop(params.request_id, None)
        self._emit(asking.answered(params.request_id, answers))

    async def _reply(self, request_id: str, permission: Permission, answer: Answer) -> None:
        """Tell the server, then the client."""
        self._asking.intended[request_id] = answer
        try:
            await self._turns.up().reply(permission.permission_id, answer)
        finally:
            self._asking.intended.pop(request_id, None)
        self._emit(self._asking.answer(request_id, answer))

    def _rule(self, permission: Permission) -> Answer | None:
        if self._turns.plans and permission.request_type == "file_change_approval":
            return Answer("decline", PLAN_MODE_REFUSAL)
        mode = self._context.spec.start.runtime_mode
        granted = granted_by_mode(mode, permission.request_type)
        if granted or self._asking.grants.cover(permission):
            return Answer("accept")
        return None


def _not_open(request_id: str) -> ValidationFailed:
    return ValidationFailed(f"Request {request_id} is not open", requestId=request_id)
