"""Payloads of task.*: sub-agents and background work inside a session."""

from typing import Any

from sidecar.contract.base import Count, NonBlank, Wire
from sidecar.contract.vocabulary import AgentKind, TaskEnd, TaskStatus


class Linkage(Wire, frozen=True):
    """Who a task belongs to; repeated on each row of the task."""

    agent_kind: AgentKind | None = None
    agent_id: NonBlank | None = None
    parent_agent_id: NonBlank | None = None
    title: NonBlank | None = None
    role: NonBlank | None = None
    model: NonBlank | None = None
    effort: NonBlank | None = None
    tool_use_id: NonBlank | None = None
    agent_index: Count | None = None
    attempt: Count | None = None
    agent_path: NonBlank | None = None


class TaskStarted(Linkage, frozen=True, kw_only=True):
    task_id: NonBlank
    description: NonBlank | None = None
    task_type: NonBlank | None = None


class TaskProgress(Linkage, frozen=True, kw_only=True):
    task_id: NonBlank
    description: NonBlank
    summary: NonBlank | None = None
    usage: Any = None
    last_tool_name: NonBlank | None = None


class TaskUpdated(Linkage, frozen=True, kw_only=True):
    task_id: NonBlank
    status: TaskStatus | None = None
    description: NonBlank | None = None
    error: NonBlank | None = None
    ended_at: NonBlank | None = None
    is_backgrounded: bool | None = None


class TaskCompleted(Linkage, frozen=True, kw_only=True):
    task_id: NonBlank
    status: TaskEnd
    summary: NonBlank | None = None
    usage: Any = None
