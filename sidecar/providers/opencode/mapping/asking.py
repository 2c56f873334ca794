"""What is asked of a person in one session: permissions and questions, its sub-agents' too. Pure.

Owns what is open, by our request id; what the server is told is the session's to send.
"""

from collections.abc import Callable
from typing import Any

from sidecar.contract.events import ProviderRefs
from sidecar.core.conversation import Conversation
from sidecar.core.drafts import Draft
from sidecar.providers.opencode.mapping.messages import Speaker
from sidecar.providers.opencode.mapping.permissions import (
    Answer,
    Grants,
    Permission,
    decision_of_reply,
    detail_of,
    offered,
    read_permission,
)
from sidecar.providers.opencode.mapping.questions import Asked, read_questions
from sidecar.providers.shapes import a_map, text
from sidecar.providers.text import portable


class Asking:
    """Permissions and questions. `unopened` are those that a person cannot be asked."""

    def __init__(
        self,
        conversation: Conversation,
        new_id: Callable[[str], str],
        item_of_call: Callable[[object], str | None],
    ) -> None:
        self.permissions: dict[str, Permission] = {}
        self.questions: dict[str, Asked] = {}
        self.unopened: list[Permission | Asked] = []
        self.intended: dict[str, Answer | dict[str, Any]] = {}
        """What the server is being told now, by our request id: its echo may come first."""
        self.grants = Grants()
        self._conversation = conversation
        self._new_id = new_id
        self._item_of_call = item_of_call

    def event(self, kind: str, properties: dict[str, Any], speaker: Speaker) -> list[Draft]:
        """Map permission.* and question.*; nothing for other kinds."""
        if kind == "permission.asked":
            return self._permission(properties, speaker)
        if kind == "question.asked":
            return self._questions(properties)
        request_id = self._request_of(properties.get("requestID"))
        if request_id is None:
            return []
        intended = self.intended.get(request_id)
        if kind == "permission.replied" and request_id in self.permissions:
            said = Answer(decision_of_reply(properties.get("reply")))
            return self.answer(request_id, intended if isinstance(intended, Answer) else said)
        if kind in ("question.replied", "question.rejected") and request_id in self.questions:
            given = self.questions[request_id].given(properties.get("answers"))
            return self.answered(request_id, intended if isinstance(intended, dict) else given)
        return []

    def answer(self, request_id: str, answer: Answer) -> list[Draft]:
        """Resolve a permission; one for the session is remembered."""
        permission = self.permissions.pop(request_id, None)
        if permission is not None and answer.decision == "acceptForSession":
            self.grants.add(permission)
        return self._conversation.resolve_request(
            request_id, answer.decision, {"reply": answer.reply}
        )

    def answered(self, request_id: str, answers: dict[str, Any]) -> list[Draft]:
        """Resolve questions."""
        self.questions.pop(request_id, None)
        return self._conversation.resolve_user_input(request_id, answers)

    def gone(self, ids: set[str]) -> list[Draft]:
        """Resolve what the server does not wait for any more; `ids` are those that it does."""
        drafts: list[Draft] = []
        for request_id, permission in list(self.permissions.items()):
            if permission.permission_id not in ids:
                drafts += self.answer(request_id, Answer("cancel"))
        for request_id, asked in list(self.questions.items()):
            if asked.question_id not in ids:
                drafts += self.answered(request_id, {})
        return drafts

    def forget(self) -> None:
        """The turn ends: the conversation resolves what is open."""
        self.permissions.clear()
        self.questions.clear()
        self.intended.clear()

    def _permission(self, properties: dict[str, Any], speaker: Speaker) -> list[Draft]:
        permission = read_permission(properties)
        if permission is None or self._request_of(permission.permission_id) is not None:
            return []
        if self._conversation.turn_id is None:
            return []  # another client's turn
        request_id = self._new_id("req")
        call_id = a_map(properties.get("tool")).get("callID")
        keys = ("permission", "patterns", "metadata", "always")
        args = {key: properties[key] for key in keys if properties.get(key)}
        if speaker.agent_id is not None:
            args["agentId"] = speaker.agent_id
        drafts = self._conversation.open_request(
            request_id,
            permission.request_type,
            item_id=self._item_of_call(call_id),
            detail=detail_of(permission, properties),
            args=portable(args),
            options=offered(),
            refs=ProviderRefs(
                provider_item_id=text(call_id), provider_request_id=text(permission.permission_id)
            ),
        )
        if request_id in self._conversation.requests:
            self.permissions[request_id] = permission
        else:
            self.unopened.append(permission)
        return drafts

    def _questions(self, properties: dict[str, Any]) -> list[Draft]:
        asked = read_questions(properties)
        if asked is None or self._request_of(asked.question_id) is not None:
            return []
        if self._conversation.turn_id is None:
            return []
        request_id = self._new_id("req")
        call_id = a_map(properties.get("tool")).get("callID")
        drafts = self._conversation.open_user_input(
            request_id,
            list(asked.questions),
            item_id=self._item_of_call(call_id),
            refs=ProviderRefs(
                provider_item_id=text(call_id), provider_request_id=text(asked.question_id)
            ),
        )
        if request_id in self._conversation.requests:
            self.questions[request_id] = asked
        else:
            self.unopened.append(asked)
        return drafts

    def _request_of(self, server_id: object) -> str | None:
        """Return our id of what the server waits for."""
        for request_id, permission in self.permissions.items():
            if permission.permission_id == server_id:
                return request_id
        for request_id, asked in self.questions.items():
            if asked.question_id == server_id:
                return request_id
        return None
