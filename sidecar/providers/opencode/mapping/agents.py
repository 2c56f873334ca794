"""Sub-agents: a `task` call begins a session of its own, which is a task of ours. Pure.

The child's session is known before the call names it, and its events may come before that.
"""

import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

from sidecar.contract.events.task import Linkage
from sidecar.core.conversation import Conversation
from sidecar.core.drafts import Draft
from sidecar.providers.opencode.mapping.messages import Speaker
from sidecar.providers.opencode.mapping.tools import TASK_TOOL
from sidecar.providers.shapes import DETAIL_CHARS, a_map, text

AGENTS: Final = 1024
"""Sub-agents of one session remembered."""

_RESULT: Final = re.compile(r"<task_result>\s*(.*?)\s*</task_result>", re.DOTALL)


@dataclass(slots=True)
class Agent:
    """One sub-agent's session. `parent_id` is None when the root itself began it.

    A later call may go on with the same session: that is another task.
    """

    session_id: str
    parent_id: str | None
    title: str | None = None
    role: str | None = None
    tool_use_id: str | None = None
    runs: int = 1
    last_call: str | None = None

    @property
    def task_id(self) -> str:
        """The id of its running, or last, task."""
        return self.session_id if self.runs == 1 else f"{self.session_id}:{self.runs}"


class Agents:
    """The sub-agents of one session, by the id of their own session."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._agents: OrderedDict[str, Agent] = OrderedDict()

    def born(self, info: dict[str, Any], root_id: str) -> None:
        """Take a session.created or session.updated of another session than the root."""
        session_id, parent_id = info.get("id"), info.get("parentID")
        if not isinstance(session_id, str) or not session_id or not isinstance(parent_id, str):
            return
        if parent_id != root_id and parent_id not in self._agents:
            return
        agent = self._agent(session_id, None if parent_id == root_id else parent_id)
        agent.title = text(info.get("title")) or agent.title
        agent.role = text(info.get("agent")) or agent.role

    def speaker(self, session_id: str) -> Speaker | None:
        """Return who a sub-agent's session is; None for a session that is not known."""
        agent = self._agents.get(session_id)
        return None if agent is None else Speaker(session_id, agent.tool_use_id)

    def heard(self, session_id: str) -> list[Draft]:
        """Start the task of a sub-agent that is at work, if no call has named it yet."""
        agent = self._agents.get(session_id)
        if agent is None or self._conversation.turn_id is None:
            return []
        return self._start(agent, agent.title, None)

    def worked(self, session_id: str, part: dict[str, Any]) -> list[Draft]:
        """Say that a sub-agent uses a tool, once for each call."""
        agent = self._agents.get(session_id)
        if agent is None or agent.last_call == part.get("callID"):
            return []
        agent.last_call = text(part.get("callID"))
        tool = text(part.get("tool"))
        return self._conversation.progress_task(agent.task_id, last_tool_name=tool)

    def called(self, part: dict[str, Any]) -> list[Draft]:
        """Take a tool part: a call of `task` names its sub-agent, and its end is the task's."""
        state = a_map(part.get("state"))
        child_id = a_map(state.get("metadata")).get("sessionId")
        if part.get("tool") != TASK_TOOL or not isinstance(child_id, str) or not text(child_id):
            return []
        agent = self._agent(child_id, None)
        call_id = text(part.get("callID"))
        if agent.tool_use_id is not None and agent.tool_use_id != call_id:
            agent.runs += 1
        agent.tool_use_id = call_id
        values = a_map(state.get("input"))
        agent.role = text(values.get("subagent_type")) or agent.role
        title = text(values.get("description")) or text(state.get("title")) or agent.title
        model = _model(a_map(state.get("metadata")).get("model"))
        drafts = self._start(agent, title, model)
        if state.get("status") == "completed":
            summary = _summary(state.get("output"))
            drafts += self._conversation.complete_task(agent.task_id, "completed", summary=summary)
        elif state.get("status") == "error":
            summary = text(state.get("error"), DETAIL_CHARS)
            drafts += self._conversation.complete_task(agent.task_id, "failed", summary=summary)
        return drafts

    def end(self) -> list[Draft]:
        """Stop every task that is open: a turn that ends takes its sub-agents with it."""
        drafts: list[Draft] = []
        for agent in self._agents.values():
            drafts += self._conversation.complete_task(agent.task_id, "stopped")
        return drafts

    def _agent(self, session_id: str, parent_id: str | None) -> Agent:
        agent = self._agents.get(session_id)
        if agent is None:
            agent = self._agents[session_id] = Agent(session_id, parent_id)
            if len(self._agents) > AGENTS:
                self._agents.popitem(last=False)
        return agent

    def _start(self, agent: Agent, title: str | None, model: str | None) -> list[Draft]:
        return self._conversation.start_task(
            agent.task_id,
            description=title,
            task_type="subagent",
            linkage=Linkage(
                agent_kind="agent",
                agent_id=agent.session_id,
                parent_agent_id=agent.parent_id,
                title=title,
                role=agent.role,
                model=model,
                tool_use_id=agent.tool_use_id,
                attempt=agent.runs if agent.runs > 1 else None,
            ),
        )


def _model(value: object) -> str | None:
    names = (text(a_map(value).get(key)) for key in ("providerID", "modelID"))
    return text("/".join(filter(None, names)))


def _summary(output: object) -> str | None:
    if not isinstance(output, str):
        return None
    found = _RESULT.search(output)
    return text(found[1] if found else output, DETAIL_CHARS)
