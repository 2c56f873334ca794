"""Claude's todo list as the turn's plan, and the plans that it proposes.

Older versions write the whole list with TodoWrite; newer ones keep tasks with TaskCreate and
TaskUpdate, whose ids come with their results.
"""

from collections import OrderedDict
from typing import Any, Final

from sidecar.contract.events.turn import PlanStep, TurnPlanUpdated
from sidecar.contract.vocabulary import PlanStepStatus
from sidecar.core.conversation import Conversation
from sidecar.core.drafts import Draft
from sidecar.providers.claude.mapping.tools import Tool
from sidecar.providers.shapes import a_map, maps, text

STEPS = 256
"""Steps of a plan kept and passed on."""

_STATUSES: Final[dict[str, PlanStepStatus]] = {
    "in_progress": "inProgress",
    "completed": "completed",
}


class Todos:
    """The todo list of one session."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._tasks: OrderedDict[str, tuple[str, PlanStepStatus]] = OrderedDict()

    def called(self, tool: Tool) -> list[Draft]:
        """Map a call whose input is known: TodoWrite says the whole list."""
        if tool.name != "TodoWrite":
            return []
        return self._say(
            [
                (text(todo.get("content")), _STATUSES.get(str(todo.get("status")), "pending"))
                for todo in maps(tool.input.get("todos"))
            ]
        )

    def returned(self, tool: Tool, structured: object) -> list[Draft]:
        """Map a call that has succeeded: TaskCreate and TaskUpdate change one task."""
        result = a_map(structured)
        if tool.name == "TaskCreate":
            task = a_map(result.get("task"))
            task_id, subject = text(task.get("id")), text(task.get("subject"))
            if task_id is None or subject is None:
                return []
            self._tasks[task_id] = (subject, "pending")
        elif tool.name != "TaskUpdate" or not self._update(tool.input):
            return []
        while len(self._tasks) > STEPS:
            self._tasks.popitem(last=False)
        return self._say(list(self._tasks.values()))

    def _update(self, input_: dict[str, Any]) -> bool:
        """Change a task; tell whether there was anything to change."""
        task_id = text(input_.get("taskId"))
        if task_id is None:
            return False
        if input_.get("status") == "deleted":
            return self._tasks.pop(task_id, None) is not None
        subject, status = self._tasks.get(task_id, (f"Task {task_id}", "pending"))
        if "status" in input_:
            status = _STATUSES.get(str(input_["status"]), "pending")
        self._tasks[task_id] = (text(input_.get("subject")) or subject, status)
        return True

    def _say(self, steps: list[tuple[str | None, PlanStepStatus]] | list[Any]) -> list[Draft]:
        plan = [PlanStep(step=step, status=status) for step, status in steps if step is not None]
        return self._conversation.say("turn.plan.updated", TurnPlanUpdated(plan=plan[:STEPS]))
