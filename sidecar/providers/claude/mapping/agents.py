"""Sub-agents and background commands, and the tasks that they are.

    system/task_started → progress → task_updated → task_notification

A task that the tool call waits for ends with the call at the latest; one that the call has left
behind lives on, beyond the turn.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

from sidecar.contract.base import Json
from sidecar.contract.events.task import Linkage
from sidecar.contract.vocabulary import TaskEnd, TaskStatus
from sidecar.core.conversation import Conversation
from sidecar.core.drafts import Draft
from sidecar.providers.claude.mapping.tools import MAIN, Scope
from sidecar.providers.shapes import DETAIL_CHARS, a_map, count, text

AGENTS = 1024
"""Tasks remembered for what their agents still say; real sessions have dozens."""

_STATUSES: Final[dict[str, TaskStatus]] = {
    "pending": "pending",
    "running": "running",
    "completed": "completed",
    "failed": "failed",
    "killed": "cancelled",
    "paused": "waiting",
}
_ENDS: Final[dict[str, TaskEnd]] = {"completed": "completed", "failed": "failed"}
_USAGE: Final = {
    "total_tokens": "totalTokens",
    "tool_uses": "toolUses",
    "duration_ms": "durationMs",
}
_AGENT_TYPES: Final = frozenset({"local_agent", "remote_agent", "in_process_teammate"})


@dataclass(slots=True)
class Agent:
    """A task and the tool call that began it."""

    task_id: str
    tool_use_id: str | None
    background: bool = False


class Agents:
    """Maps what is said about tasks. Each method returns the drafts that its message makes."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._agents: OrderedDict[str, Agent] = OrderedDict()
        self._by_tool: OrderedDict[str, Agent] = OrderedDict()

    def scope(self, parent_tool_use_id: object) -> Scope:
        """Return who speaks in a message with this parent_tool_use_id."""
        parent = text(parent_tool_use_id)
        if parent is None:
            return MAIN
        agent = self._by_tool.get(parent)
        if agent is None:
            return Scope(parent)
        return Scope(parent, agent.task_id, agent.background)

    def scope_of_agent(self, agent_id: object) -> Scope:
        """Return who asks in a request with this agent_id; it is the id of the agent's task."""
        known = text(agent_id)
        if known is None:
            return MAIN
        agent = self._agents.get(known)
        return Scope(agent.tool_use_id, known, agent.background) if agent else Scope(None, known)

    def started(
        self, message: dict[str, Any], caller: Scope, input_: dict[str, Any]
    ) -> list[Draft]:
        """Map task_started; `caller` made the tool call with `input_` that began it."""
        task_id = text(message.get("task_id"))
        if task_id is None:
            return []
        tool_use_id = text(message.get("tool_use_id"))
        kind = text(message.get("task_type"))
        agent = Agent(task_id, tool_use_id, message.get("is_backgrounded") is True)
        self._remember(agent)
        is_agent = kind in _AGENT_TYPES or message.get("subagent_type") is not None
        linkage = Linkage(
            agent_kind="agent" if is_agent else "background",
            agent_id=task_id if is_agent else None,
            parent_agent_id=text(message.get("parent_task_id")) or caller.agent_id,
            title=text(message.get("description")),
            role=text(message.get("subagent_type")),
            model=text(input_.get("model")),
            tool_use_id=tool_use_id,
        )
        return self._conversation.start_task(
            task_id,
            description=text(message.get("description"), DETAIL_CHARS),
            task_type=kind,
            linkage=linkage,
        )

    def progress(self, message: dict[str, Any]) -> list[Draft]:
        """Map task_progress."""
        return self._conversation.progress_task(
            text(message.get("task_id")) or "",
            text(message.get("description"), DETAIL_CHARS),
            summary=text(message.get("summary"), DETAIL_CHARS),
            usage=_usage(message.get("usage")),
            last_tool_name=text(message.get("last_tool_name")),
        )

    def updated(self, message: dict[str, Any]) -> list[Draft]:
        """Map task_updated; its end is said by task_notification."""
        task_id = text(message.get("task_id")) or ""
        patch = a_map(message.get("patch"))
        backgrounded = patch.get("is_backgrounded")
        if backgrounded is True and task_id in self._agents:
            self._agents[task_id].background = True
        return self._conversation.update_task(
            task_id,
            status=_STATUSES.get(str(patch.get("status"))),
            description=text(patch.get("description"), DETAIL_CHARS),
            error=text(patch.get("error"), DETAIL_CHARS),
            is_backgrounded=backgrounded if isinstance(backgrounded, bool) else None,
        )

    def notified(self, message: dict[str, Any]) -> list[Draft]:
        """Map task_notification: the task has ended."""
        return self._conversation.complete_task(
            text(message.get("task_id")) or "",
            _ENDS.get(str(message.get("status")), "stopped"),
            summary=text(message.get("summary"), DETAIL_CHARS),
            usage=_usage(message.get("usage")),
        )

    def returned(self, tool_use_id: str, structured: object, *, failed: bool) -> list[Draft]:
        """Map the return of a tool call: its task has ended with it, or was left behind."""
        agent = self._by_tool.get(tool_use_id)
        if agent is None or agent.task_id not in self._conversation.tasks:
            return []
        result = a_map(structured)
        if result.get("backgroundTaskId") or result.get("status") == "async_launched":
            agent.background = True
            return self._conversation.update_task(agent.task_id, is_backgrounded=True)
        if agent.background:
            return []
        return self._conversation.complete_task(agent.task_id, "stopped" if failed else "completed")

    def turn_over(self) -> list[Draft]:
        """End the tasks that nothing has left behind: they ended with their turn."""
        drafts: list[Draft] = []
        for task_id in list(self._conversation.tasks):
            agent = self._agents.get(task_id)
            if agent is None or not agent.background:
                drafts += self._conversation.complete_task(task_id, "stopped")
        return drafts

    @property
    def background(self) -> int:
        """How many tasks live that were left behind."""
        tasks = self._conversation.tasks
        return sum(agent.background and id_ in tasks for id_, agent in self._agents.items())

    def _remember(self, agent: Agent) -> None:
        self._agents[agent.task_id] = agent
        if len(self._agents) > AGENTS:
            self._agents.popitem(last=False)
        if agent.tool_use_id is not None:
            self._by_tool[agent.tool_use_id] = agent
            if len(self._by_tool) > AGENTS:
                self._by_tool.popitem(last=False)


def _usage(value: object) -> Json:
    """Return the figures of a task in our spelling, None if there are none."""
    source = a_map(value)
    found = {name: count(source.get(key)) for key, name in _USAGE.items()}
    return {name: number for name, number in found.items() if number is not None} or None
