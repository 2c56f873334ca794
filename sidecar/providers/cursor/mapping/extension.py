"""Cursor's own methods: questions, proposed plans, to-do lists, sub-agents that have ended.

Some versions send a method as a request and others as a notification, so each is taken as both.
"""

from typing import Any, Final

from sidecar.contract.base import Json
from sidecar.contract.events.task import Linkage
from sidecar.core.drafts import Draft
from sidecar.providers.acp.extension import Extension, Told
from sidecar.providers.acp.mapping import AcpMapping
from sidecar.providers.acp.mapping.facts import Fact, plan_of, proposal_of
from sidecar.providers.acp.mapping.shapes import a_map, maps, text
from sidecar.providers.cursor.mapping.questions import CANCELLED, SKIPPED, inquiry_of
from sidecar.providers.cursor.mapping.todos import Todos

SOURCE: Final = "acp.cursor.extension"

ASK_QUESTION: Final = "cursor/ask_question"
CREATE_PLAN: Final = "cursor/create_plan"
UPDATE_TODOS: Final = "cursor/update_todos"
TASK: Final = "cursor/task"
GENERATE_IMAGE: Final = "cursor/generate_image"

_ACCEPTED: Final = {"outcome": {"outcome": "accepted"}}
_COMPLETED: Final = {"outcome": {"outcome": "completed"}}
_OWN: Final = frozenset({ASK_QUESTION, CREATE_PLAN, UPDATE_TODOS, TASK, GENERATE_IMAGE})


class CursorExtension(Extension):
    """See Extension."""

    def __init__(self, mapping: AcpMapping) -> None:
        self._mapping = mapping
        self._todos = Todos()

    def heard(self, method: str, params: dict[str, Any], rpc_id: Json) -> Told | None:
        """Map a message of Cursor's own."""
        if method == ASK_QUESTION:
            return self._question(params, rpc_id)
        if method == CREATE_PLAN:
            return Told(self._say(method, params, self._plan(params)), _ACCEPTED)
        if method == UPDATE_TODOS:
            self._todos.take(params)
            return Told(self._say(method, params, [plan_of(self._todos.entries())]), _ACCEPTED)
        if method == TASK:
            return Told(self._raw(self._task(params), method, params), _COMPLETED)
        return Told([], {}) if method == GENERATE_IMAGE else None

    def refusal(self, method: str) -> Json:
        """Return what cancels a message of Cursor's own; None for any other."""
        return CANCELLED if method in _OWN else None

    def _question(self, params: dict[str, Any], rpc_id: Json) -> Told:
        inquiry = inquiry_of(params, rpc_id, source=SOURCE, method=ASK_QUESTION)
        if inquiry is None or rpc_id is None:
            return Told([], SKIPPED)
        return Told([], inquiry=inquiry)

    def _plan(self, params: dict[str, Any]) -> list[Fact]:
        """Return the plan in Markdown, and its to-dos, which stand in phases in larger plans."""
        facts = proposal_of(params.get("plan")) or proposal_of(params.get("overview"))
        phased = [todo for phase in maps(params.get("phases")) for todo in maps(phase.get("todos"))]
        todos = maps(params.get("todos")) or phased
        if todos:
            self._todos.take({"todos": todos})
            facts.append(plan_of(self._todos.entries()))
        return facts

    def _task(self, params: dict[str, Any]) -> list[Draft]:
        """Return a sub-agent's whole life: Cursor tells of it once it has ended."""
        task_id = text(params.get("agentId")) or text(params.get("toolCallId"))
        if task_id is None:
            return []
        talk = self._mapping.conversation
        kind = params.get("subagentType")
        linkage = Linkage(
            agent_kind="agent",
            agent_id=task_id,
            role=text(kind) or text(a_map(kind).get("custom")),
            model=text(params.get("model")),
            tool_use_id=text(params.get("toolCallId")),
        )
        description = text(params.get("description")) or text(params.get("prompt"))
        return [
            *talk.start_task(task_id, description=description, linkage=linkage),
            *talk.complete_task(task_id, "completed"),
        ]

    def _say(self, method: str, params: dict[str, Any], facts: list[Fact]) -> list[Draft]:
        drafts: list[Draft] = []
        for type_, payload in facts:
            drafts += self._mapping.conversation.say(type_, payload)
        return self._raw(drafts, method, params)

    def _raw(self, drafts: list[Draft], method: str, params: dict[str, Any]) -> list[Draft]:
        return self._mapping.extended(drafts, SOURCE, method, params)
