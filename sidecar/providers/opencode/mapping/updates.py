"""OpenCode's events to drafts, for one session: what the session calls, in the order it hears.

Pure: the conversation and a source of ids are handed in. Whether the turn is over is told by
`turn`; the session ends it, once what the turn has started is dead.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from sidecar.contract.base import Json
from sidecar.contract.events import RawMessage
from sidecar.contract.events.session import (
    SessionConfigured,
    SessionStarted,
    ThreadMetadataUpdated,
    ThreadStarted,
    ThreadStateChanged,
    ThreadTokenUsageUpdated,
    TokenUsage,
)
from sidecar.contract.events.side import McpStatusUpdated, RuntimeFailed
from sidecar.contract.events.turn import PlanStep, TurnPlanUpdated
from sidecar.contract.vocabulary import PlanStepStatus
from sidecar.core.conversation import Conversation, Ending
from sidecar.core.drafts import Draft
from sidecar.providers.opencode.mapping import usage
from sidecar.providers.opencode.mapping.agents import Agents
from sidecar.providers.opencode.mapping.asking import Asking
from sidecar.providers.opencode.mapping.diffs import Diffs
from sidecar.providers.opencode.mapping.errors import error_text
from sidecar.providers.opencode.mapping.messages import Messages, Speaker
from sidecar.providers.opencode.mapping.turns import Turn
from sidecar.providers.opencode.wire import Event
from sidecar.providers.shapes import a_map, maps, text
from sidecar.providers.text import portable

PLAN_STEPS: Final = 256
"""Steps of a plan passed on."""

RAW_SOURCE: Final = "opencode.sdk.event"

NO_TITLE: Final = ("New session - ", "Child session - ")
"""How titles begin that OpenCode makes before it has one."""

_STEP_STATUSES: Final[dict[str, PlanStepStatus]] = {
    "in_progress": "inProgress",
    "completed": "completed",
    "cancelled": "completed",
}


class Opening(NamedTuple):
    """What is known of a session when it opens."""

    session_id: str
    config: dict[str, Any]
    title: object = None
    resumed: bool = False


class OpencodeMapping:
    """Maps one session's events. Each method returns the drafts that its event makes."""

    def __init__(
        self, conversation: Conversation, new_id: Callable[[str], str], raw: str = "none"
    ) -> None:
        self.conversation = conversation
        self.messages = Messages(conversation, new_id)
        self.agents = Agents(conversation)
        self.diffs = Diffs(conversation)
        self.asking = Asking(conversation, new_id, self.messages.item_of_call)
        self.turn = Turn()
        self.context_limits: dict[str, int] = {}
        self._new_id = new_id
        self._raw = raw
        self._session_id = ""
        self._title: str | None = None
        self._usage: TokenUsage | None = None

    # Session and turns

    def started(self, opening: Opening) -> list[Draft]:
        """Say that the session is open: started, thread, what it is set to, ready."""
        talk = self.conversation
        self._session_id = opening.session_id
        session_id = text(opening.session_id)
        resume = {"sessionID": session_id} if opening.resumed else None
        return [
            *talk.say("session.started", SessionStarted(resume=resume)),
            *talk.say("thread.started", ThreadStarted(provider_thread_id=session_id)),
            *self.configured(opening.config),
            *self._titled(opening.title),
            *talk.state("ready"),
        ]

    def configured(self, config: dict[str, Any]) -> list[Draft]:
        """Say settings; nothing for none."""
        if not config:
            return []
        payload = SessionConfigured(config=portable(config))
        return self.conversation.say("session.configured", payload)

    def begin_turn(
        self, turn_id: str, model: str | None = None, effort: str | None = None
    ) -> list[Draft]:
        """Start a turn."""
        self.turn = Turn()
        self.diffs.begin_turn(turn_id)
        return self.conversation.begin_turn(turn_id, text(model), text(effort))

    def end_turn(self, ending: Ending) -> list[Draft]:
        """End the running turn. Nothing without one."""
        if self.conversation.turn_id is None:
            return []
        drafts = [*self.messages.close(), *self.agents.end()]
        self.asking.forget()
        return drafts + self.conversation.end_turn(ending)

    def mcp_status(self, status: Json) -> list[Draft]:
        """Say how the MCP servers are."""
        payload = McpStatusUpdated(status=portable(status))
        return self.conversation.say("mcp.status.updated", payload)

    # Events

    def event(self, event: Event) -> list[Draft]:
        """Map an event of this session or of a sub-agent's; nothing for what says nothing to us."""
        drafts = self._event(event.type, event.properties)
        return self._with_raw(drafts, event)

    def _event(self, kind: str, properties: dict[str, Any]) -> list[Draft]:
        if kind in ("session.created", "session.updated"):
            return self._session(a_map(properties.get("info")))
        session_id = properties.get("sessionID")
        is_root = session_id == self._session_id
        speaker = Speaker() if is_root else self.agents.speaker(str(session_id))
        if speaker is None:
            return []
        if kind.startswith("message."):
            return self._message(kind, properties, speaker)
        if kind.startswith(("permission.", "question.")):
            return self.asking.event(kind, properties, speaker)
        return self._of_root(kind, properties) if is_root else self._of_agent(kind, properties)

    def _session(self, info: dict[str, Any]) -> list[Draft]:
        if info.get("id") == self._session_id:
            return self._titled(info.get("title"))
        self.agents.born(info, self._session_id)
        return []

    def _titled(self, value: object) -> list[Draft]:
        title = text(value)
        if title is None or title == self._title or title.startswith(NO_TITLE):
            return []
        self._title = title
        payload = ThreadMetadataUpdated(name=title)
        return self.conversation.say("thread.metadata.updated", payload)

    def _message(self, kind: str, properties: dict[str, Any], speaker: Speaker) -> list[Draft]:
        info = a_map(properties.get("info"))
        if kind == "message.updated" and info.get("role") == "user" and speaker.agent_id is None:
            return self.diffs.message(info)
        if self.conversation.turn_id is None:
            return []  # too late, or another client's turn
        if kind == "message.part.delta":
            names = ("partID", "field", "delta")
            return self.messages.delta(*(properties.get(name) for name in names))
        if kind == "message.updated":
            return self._message_updated(info, speaker)
        if kind == "message.part.updated":
            return self._part(a_map(properties.get("part")), speaker)
        return []

    def _message_updated(self, info: dict[str, Any], speaker: Speaker) -> list[Draft]:
        if info.get("role") != "assistant" or not self.messages.assistant(info.get("id")):
            return []
        if speaker.agent_id is not None:
            return self.agents.heard(speaker.agent_id)
        self.turn.message(info)
        model = f"{info.get('providerID')}/{info.get('modelID')}"
        found = usage.of_thread(info.get("tokens"), self.context_limits.get(model))
        if found in (None, self._usage) or a_map(info.get("time")).get("completed") is None:
            return []
        self._usage = found
        payload = ThreadTokenUsageUpdated(usage=found)
        return self.conversation.say("thread.token-usage.updated", payload)

    def _part(self, part: dict[str, Any], speaker: Speaker) -> list[Draft]:
        if not self.messages.knows(part.get("messageID")):
            return []
        drafts = self.messages.part(part, speaker)
        if part.get("type") != "tool":
            return drafts
        if speaker.agent_id is not None and a_map(part.get("state")).get("status") == "running":
            drafts += self.agents.worked(speaker.agent_id, part)
        return drafts + self.agents.called(part)

    def _of_root(self, kind: str, properties: dict[str, Any]) -> list[Draft]:
        if kind == "session.status":
            return self._status(a_map(properties.get("status")))
        if kind == "session.idle":
            self.turn.status({"type": "idle"})
        elif kind == "session.error":
            return self._failed(properties.get("error"))
        elif kind == "todo.updated":
            return self._plan(properties)
        elif kind == "session.diff":
            return self.diffs.session(properties)
        elif kind == "session.compacted":
            return self._compacted()
        return []

    def _of_agent(self, kind: str, properties: dict[str, Any]) -> list[Draft]:
        """Map what a sub-agent's session says of itself; its end is told by the call."""
        status = a_map(properties.get("status"))
        if kind == "session.status" and status.get("type") == "retry":
            return self._retry(status, str(properties.get("sessionID")))
        return []

    def _status(self, status: dict[str, Any]) -> list[Draft]:
        self.turn.status(status)
        return self._retry(status) if status.get("type") == "retry" else []

    def _retry(self, status: dict[str, Any], agent_id: str | None = None) -> list[Draft]:
        """Say a retry: OpenCode itself waits in silence, for as long as it takes."""
        words = text(status.get("message")) or "no reason given"
        detail = {"kind": "retry", "attempt": status.get("attempt"), "next": status.get("next")}
        message = f"The model request failed and is tried again: {words}"
        cut = self.messages.retried(agent_id)
        return cut + self.conversation.warning(message, portable(detail))

    def _failed(self, error: Json) -> list[Draft]:
        if self.conversation.turn_id is not None:
            self.turn.failed(error)
            return []
        message = error_text(error)
        if message is None:
            return []
        failure = RuntimeFailed(message=message, error_class="provider_error")
        return self.conversation.say("runtime.error", failure)

    def _compacted(self) -> list[Draft]:
        talk, item_id = self.conversation, self._new_id("item")
        return [
            *talk.start_item(item_id, "context_compaction"),
            *talk.complete_item(item_id),
            *talk.say("thread.state.changed", ThreadStateChanged(state="compacted")),
        ]

    def _plan(self, properties: dict[str, Any]) -> list[Draft]:
        steps = []
        for todo in maps(properties.get("todos"))[:PLAN_STEPS]:
            step = text(todo.get("content"))
            if step is not None:
                status = _STEP_STATUSES.get(str(todo.get("status")), "pending")
                steps.append(PlanStep(step=step, status=status))
        return self.conversation.say("turn.plan.updated", TurnPlanUpdated(plan=steps))

    def _with_raw(self, drafts: list[Draft], event: Event) -> list[Draft]:
        """Attach the event to the first draft that may carry it, as `raw` asks."""
        if self._raw == "none":
            return drafts
        for index, draft in enumerate(drafts):
            if self._raw == "all" or draft.type != "content.delta":
                raw = RawMessage(
                    source=RAW_SOURCE,
                    message_type=text(event.type),
                    payload=portable(event.properties),
                )
                drafts[index] = msgspec.structs.replace(draft, raw=raw)
                break
        return drafts
