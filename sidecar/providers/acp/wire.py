"""JSON-RPC 2.0 lines of an ACP agent. Pure; how they are read and written stands in jsonrpc."""

from typing import Final

from sidecar.providers.jsonrpc import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    PENDING_REQUESTS,
    SAMPLE_CHARS,
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
    "AUTH_REQUIRED",
    "INTERNAL_ERROR",
    "INVALID_PARAMS",
    "METHOD_NOT_FOUND",
    "PENDING_REQUESTS",
    "REQUEST_CANCELLED",
    "RESOURCE_NOT_FOUND",
    "SAMPLE_CHARS",
    "AcpWire",
    "Malformed",
    "Message",
    "Notification",
    "Request",
    "Response",
    "RpcError",
]

AUTH_REQUIRED: Final = -32000
"""ACP: a login is needed before what was asked."""
RESOURCE_NOT_FOUND: Final = -32002
"""ACP: a session or file does not exist."""
REQUEST_CANCELLED: Final = -32800
"""ACP: whoever asked has cancelled the request."""


class AcpWire(JsonRpcWire):
    """One connection with an agent."""

    def __init__(self, max_line_bytes: int = LINE_BYTES) -> None:
        super().__init__({"jsonrpc": "2.0"}, max_line_bytes)
