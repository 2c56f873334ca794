"""The messages of one session and its sub-agents: their parts become items. Pure.

Owns the map from part ids to items, and how much of each text was shown. A text comes as deltas
and once more whole at its end: what a lost delta took away is made good then.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from sidecar.contract.events import ProviderRefs
from sidecar.contract.vocabulary import StreamKind
from sidecar.core.conversation import Conversation
from sidecar.core.drafts import Draft
from sidecar.providers.opencode.mapping import tools
from sidecar.providers.opencode.mapping.tools import Tool
from sidecar.providers.shapes import a_map, text
from sidecar.providers.text import SurrogateJoiner

PARTS: Final = 2048
"""Parts remembered; a later word about an older one is not understood any more."""

MESSAGES: Final = 1024
"""Assistant messages remembered, by which parts are told from those of the user's own."""

_STREAMS: Final[dict[str, StreamKind]] = {"text": "assistant_text", "reasoning": "reasoning_text"}


@dataclass(frozen=True, slots=True)
class Speaker:
    """Whose part it is: the session itself, or a sub-agent that a tool call began."""

    agent_id: str | None = None
    tool_use_id: str | None = None


@dataclass(slots=True)
class Text:
    """A text or reasoning part. `gapped`: deltas were lost, only the whole text counts.

    Of what was taken only length and digest are kept, to tell whether a whole text goes on from it.
    """

    item_id: str
    stream: StreamKind
    speaker: Speaker
    taken_chars: int = 0
    gapped: bool = False
    joiner: SurrogateJoiner = field(default_factory=SurrogateJoiner)
    _digest: Any = field(default_factory=hashlib.sha256)

    def take(self, more: str) -> str:
        """Add what was said; return what can be shown of it."""
        self.taken_chars += len(more)
        self._digest.update(more.encode("utf-8", "surrogatepass"))
        return self.joiner.feed(more)

    def rest_of(self, said: str) -> str:
        """Return what a whole text has beyond what was taken; nothing if it was rewritten."""
        head = said[: self.taken_chars].encode("utf-8", "surrogatepass")
        if hashlib.sha256(head).digest() != self._digest.digest():
            return ""
        return said[self.taken_chars :]


