"""Frames between a session host and the supervisor (ARCHITECTURE §1).

On the wire: a 4-byte big-endian length, then one MessagePack array whose first element tells the
kind. `slot` numbers the sessions of one host; the supervisor knows which thread and generation a
slot of a channel is, so a host cannot speak for another host's session.
"""

from typing import Any

import msgspec

from sidecar.contract.base import Json, Wire
from sidecar.contract.errors import ErrorBody
from sidecar.contract.methods import SessionStartParams


class Frame(msgspec.Struct, frozen=True, array_like=True):
    """Base of all frames: positional on the wire."""


# Host → supervisor


class EventFrame(Frame, frozen=True, tag=1):
    """One event in its final bytes; the only frame that costs credit."""

    slot: int
    event_type: str
    body: bytes


class ReplyFrame(Frame, frozen=True, tag=2):
    """The answer to a CallFrame."""

    slot: int
    id: int
    error: ErrorBody | None
    result: Json


class HostReadyFrame(Frame, frozen=True, tag=3):
    """The host's loop runs and takes sessions."""

    pid: int


class HostBeatFrame(Frame, frozen=True, tag=4):
    """Answer to a BeatFrame: the host's event loop turns."""

    nonce: int


class CursorFrame(Frame, frozen=True, tag=5):
    """What `session/load` or its like needs; sent once the provider has persisted something."""

    slot: int
    resume_cursor: Json


class ExitFrame(Frame, frozen=True, tag=6):
    """A session's provider is gone and its tree is dead; the slot is free.

    `kind` graceful (asked for) or error; `recoverable` whether a resume can succeed.
    """

    slot: int
    kind: str
    reason: str
    recoverable: bool
    stderr_tail: str
    exit_code: int | None
    exit_signal: int | None
    survivors: int = 0
    """Processes of the session that could not be killed."""

    rung: str = "none"
    """How far down the ladder its stop went: none, cancel, eof, term or kill."""

    killed: int = 0
    """Processes that had to be killed."""

    stop_ms: int = 0
    cancel_error: str = ""
    """What the first rung raised, if it did."""


HOST_SLOT = -1
"""Slot of a log record that is no session's."""


class LogFrame(Frame, frozen=True, tag=7):
    """A structured log record of the host, written by the supervisor's log."""

    slot: int
    level: str
    event: str
    fields: dict[str, Any]


class HostIdleFrame(Frame, frozen=True, tag=8):
    """A shared host has neither sessions nor services after `opened` open frames: it may end."""

    opened: int


class HostFailedFrame(Frame, frozen=True, tag=9):
    """The host cannot go on, with whoever lives there; its last frame. `detail` as of events."""

    reason: str
    detail: dict[str, Any]


# Supervisor → host


class SessionSpec(Wire, frozen=True):
    """All that a host needs to run one generation of one session."""

    thread_id: str
    generation: int
    provider: str
    mark: str
    start: SessionStartParams
    provider_instance_id: str | None = None
    resume_cursor: Any = None
    base_env: dict[str, str | None] = {}
    """Laid over the host's own environment; None removes a variable."""
    provider_settings: dict[str, Any] = {}
    data_dir: str = ""
    raw: str = "none"
    instance_home: str = ""
    """Where the instance keeps its own accounts and state; empty for the user's own."""
    host_memory_bytes: int = 0
    """What the host's own heap may grow by from its first session on; 0: no limit."""
    shared_mark: str = ""
    """The mark of what the sessions of a shared host start together."""
    module: str = ""
    """The provider's session module; empty: look `provider` up among those built in."""
    session_class: str = ""
    package_dir: str = ""
    """Where a drop-in's package is imported from; empty for what is built in."""


class OpenFrame(Frame, frozen=True, tag=11):
    """Start a session in `slot`; answered by a ReplyFrame with id 0 or an ExitFrame."""

    slot: int
    spec: SessionSpec
    credit_bytes: int


class CallFrame(Frame, frozen=True, tag=12):
    """A method of the bridge for a session; `params` is the decoded map."""

    slot: int
    id: int
    method: str
    params: Json
    deadline_ms: int


class CreditFrame(Frame, frozen=True, tag=13):
    """`acked` event bytes of this slot are committed (cumulative); `credit_bytes` is the window."""

    slot: int
    acked: int
    credit_bytes: int


class CloseFrame(Frame, frozen=True, tag=14):
    """Stop the session of `slot` by the ladder within `deadline_ms`."""

    slot: int
    deadline_ms: int
    reason: str


class BeatFrame(Frame, frozen=True, tag=15):
    """Are you alive? Answered by HostBeatFrame with the same nonce."""

    nonce: int


class EndFrame(Frame, frozen=True, tag=16):
    """End: stop what is left, sessions and services, within `deadline_ms`, and exit."""

    deadline_ms: int
    reason: str


class WaitFrame(Frame, frozen=True, tag=17):
    """Stay, although there is no session yet: the next one may come at any time."""


FromHost = (
    EventFrame
    | ReplyFrame
    | HostReadyFrame
    | HostBeatFrame
    | HostIdleFrame
    | HostFailedFrame
    | CursorFrame
    | ExitFrame
    | LogFrame
)
ToHost = OpenFrame | CallFrame | CreditFrame | CloseFrame | BeatFrame | EndFrame | WaitFrame
