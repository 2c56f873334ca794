"""The wire of `codex app-server`: JSON-RPC lines that leave the `jsonrpc` member out. Pure."""

from sidecar.providers.jsonrpc import (
    INTERNAL_ERROR,
    METHOD_NOT_FOUND,
    JsonRpcWire,
    Malformed,
    Message,
    Notification,
    Request,
    Response,
    RpcError,
)
from sidecar.providers.text import LINE_BYTES

__all__ = [
    "INTERNAL_ERROR",
    "METHOD_NOT_FOUND",
    "CodexWire",
    "Malformed",
    "Message",
    "Notification",
    "Request",
    "Response",
    "RpcError",
]


class CodexWire(JsonRpcWire):
    """One connection with an app-server."""

    def __init__(self, max_line_bytes: int = LINE_BYTES) -> None:
        super().__init__({}, max_line_bytes)
