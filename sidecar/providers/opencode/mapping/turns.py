"""When a turn is over, and how it ended: told by several events, none of which is enough. Pure.

    asked ── busy, or a message of the assistant ──► working ── idle, no message open ──► over
      └── error ──► in doubt           └── idle, a message open ──► in doubt ── its end ──┘

An aborted session says idle at once, then what its tools came to, then idle again; a prompt that
cannot be run may say an error and never be busy. In doubt the server is asked after a moment.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from sidecar.core.conversation import Ending
from sidecar.providers.opencode.mapping.errors import error_text
from sidecar.providers.opencode.mapping.usage import Tally
from sidecar.providers.shapes import DETAIL_CHARS, a_map, text

OPEN_MESSAGES: Final = 64
"""Assistant messages open at once in one turn; real ones have one."""

ABORTED: Final = "MessageAbortedError"


@dataclass(slots=True)
class Turn:
    """The running turn as far as its end is concerned."""

    over: bool = False
    in_doubt: bool = False
    retries: int = 0
    """How often the running model request was tried again."""
    retry_message: str | None = None
    aborted: bool = False
    error: str | None = None
    finish: str | None = None
    working: bool = False
    tally: Tally = field(default_factory=Tally)
    _open: dict[str, None] = field(default_factory=dict)

    def status(self, status: dict[str, Any]) -> None:
        """Take a session.status, or what stands for one."""
        kind = status.get("type")
        if kind == "idle":
            self._idle()
        elif kind == "retry":
            self.working = True
            attempt = status.get("attempt")
            self.retries = attempt if isinstance(attempt, int) else self.retries + 1
            self.retry_message = text(status.get("message"), DETAIL_CHARS)
        elif kind == "busy":
            self.working = True

    def failed(self, error: Any) -> None:
        """Take a session.error: the first counts, as what follows is its stack trace."""
        self._fail(error)
        if not self.working:
            self.in_doubt = True

    def message(self, info: dict[str, Any]) -> None:
        """Take an assistant message of the session as it stands now."""
        message_id = str(info.get("id"))
        self.working = True
        self.tally.take(message_id, info)
        if info.get("error") is not None:
            self._fail(info["error"])
        if a_map(info.get("time")).get("completed") is None and info.get("error") is None:
            self._open[message_id] = None
            if len(self._open) > OPEN_MESSAGES:
                del self._open[next(iter(self._open))]
            return
        self._open.pop(message_id, None)
        self.retries = 0
        self.finish = text(info.get("finish")) or self.finish

    def settled(self) -> None:
        """The server says, when asked, that the session is idle: the turn is over."""
        self.over = True

    def ending(self) -> Ending:
        """Return how the turn ended."""
        cost = self.tally.cost_usd
        usage, models = self.tally.usage(), self.tally.model_usage()
        if self.aborted:
            return Ending("interrupted", "aborted", usage, None, models, cost)
        if self.error is not None:
            return Ending("failed", "error", usage, self.error, models, cost)
        return Ending("completed", self.finish, usage, None, models, cost)

    def _idle(self) -> None:
        if not self.working:
            return  # the end of the turn before
        if self._open:
            self.in_doubt = True
        else:
            self.over = True

    def _fail(self, error: Any) -> None:
        if a_map(error).get("name") == ABORTED:
            self.aborted = True
        elif self.error is None:
            self.error = error_text(error) or "OpenCode reported an error without words"
