"""The bridge's own messages: bootstrap, ready line, handshake, notifications, snapshot (PROTOCOL).

MessagePack-RPC positions and close codes live here too, as they are what a client must know.
"""

from enum import IntEnum
from typing import Any, Self

import msgspec

from sidecar.contract.base import Count, Name, NonBlank, Wire
from sidecar.contract.snapshot import (
    ActiveItem,
    ActiveTurn,
    PendingRequest,
    Restarts,
    SessionSnapshot,
    Snapshot,
    SnapshotState,
)
from sidecar.contract.vocabulary import (
    EphemeralTopic,
    GapReason,
    GoodbyeReason,
    JournalState,
    StartFailure,
)

__all__ = [
    "FROM_CLIENT",
    "FROM_SERVER",
    "SUBPROTOCOL",
    "Ack",
    "ActiveItem",
    "ActiveTurn",
    "Advance",
    "Bootstrap",
    "Cancel",
    "Chunk",
    "ClientInfo",
    "CloseCode",
    "Ephemeral",
    "Events",
    "FailedLine",
    "Gap",
    "Goodbye",
    "Heartbeat",
    "Hello",
    "HelloResult",
    "JournalNotice",
    "Limits",
    "MessageKind",
    "PendingRequest",
    "ReadyLine",
    "Restarts",
    "Resume",
    "ServerInfo",
    "SessionSnapshot",
    "Snapshot",
    "SnapshotState",
    "Synchronized",
]

SUBPROTOCOL = "sidecar.v1"


class MessageKind(IntEnum):
    """First element of every message."""

    REQUEST = 0
    RESPONSE = 1
    NOTIFICATION = 2


class CloseCode(IntEnum):
    """WebSocket close codes (PROTOCOL §2), each with what it means."""

    meaning: str

    def __new__(cls, value: int, meaning: str) -> Self:
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    SHUTDOWN = 1001, "the sidecar goes down"
    TEXT_FRAME = 1003, "a text message"
    NOT_MSGPACK = 1007, "a message that is not one MessagePack value"
    FRAME_TOO_LARGE = 1009, "a WebSocket message over `limits.messageBytes`"
    DEFECT = 1011, "the bridge failed; its log tells why"
    BAD_MESSAGE = 4400, "a message of a wrong shape, or out of order"
    UNAUTHENTICATED = 4401, "a wrong `auth`; trying again does not help"
    NO_COMMON_PROTOCOL = 4406, "no protocol version in common"
    SILENT = 4408, "nothing was received for three heartbeat intervals"
    REPLACED = 4409, "another connection has taken this `client.id` over; do not reconnect"
    TRANSFER_TOO_LARGE = 4413, "a message over `limits.transferBytes`, or unread responses"
    TOO_MANY_CONNECTIONS = 4429, "too many connections"


class Bootstrap(Wire, frozen=True):
    """First line on stdin of `serve`."""

    token: NonBlank
    parent_pid: Count | None = None
    data_dir: NonBlank | None = None
    settings: dict[str, Any] | None = None


class ReadyLine(Wire, frozen=True):
    """The one line on stdout once the bridge listens."""

    event: str
    pid: int
    port: int
    url: str
    protocol: int
    instance: str
    version: str
    log_id: str
    epoch: int
    journal_reset: str | None = None
    data_dir: str | None = None


class FailedLine(Wire, frozen=True):
    """The one line on stdout when the sidecar cannot start."""

    event: str
    code: StartFailure
    message: str
    pid: int | None = None


class Resume(Wire, frozen=True):
    """A client's cursor: the last seq it has committed, and where that number is valid."""

    log_id: Name
    epoch: Count
    cursor: Count


class ClientInfo(Wire, frozen=True):
    id: NonBlank
    name: NonBlank | None = None
    version: NonBlank | None = None


class Hello(Wire, frozen=True):
    protocol: tuple[int, int]
    nonce: bytes
    auth: bytes
    client: ClientInfo
    resume: Resume | None = None
    credit_bytes: Count | None = None
    threads: list[NonBlank] | None = None


class ServerInfo(Wire, frozen=True):
    version: str
    pid: int
    instance: str


class Limits(Wire, frozen=True):
    message_bytes: int
    transfer_bytes: int
    credit_bytes: int
    open_requests: int


class HelloResult(Wire, frozen=True):
    protocol: int
    proof: bytes
    server: ServerInfo
    log_id: str
    epoch: int
    head: int
    oldest: int
    resumed: bool
    limits: Limits
    heartbeat_ms: int
    reason: GapReason | None = None


class Ack(Wire, frozen=True):
    seq: Count


class Chunk(Wire, frozen=True):
    cid: Count
    index: Count
    count: Count
    data: bytes


class Cancel(Wire, frozen=True):
    id: Count


class Heartbeat(Wire, frozen=True):
    """Either side's heartbeat; the server adds head, sent and, when not ok, the journal."""

    mono_ms: Count
    wall_ms: Count
    head: Count | None = None
    sent: Count | None = None
    journal: JournalState | None = None


class Gap(Wire, frozen=True):
    """Seqs `from_`…`to` are not served; a snapshot follows."""

    from_: Count = msgspec.field(name="from")
    to: Count
    reason: GapReason


class Synchronized(Wire, frozen=True):
    """The stream has caught up; live events follow with no seam."""

    head: Count


class Events(Wire, frozen=True):
    """`list` is [[seq, event]], the event in its final bytes."""

    list: list[tuple[Count, bytes]]


class Advance(Wire, frozen=True):
    """To a filtered client: nothing for it up to `seq`."""

    seq: Count


class Ephemeral(Wire, frozen=True):
    """What has no seq and may be dropped: `event` for topic event, `data` for the others."""

    topic: EphemeralTopic
    event: bytes | None = None
    data: Any = None


class JournalNotice(Wire, frozen=True):
    """The journal's state; repeated in each heartbeat while it is not ok."""

    state: JournalState
    message: NonBlank | None = None


class Goodbye(Wire, frozen=True):
    """The last message before the server closes."""

    reason: GoodbyeReason


FROM_SERVER: dict[str, type[Wire]] = {
    "gap": Gap,
    "snapshot": Snapshot,
    "synchronized": Synchronized,
    "events": Events,
    "advance": Advance,
    "ephemeral": Ephemeral,
    "journal": JournalNotice,
    "heartbeat": Heartbeat,
    "goodbye": Goodbye,
    "chunk": Chunk,
}
"""Notifications that the server sends, by name."""

FROM_CLIENT: dict[str, type[Wire]] = {
    "ack": Ack,
    "cancel": Cancel,
    "heartbeat": Heartbeat,
    "chunk": Chunk,
}
"""Notifications that a client sends, by name."""
