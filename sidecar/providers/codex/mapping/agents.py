"""Sub-agents: threads of their own on the same connection, said as tasks. Pure.

A sub-agent's thread is told by its parent's spawnAgent call, or just talks. Each turn of it is one
task, as it may be given more work later: the first has the thread's id, the n-th `<thread>#<n>`.
What a sub-agent does belongs to no turn: it may outlive the one that began it.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from sidecar.contract.events.task import Linkage
from sidecar.core.conversation import Conversation
from sidecar.core.drafts import Draft
from sidecar.providers.codex.mapping.items import Owner
from sidecar.providers.codex.mapping.stops import TASK_ENDS, ending_of
from sidecar.providers.codex.mapping.usage import TurnMeter
from sidecar.providers.shapes import DETAIL_CHARS, a_map, text

AGENTS = 256
"""Sub-agents known at once; one more forgets the oldest that does nothing. Codex allows a few."""

TASK_TYPE: Final = "subagent"


@dataclass(slots=True)
class Agent:
    """One sub-agent. `turn_id` is Codex's turn that runs, `root_turn` the user's turn behind it."""

    thread_id: str
    linkage: Linkage
    prompt: str | None = None
    runs: int = 0
    task_id: str | None = None
    turn_id: str | None = None
    root_turn: str | None = None
    words: str | None = None
    meter: TurnMeter = field(default_factory=TurnMeter)

    @property
    def owner(self) -> Owner:
        """Whose its items are."""
        return Owner(self.thread_id, self.thread_id, self.linkage.tool_use_id)


class Agents:
    """The sub-agents of one session."""

    def __init__(self, conversation: Conversation) -> None:
        self._talk = conversation
        self._agents: dict[str, Agent] = {}

    def get(self, thread_id: str) -> Agent | None:
        """Return the sub-agent of a thread."""
        return self._agents.get(thread_id)

    def running(self, root_turn: str | None = None) -> list[Agent]:
        """Return those with a turn under way, of one turn of the user or all."""
        return [
            agent
            for agent in self._agents.values()
            if agent.turn_id is not None and root_turn in (None, agent.root_turn)
        ]

    def spawned(self, item: dict[str, Any], sender: str | None, item_id: str | None) -> list[Draft]:
        """Take a spawnAgent call that names the threads that it made.

        `sender` is the sub-agent that made them, None for the main thread.
        """
        drafts: list[Draft] = []
        names = item.get("receiverThreadIds")
        for name in names if isinstance(names, list) else []:
            thread_id = text(name)
            if thread_id is None:
                continue
            said = Linkage(
                parent_agent_id=sender,
                model=text(item.get("model")),
                effort=text(item.get("reasoningEffort")),
                tool_use_id=item_id,
            )
            drafts += self._learn(thread_id, said, text(item.get("prompt"), DETAIL_CHARS))
        return drafts

    def described(self, thread: dict[str, Any], main: str) -> list[Draft]:
        """Take a thread/started of another thread, or an agent's activity: its name and role."""
        thread_id = text(thread.get("id"))
        if thread_id is None or thread_id == main:
            return []
        parent = text(thread.get("parentThreadId"))
        said = Linkage(
            parent_agent_id=parent if parent != main else None,
            title=text(thread.get("agentNickname")),
            role=text(thread.get("agentRole")),
            model=text(thread.get("model")),
            agent_path=text(thread.get("agentPath")),
        )
        return self._learn(thread_id, said, None)

    def turn_started(self, thread_id: str, turn: dict[str, Any]) -> list[Draft]:
        """Start the task of a sub-agent's turn; a turn under way is ended as stopped."""
        agent = self._known(thread_id)
        drafts = self._end(agent, {"status": "interrupted"}) if agent.turn_id else []
        agent.turn_id = text(turn.get("id")) or "?"
        agent.root_turn = text(turn.get("rootTurnId"))
        agent.words = None
        agent.runs += 1
        agent.task_id = thread_id if agent.runs == 1 else f"{thread_id}#{agent.runs}"
        return drafts + self._talk.start_task(
            agent.task_id,
            description=agent.prompt or agent.linkage.title,
            task_type=TASK_TYPE,
            linkage=msgspec.structs.replace(agent.linkage, attempt=agent.runs),
        )

    def turn_completed(self, thread_id: str, turn: dict[str, Any]) -> list[Draft]:
        """End the task of a sub-agent's turn."""
        agent = self._agents.get(thread_id)
        if agent is None or agent.turn_id is None:
            return []
        return self._end(agent, turn)

    def closed(self, thread_id: str) -> list[Draft]:
        """End what a sub-agent does whose thread is closed."""
        return self.turn_completed(thread_id, {"status": "interrupted"})

    def does(self, agent: Agent, tool: str | None, detail: str | None) -> list[Draft]:
        """Say what a sub-agent does now."""
        if agent.task_id is None or tool is None:
            return []
        return self._talk.progress_task(agent.task_id, detail or tool, last_tool_name=tool)

    # Within

    def _known(self, thread_id: str) -> Agent:
        agent = self._agents.get(thread_id)
        if agent is None:
            if len(self._agents) >= AGENTS:
                idle = (a.thread_id for a in self._agents.values() if a.turn_id is None)
                del self._agents[next(idle, next(iter(self._agents)))]
            agent = Agent(thread_id, Linkage(agent_kind="agent", agent_id=thread_id))
            self._agents[thread_id] = agent
        return agent

    def _learn(self, thread_id: str, said: Linkage, prompt: str | None) -> list[Draft]:
        """Add what is new about a sub-agent; a task under way says so."""
        agent = self._known(thread_id)
        new = {k: v for k, v in msgspec.structs.asdict(said).items() if v is not None}
        agent.linkage = msgspec.structs.replace(agent.linkage, **new)
        agent.prompt = prompt or agent.prompt
        task = self._talk.tasks.get(agent.task_id or "")
        if task is None or agent.task_id is None:
            return []
        task.linkage = msgspec.structs.replace(agent.linkage, attempt=agent.runs)
        return self._talk.update_task(agent.task_id, description=prompt)

    def _end(self, agent: Agent, turn: dict[str, Any]) -> list[Draft]:
        ending = ending_of(turn)
        agent.turn_id = None
        summary = agent.words or ending.error_message
        return self._talk.complete_task(
            agent.task_id or "",
            TASK_ENDS[ending.state],
            summary=text(summary, DETAIL_CHARS),
            usage=agent.meter.take(),
        )


def activity_thread(item: dict[str, Any]) -> dict[str, Any]:
    """Return a subAgentActivity as a thread describes itself."""
    said = a_map(item)
    return {
        "id": said.get("agentThreadId"),
        "model": said.get("model"),
        "agentPath": said.get("agentPath"),
    }
