"""What a turn has changed: told behind its end, by the message that asked for it. Pure.

OpenCode also has an event `session.diff`, empty in the versions seen; it counts as long as no
message has told a diff.
"""

from collections import OrderedDict
from typing import Any, Final

import msgspec

from sidecar.contract.events.turn import TurnDiffUpdated
from sidecar.core.conversation import Conversation
from sidecar.core.drafts import Draft
from sidecar.providers.shapes import a_map, maps
from sidecar.providers.text import VALUE_BYTES, clipped, whole

DIFF_CHARS: Final = VALUE_BYTES // 4
"""Longest diff passed on: at four bytes a character it fills one value of an event."""

MESSAGES: Final = 256
"""Messages of the user whose turns are remembered."""


class Diffs:
    """The diffs of one session's turns; each is said when it is another."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._turns: OrderedDict[str, str] = OrderedDict()
        self._said: dict[str | None, str] = {}
        self._told_by_message = False
        self._last_turn_id: str | None = None

    def begin_turn(self, turn_id: str) -> None:
        """Note the turn that the next message of the user, or session.diff, is about."""
        self._last_turn_id = turn_id

    def message(self, info: dict[str, Any]) -> list[Draft]:
        """Take a message of the user as it stands now; its diffs are those of its turn."""
        message_id, running = info.get("id"), self._conversation.turn_id
        if not isinstance(message_id, str):
            return []
        if message_id not in self._turns and running is not None:
            self._turns[message_id] = running
            if len(self._turns) > MESSAGES:
                self._said.pop(self._turns.popitem(last=False)[1], None)
        turn_id = self._turns.get(message_id)
        drafts = [] if turn_id is None else self._say(turn_id, a_map(info.get("summary")), "diffs")
        self._told_by_message = self._told_by_message or bool(drafts)
        return drafts

    def session(self, properties: dict[str, Any]) -> list[Draft]:
        """Take a session.diff."""
        return [] if self._told_by_message else self._say(self._last_turn_id, properties, "diff")

    def _say(self, turn_id: str | None, holder: dict[str, Any], key: str) -> list[Draft]:
        """Say a diff; one that is empty again cannot be: a host drops what is blank."""
        patches = (row.get("patch") for row in maps(holder.get(key)))
        diff = "\n".join(p.rstrip("\n") for p in patches if isinstance(p, str) and p.strip())
        if diff == self._said.get(turn_id, ""):
            return []
        self._said[turn_id] = diff
        if not diff:
            return []
        payload = TurnDiffUpdated(unified_diff=whole(clipped(diff, DIFF_CHARS)))
        drafts = self._conversation.say("turn.diff.updated", payload)
        return [msgspec.structs.replace(draft, turn_id=turn_id) for draft in drafts]
