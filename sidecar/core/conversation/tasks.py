"""Tasks: sub-agents and background work, each started once and completed once.

A task may outlive the turn that began it, so no turn's end closes one: a mapping ends what it knows
to have ended, and the session's exit ends the rest (core/closing).
"""

from typing import Any

import msgspec

from sidecar.contract.base import Wire
from sidecar.contract.events.task import (
    Linkage,
    TaskCompleted,
    TaskProgress,
    TaskStarted,
    TaskUpdated,
)
from sidecar.contract.vocabulary import TaskEnd, TaskStatus
from sidecar.core.conversation import parts
from sidecar.core.conversation.announcing import Announcing
from sidecar.core.conversation.parts import OpenTask, nonblank
from sidecar.core.drafts import Draft


class Tasks(Announcing):
    """The tasks of one conversation."""

    def start_task(
        self,
        task_id: str,
        *,
        description: str | None = None,
        task_type: str | None = None,
        linkage: Linkage | None = None,
    ) -> list[Draft]:
        """Start a task; one that is open, was closed or has a blank id is not started."""
        known = task_id in self.tasks or self._closed.has("task", task_id)
        if known or nonblank(task_id) is None:
            return []
        drafts: list[Draft] = []
        if len(self.tasks) >= parts.OPEN_TASKS:
            drafts += self.complete_task(next(iter(self.tasks)), "stopped")
        task = OpenTask(linkage or Linkage(), nonblank(description))
        self.tasks[task_id] = task
        return drafts + self._task(
            "task.started",
            TaskStarted,
            task_id,
            description=task.description,
            task_type=nonblank(task_type),
        )

    def progress_task(
        self,
        task_id: str,
        description: str | None = None,
        *,
        summary: str | None = None,
        usage: Any = None,
        last_tool_name: str | None = None,
    ) -> list[Draft]:
        """Say what an open task does; without a description the task's own is repeated.

        Nothing for a task that is not open, or that nobody has ever described.
        """
        task = self.tasks.get(task_id)
        said = nonblank(description) or (task.description if task else None)
        if task is None or said is None:
            return []
        return self._task(
            "task.progress",
            TaskProgress,
            task_id,
            description=said,
            summary=nonblank(summary),
            usage=usage,
            last_tool_name=nonblank(last_tool_name),
        )

    def update_task(
        self,
        task_id: str,
        *,
        status: TaskStatus | None = None,
        description: str | None = None,
        error: str | None = None,
        is_backgrounded: bool | None = None,
    ) -> list[Draft]:
        """Say what is new about an open task; nothing for a task that is not open."""
        task = self.tasks.get(task_id)
        if task is None:
            return []
        task.description = nonblank(description) or task.description
        return self._task(
            "task.updated",
            TaskUpdated,
            task_id,
            status=status,
            description=nonblank(description),
            error=nonblank(error),
            is_backgrounded=is_backgrounded,
        )

    def complete_task(
        self,
        task_id: str,
        status: TaskEnd = "completed",
        *,
        summary: str | None = None,
        usage: Any = None,
    ) -> list[Draft]:
        """Complete an open task; nothing for a task that is not open."""
        if task_id not in self.tasks:
            return []
        drafts = self._task(
            "task.completed",
            TaskCompleted,
            task_id,
            status=status,
            summary=nonblank(summary),
            usage=usage,
        )
        del self.tasks[task_id]
        self._closed.add("task", task_id)
        return drafts

    def _task(self, type_: str, payload: type[Wire], task_id: str, **fields: Any) -> list[Draft]:
        """Return one row; its agent's linkage is on each."""
        linkage = msgspec.structs.asdict(self.tasks[task_id].linkage)
        return self.say(type_, payload(task_id=task_id, **linkage, **fields))
