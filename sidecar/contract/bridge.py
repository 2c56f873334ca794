"""The bridge's own messages: bootstrap, ready line, handshake, notifications, snapshot (PROTOCOL).

MessagePack-RPC positions and close codes live here too, as they are what a client must know.
"""

from enum import IntEnum
from typing import Any

import msgspec

from sidecar.contract.base import Count, Name, NonBlank, Wire
from sidecar.contract.methods import SessionView
from sidecar.contract.vocabulary import ItemStatus, ItemType

SUBPROTOCOL = "sidecar.v1"


class MessageKind(IntEnum):
    """First element of every message."""

    REQUEST = 0
    RESPONSE = 1
    NOTIFICATION = 2


class CloseCode(IntEnum):
    """WebSocket close codes (PROTOCOL §2)."""

    SHUTDOWN = 1001
    TEXT_FRAME = 1003
    NOT_MSGPACK = 1007
    FRAME_TOO_LARGE = 1009
    BAD_MESSAGE = 4400
    UNAUTHENTICATED = 4401
    NO_COMMON_PROTOCOL = 4406
    SILENT = 4408
    REPLACED = 4409
    TRANSFER_TOO_LARGE = 4413
    TOO_MANY_CONNECTIONS = 4429


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


class FailedLine(Wire, frozen=True):
    """The one line on stdout when the sidecar cannot start."""

    event: str
    code: str
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
    reason: str | None = None


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
    journal: str | None = None


class Gap(Wire, frozen=True):
    """Seqs `from_`…`to` are not served; a snapshot follows."""

    from_: Count = msgspec.field(name="from")
    to: Count
    reason: str


class ActiveItem(Wire, frozen=True):
    item_id: str
    item_type: ItemType
    status: ItemStatus
    text: dict[str, str] = {}


class ActiveTurn(Wire, frozen=True):
    turn_id: str
    started_at: str
    items: list[ActiveItem] = []
    truncated: bool = False


class PendingRequest(Wire, frozen=True):
    """An unanswered request.opened or user-input.requested (`type` says which)."""

    type: str
    payload: Any
    created_at: str
    turn_id: str | None = None


class Restarts(Wire, frozen=True):
    count: int = 0
    backoff_until: str | None = None
    gave_up: bool = False


class SessionSnapshot(SessionView, frozen=True, kw_only=True):
    """One session in a snapshot: the view, and what a UI needs to go on from here."""

    generation: int
    restarts: Restarts
    parent: str | None = None
    children: list[str] = []
    active_turn: ActiveTurn | None = None
    pending_requests: dict[str, PendingRequest] = {}
    tasks: dict[str, Any] = {}
    usage: Any = None


class SnapshotState(Wire, frozen=True):
    sessions: dict[str, SessionSnapshot]


class Snapshot(Wire, frozen=True):
    at: int
    epoch: int
    state: SnapshotState
