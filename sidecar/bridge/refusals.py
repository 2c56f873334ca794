"""Every way in which the bridge refuses a connection: one table (PROTOCOL §2, §3).

What is wrong with a single request is an error answer instead (sidecar/contract/errors).
"""

from enum import Enum

from sidecar.contract.bridge import CloseCode

REASON_BYTES = 123
"""RFC 6455: a close frame's payload is at most 125 bytes, two of them the code."""


class Refusal(Enum):
    """Why the server closes: the close code, what the client is told, and its goodbye if any."""

    TEXT = (CloseCode.TEXT_FRAME, "messages are binary")
    NOT_MSGPACK = (CloseCode.NOT_MSGPACK, "not one MessagePack value")
    FRAME_TOO_LARGE = (CloseCode.FRAME_TOO_LARGE, "over limits.messageBytes: cut it into chunks")
    SHAPE = (CloseCode.BAD_MESSAGE, "wrong shape of a message")
    VALUE = (CloseCode.BAD_MESSAGE, "a value that the protocol does not have")
    DUPLICATE_ID = (CloseCode.BAD_MESSAGE, "the id of an open request")
    CHUNK_EARLY = (CloseCode.BAD_MESSAGE, "a chunk before hello")
    CHUNK_ORDER = (CloseCode.BAD_MESSAGE, "chunks out of order")
    TRANSFER_TOO_LARGE = (CloseCode.TRANSFER_TOO_LARGE, "over limits.transferBytes")
    ACK_UNSENT = (CloseCode.BAD_MESSAGE, "an ack above the last seq sent")
    NO_HELLO = (CloseCode.BAD_MESSAGE, "hello must come first")
    HELLO_LATE = (CloseCode.BAD_MESSAGE, "no hello in time")
    BAD_HELLO = (CloseCode.BAD_MESSAGE, "the params of hello do not fit")
    SECOND_HELLO = (CloseCode.BAD_MESSAGE, "a second hello")
    UNAUTHENTICATED = (CloseCode.UNAUTHENTICATED, "auth is wrong")
    NO_COMMON_PROTOCOL = (CloseCode.NO_COMMON_PROTOCOL, "no common protocol version")
    SILENT = (CloseCode.SILENT, "nothing heard for three heartbeats", "silent")
    REPLACED = (CloseCode.REPLACED, "another connection has this client id", "replaced")
    UNREAD = (CloseCode.TRANSFER_TOO_LARGE, "responses are not read")
    CONNECTIONS = (CloseCode.TOO_MANY_CONNECTIONS, "too many connections")
    SHUTDOWN = (CloseCode.SHUTDOWN, "the sidecar goes down", "shutdown")
    DEFECT = (1011, "the bridge failed; its log tells why")

    def __init__(self, code: int, text: str, goodbye: str | None = None) -> None:
        self.code = int(code)
        self.text = text
        self.goodbye = goodbye


class Refused(Exception):  # noqa: N818 - named after what happened, like the other refusals
    """Raised where a connection must be closed by the server; caught once, in its connection."""

    def __init__(self, refusal: Refusal, detail: str = "") -> None:
        super().__init__(refusal.name, detail)
        self.refusal = refusal
        self.detail = detail

    @property
    def reason(self) -> bytes:
        """Return the close frame's reason, cut to what it may hold."""
        text = f"{self.refusal.text}: {self.detail}" if self.detail else self.refusal.text
        return text.encode()[:REASON_BYTES].decode(errors="ignore").encode()
