"""What every part of a conversation shares: the running turn, and the state that is announced.

State is derived:  a request is open → waiting;  a turn runs → running;  else the base state.
"""

from typing import Any

from sidecar.contract.base import Wire
from sidecar.contract.events import ProviderRefs
from sidecar.contract.events.session import SessionStateChanged
from sidecar.contract.events.side import RuntimeWarned
from sidecar.contract.vocabulary import SessionState
from sidecar.core.conversation.parts import (
    BaseState,
    Memory,
    OpenItem,
    OpenRequest,
    OpenTask,
    nonblank,
)
from sidecar.core.drafts import Draft


class Announcing:
    """Keeps what is open, and says the session's state when it changes."""

    def __init__(self) -> None:
        self.turn_id: str | None = None
        self.items: dict[str, OpenItem] = {}
        self.requests: dict[str, OpenRequest] = {}
        self.tasks: dict[str, OpenTask] = {}
        self._base: BaseState | None = None
        self._announced: SessionState | None = None
        self._closed = Memory()

    def state(self, base: BaseState, reason: str | None = None, detail: Any = None) -> list[Draft]:
        """Set the base state; said at once unless it changes nothing and has no reason."""
        self._base = base
        return self._settle(reason=nonblank(reason), detail=detail)

    def say(self, type_: str, payload: Wire, refs: ProviderRefs | None = None) -> list[Draft]:
        """Return one draft that needs no tracking, stamped with the running turn."""
        return [Draft(type=type_, payload=payload, turn_id=self.turn_id, refs=refs)]

    def warning(self, message: str, detail: Any = None) -> list[Draft]:
        """Say a runtime.warning; nothing for a blank message."""
        if nonblank(message) is None:
            return []
        return self.say("runtime.warning", RuntimeWarned(message=message, detail=detail))

    def _turn_of(self, *, background: bool) -> str | None:
        return None if background else self.turn_id

    def _settle(self, reason: str | None = None, detail: Any = None) -> list[Draft]:
        state = self._derived()
        if state is None or (state == self._announced and reason is None and detail is None):
            return []
        self._announced = state
        payload = SessionStateChanged(state=state, reason=reason, detail=detail)
        return self.say("session.state.changed", payload)

    def _derived(self) -> SessionState | None:
        if self._base in ("stopped", "error"):
            return self._base
        if self.requests:
            return "waiting"
        return "running" if self.turn_id is not None else self._base
