"""JSON-RPC lines, sans I/O: bytes in → messages out, calls in → bytes out. Pure.

Owns the ids of our requests and which of them are unanswered. Never interprets a method. Tolerates
what programs get wrong (no `jsonrpc` member, blank lines, log lines on stdout). Strings of messages
may hold lone surrogates.
"""

from collections import OrderedDict
from typing import Any, Final, NamedTuple

from sidecar.contract.base import Json
from sidecar.providers.lines import SAMPLE_CHARS, JsonLines, Malformed, encode_line, malformed
from sidecar.providers.text import LINE_BYTES

__all__ = [
    "INTERNAL_ERROR",
    "INVALID_PARAMS",
    "METHOD_NOT_FOUND",
    "NO_REASON",
    "PENDING_REQUESTS",
    "SAMPLE_CHARS",
    "JsonRpcWire",
    "Malformed",
    "Message",
    "Notification",
    "Request",
    "Response",
    "RpcError",
]

PENDING_REQUESTS = 256
"""Our requests that may be unanswered at once. Real use has a handful; a program that never answers
must not grow the map for ever."""

METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603

NO_REASON: Final = "The agent gave no reason"


class RpcError(NamedTuple):
    """The error of a response, as far as it had the right shape."""

    code: int
    message: str
    data: Json = None


class Response(NamedTuple):
    """The answer to our request `id` of `method`; exactly one of result and error counts."""

    id: int
    method: str
    result: Json
    error: RpcError | None


class Request(NamedTuple):
    """A request of the peer; `id` goes back verbatim."""

    id: Json
    method: str
    params: dict[str, Any]


class Notification(NamedTuple):
    """A notification of the peer."""

    method: str
    params: dict[str, Any]


Message = Response | Request | Notification | Malformed


class JsonRpcWire(JsonLines[Response | Request | Notification]):
    """One connection's state: the half-read line and our unanswered requests.

    `header` stands in each message that is written: {"jsonrpc": "2.0"}, or nothing for a program
    that leaves it out.
    """

    def __init__(self, header: dict[str, Any], max_line_bytes: int = LINE_BYTES) -> None:
        super().__init__(max_line_bytes)
        self._header = header
        self._pending: dict[int, str] = {}
        self._given_up: OrderedDict[int, str] = OrderedDict()
        self._next_id = 1

    @property
    def unanswered(self) -> list[str]:
        """The methods of our requests that wait for an answer, oldest first."""
        return list(self._pending.values())

    # In

    def _message(self, value: dict[str, Any], line: bytes) -> Message:
        method = value.get("method")
        if isinstance(method, str):
            params = value.get("params")
            params = params if isinstance(params, dict) else {}
            if value.get("id") is None:
                return Notification(method, params)
            return Request(value["id"], method, params)
        if "result" in value or "error" in value:
            return self._response(value, line)
        return malformed("a message has neither method nor result nor error", line)

    def _response(self, value: dict[str, Any], line: bytes) -> Message:
        id_ = value.get("id")
        if not isinstance(id_, int) or isinstance(id_, bool):  # True == 1, but is no id of ours
            return malformed("a response answers no request of ours", line)
        method = self._pending.pop(id_, None) or self._given_up.pop(id_, None)
        if method is None:
            return malformed("a response answers no request of ours", line)
        error = value.get("error")
        return Response(id_, method, value.get("result"), None if error is None else _error(error))

    # Out

    def request(self, method: str, params: Json) -> tuple[int, bytes] | None:
        """Return a new request's id and bytes, or None when too many are unanswered."""
        if len(self._pending) >= PENDING_REQUESTS:
            return None
        id_ = self._next_id
        self._next_id += 1
        self._pending[id_] = method
        return id_, self._line({"id": id_, **_call(method, params)})

    def give_up(self, id_: int) -> None:
        """Wait no more for an answer; a late one is still known for what it is, for a while."""
        method = self._pending.pop(id_, None)
        if method is not None:
            self._given_up[id_] = method
            if len(self._given_up) > PENDING_REQUESTS:
                self._given_up.popitem(last=False)

    def notification(self, method: str, params: Json = None) -> bytes:
        """Return a notification's bytes."""
        return self._line(_call(method, params))

    def result(self, id_: Json, result: Json) -> bytes:
        """Return the bytes that answer the peer's request `id_`."""
        return self._line({"id": id_, "result": result})

    def error(self, id_: Json, code: int, message: str) -> bytes:
        """Return the bytes that refuse the peer's request `id_`."""
        return self._line({"id": id_, "error": {"code": code, "message": message}})

    def _line(self, message: dict[str, Any]) -> bytes:
        return encode_line(self._header | message)


def _call(method: str, params: Json) -> dict[str, Any]:
    return {"method": method} if params is None else {"method": method, "params": params}


def _error(error: Json) -> RpcError:
    if not isinstance(error, dict):
        return RpcError(0, NO_REASON, error)
    code = error.get("code")
    message = error.get("message")
    return RpcError(
        code if isinstance(code, int) else 0,
        message if isinstance(message, str) else NO_REASON,
        error.get("data"),
    )
