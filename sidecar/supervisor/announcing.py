"""What the supervisor says of a session in its own name: a generation's first and last events.

Owns numbers, cursors and drafts of generations. When one begins or ends is the session's affair.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from sidecar.contract.events.session import SessionConfigured, SessionStateChanged
from sidecar.contract.events.side import RuntimeWarned
from sidecar.contract.methods import SessionStartParams
from sidecar.core.closing import ExitFacts, closing_drafts
from sidecar.core.drafts import Draft
from sidecar.core.stamping import Origin
from sidecar.supervisor.ends import GenerationEnd
from sidecar.supervisor.eventlog import EventLog


@dataclass(frozen=True, slots=True)
class Again:
    """A generation is followed by another one; `because` names the session that fell, if another.

    `delay_s` is what is left of the backoff, `count` the restarts within the window of the one
    that fell.
    """

    count: int
    delay_s: float
    because: str | None = None

    def detail(self) -> dict[str, Any]:
        """Return the detail that a client gets; a time where there is one to wait for."""
        detail: dict[str, Any] = {"kind": "restarting", "count": self.count}
        if self.delay_s > 0:
            until = datetime.now(UTC) + timedelta(seconds=self.delay_s)
            stamp = until.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            detail["backoffUntil"] = stamp
        if self.because is not None:
            detail["because"] = self.because
        return detail


class Announcer:
    """Speaks for one thread."""

    def __init__(self, events: EventLog, thread_id: str) -> None:
        self._events = events
        self._thread_id = thread_id

    def next_origin(self, start: SessionStartParams) -> Origin:
        """Return whom the next generation speaks as."""
        number = self._events.fold.generation_of(self._thread_id) + 1
        return Origin(start.provider, self._thread_id, number, start.provider_instance_id)

    def cursor(self, start: SessionStartParams, *, asked: Any = None) -> Any:
        """The conversation to resume: what the client asked for, else what was published."""
        folded = self._events.fold.session(self._thread_id)
        if asked is not None or folded is None:
            return asked
        own = _account(start.provider, start.provider_instance_id)
        same = _account(folded.provider, folded.provider_instance_id) == own
        return folded.resume_cursor if same else None

    def begin(self, origin: Origin, start: SessionStartParams, again: Again | None) -> None:
        """Say the first events of a generation: what it is, and that it starts."""
        selection = start.model_selection
        cursor = self.cursor(start, asked=None if again else start.resume_cursor)
        session = {
            "runtimeMode": start.runtime_mode,
            "cwd": start.cwd,
            "parent": start.parent,
            "model": selection.model if selection else None,
            "resume": cursor is not None,
        }
        config = {
            "session": {k: v for k, v in session.items() if v is not None},
            "resumeCursor": cursor,
        }
        configured = Draft(type="session.configured", payload=SessionConfigured(config=config))
        self._events.say(origin, [configured, _starting(again)])

    def wait(self, origin: Origin, again: Again) -> None:
        """Say for what a generation that has not begun to run waits now."""
        self._events.say(origin, [_starting(again)])

    def warn(self, origin: Origin, message: str, detail: Mapping[str, Any]) -> None:
        """Say a fact of the sidecar's own as runtime.warning."""
        payload = RuntimeWarned(message=message, detail=dict(detail))
        self._events.say(origin, [Draft(type="runtime.warning", payload=payload)])

    def end(self, origin: Origin, end: GenerationEnd) -> None:
        """Append the last events of a generation, in one commit."""
        folded = self._events.fold.session(self._thread_id)
        assert folded is not None, "the generation was announced"
        facts = ExitFacts(
            kind=end.kind,
            reason=end.reason,
            recoverable=end.recoverable,
            stderr_tail=end.stderr_tail or None,
            detail=end.detail,
            lost_turns=end.lost_turns,
        )
        self._events.say(origin, closing_drafts(folded, facts))

    def stillborn(self, start: SessionStartParams, end: GenerationEnd) -> None:
        """Say a generation that ends as it begins: the conversation stays where it was."""
        origin = self.next_origin(start)
        self.begin(origin, msgspec.structs.replace(start, resume_cursor=None), None)
        self.end(origin, end)

    def end_open(self, end: GenerationEnd) -> None:
        """Append the last events of a generation that has none yet; nothing if there is none."""
        folded = self._events.fold.session(self._thread_id)
        if folded is not None and not folded.exited:
            instance_id = folded.provider_instance_id
            self.end(Origin(folded.provider, self._thread_id, folded.generation, instance_id), end)


def _starting(again: Again | None) -> Draft:
    state = SessionStateChanged(
        state="starting",
        reason="restarting" if again else None,
        detail=again.detail() if again else None,
    )
    return Draft(type="session.state.changed", payload=state)


def _account(provider: str, instance_id: str | None) -> tuple[str, str]:
    """Return whose conversations these are; the provider's own name is the user's own account."""
    return (provider, instance_id or provider)