class Messages:
    """Maps messages' parts. Each method returns the drafts that its event makes."""

    def __init__(self, conversation: Conversation, new_id: Callable[[str], str]) -> None:
        self.mcp_servers: frozenset[str] = frozenset()
        self._conversation = conversation
        self._new_id = new_id
        self._texts: OrderedDict[str, Text] = OrderedDict()
        self._tools: OrderedDict[str, Tool] = OrderedDict()
        self._assistants: OrderedDict[str, None] = OrderedDict()
        self._ended: OrderedDict[str, None] = OrderedDict()

    def assistant(self, message_id: object) -> bool:
        """Note that a message is the assistant's; False for one of a turn that has ended."""
        if not isinstance(message_id, str) or message_id in self._ended:
            return False
        _remember(self._assistants, message_id, None, MESSAGES)
        return True

    def knows(self, message_id: object) -> bool:
        """Tell whether a message is the assistant's, of the running turn."""
        return isinstance(message_id, str) and message_id in self._assistants

    def part(self, part: dict[str, Any], speaker: Speaker) -> list[Draft]:
        """Map a part as it stands now; nothing for kinds that say nothing to us."""
        part_id, kind = part.get("id"), part.get("type")
        if not isinstance(part_id, str) or not self.knows(part.get("messageID")):
            return []
        if kind == "tool":
            return self._tool(part_id, part, speaker)
        stream = _STREAMS.get(str(kind))
        if stream is None or part.get("ignored") is True:
            return []
        return self._text(part_id, stream, part, speaker)

    def delta(self, part_id: object, field_name: object, delta: object) -> list[Draft]:
        """Map a piece of a text; nothing for one whose beginning was not heard."""
        known = self._texts.get(part_id) if isinstance(part_id, str) else None
        if known is None or known.gapped or field_name != "text" or not isinstance(delta, str):
            return []
        return self._show(known, known.take(delta))

    def lost(self) -> None:
        """Note that events were lost: the texts that are being said have gaps now."""
        for known in self._texts.values():
            known.gapped = True

    def retried(self, agent_id: str | None) -> list[Draft]:
        """The speaker's request is made again, and its answer begins anew: end what was cut off."""
        drafts: list[Draft] = []
        for known in self._texts.values():
            if known.speaker.agent_id == agent_id:
                drafts += self._show(known, known.joiner.flush())
                drafts += self._conversation.complete_item(known.item_id, "failed")
        return drafts

    def item_of_call(self, call_id: object) -> str | None:
        """Return the open item of a tool call."""
        for tool in reversed(self._tools.values()):
            if tool.call_id == call_id and tool.item_id in self._conversation.items:
                return tool.item_id
        return None

    def close(self) -> list[Draft]:
        """Say what is held back of open texts and outputs; what comes later of them is too late."""
        drafts: list[Draft] = []
        for known in self._texts.values():
            drafts += self._show(known, known.joiner.flush())
        for tool in self._tools.values():
            drafts += self._stream(tool, tool.joiner.flush())
        for message_id in self._assistants:
            _remember(self._ended, message_id, None, MESSAGES)
        self._assistants.clear()
        return drafts

    # Texts

    def _text(
        self, part_id: str, stream: StreamKind, part: dict[str, Any], speaker: Speaker
    ) -> list[Draft]:
        said = part.get("text")
        said = said if isinstance(said, str) else ""
        known = self._texts.get(part_id)
        if known is None:
            known = Text(self._new_id("item"), stream, speaker)
            _remember(self._texts, part_id, known, PARTS)
        drafts = self._show(known, known.take(known.rest_of(said)))
        if a_map(part.get("time")).get("end") is None:
            return drafts
        drafts += self._show(known, known.joiner.flush())
        return drafts + self._conversation.complete_item(known.item_id)

    def _show(self, known: Text, shown: str) -> list[Draft]:
        if not shown:
            return []
        drafts: list[Draft] = []
        if known.item_id not in self._conversation.items:
            drafts = self._conversation.start_item(
                known.item_id,
                "reasoning" if known.stream == "reasoning_text" else "assistant_message",
                agent_id=known.speaker.agent_id,
                parent_tool_use_id=known.speaker.tool_use_id,
            )
        return drafts + self._conversation.delta(known.item_id, known.stream, shown)

    # Tools

    def _tool(self, part_id: str, part: dict[str, Any], speaker: Speaker) -> list[Draft]:
        state = a_map(part.get("state"))
        tool = self._tools.get(part_id)
        if tool is None:
            return self._begin(part_id, part, state, speaker)
        if tool.item_id not in self._conversation.items:
            return []  # said after the call, or its turn, had ended
        output = tools.take_output(tool, state)
        if tools.has_ended(state):
            return self._stream(tool, output) + self._complete(tool, state, output)
        if output:
            return self._stream(tool, output)
        said = hash(repr((state.get("title"), state.get("input"), state.get("metadata"))))
        if said == tool.said_hash:
            return []
        tool.said_hash = said
        return self._conversation.update_item(
            tool.item_id,
            title=tools.title_of(tool, state),
            detail=tools.detail_of(state),
            data=tools.data_of(tool, state, streamed=output is not None),
        )

    def _begin(
        self, part_id: str, part: dict[str, Any], state: dict[str, Any], speaker: Speaker
    ) -> list[Draft]:
        name = text(part.get("tool")) or "unknown"
        call_id = text(part.get("callID")) or part_id
        tool = Tool(self._new_id("item"), tools.item_type_of(name, self.mcp_servers), name, call_id)
        _remember(self._tools, part_id, tool, PARTS)
        output = tools.take_output(tool, state)
        ended = tools.has_ended(state)
        drafts = self._conversation.start_item(
            tool.item_id,
            tool.item_type,
            title=tools.title_of(tool, state),
            detail=tools.detail_of(state),
            data=None if ended else tools.data_of(tool, state, streamed=output is not None),
            refs=ProviderRefs(provider_item_id=text(call_id)),
            agent_id=speaker.agent_id,
            parent_tool_use_id=speaker.tool_use_id,
        )
        drafts += self._stream(tool, output)
        return drafts + self._complete(tool, state, output) if ended else drafts

    def _complete(self, tool: Tool, state: dict[str, Any], output: str | None) -> list[Draft]:
        drafts = self._stream(tool, tool.joiner.flush())
        return drafts + self._conversation.complete_item(
            tool.item_id,
            tools.status_of(tool, state),
            title=tools.title_of(tool, state),
            detail=tools.detail_of(state),
            data=tools.data_of(tool, state, streamed=output is not None),
        )

    def _stream(self, tool: Tool, output: str | None) -> list[Draft]:
        return self._conversation.delta(tool.item_id, "command_output", output or "")


def _remember(kept: "OrderedDict[str, Any]", key: str, value: Any, bound: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > bound:
        kept.popitem(last=False)
