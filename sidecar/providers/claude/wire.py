"""Stream-json lines of Claude, sans I/O: bytes in → messages out, control requests in → bytes out.

Owns the ids of our control requests and which of them are unanswered. Never interprets a message.
What is written is always one line of valid JSON: claude exits at the first that is not. Strings of
messages may hold lone surrogates.
"""

from typing import Any, NamedTuple

from sidecar.contract.base import Json
from sidecar.providers.lines import JsonLines, Malformed, encode_line, malformed
from sidecar.providers.shapes import DETAIL_CHARS, a_map, text
from sidecar.providers.text import LINE_BYTES

PENDING_REQUESTS = 256
"""Our control requests that may be unanswered at once; real use has a handful."""


class Said(NamedTuple):
    """A message of the conversation; `type` is one of the SDK's, or unknown."""

    type: str
    body: dict[str, Any]


class Asked(NamedTuple):
    """A control request of Claude; `id` goes back with the answer, verbatim."""

    id: Json
    subtype: str
    body: dict[str, Any]


class Withdrawn(NamedTuple):
    """Claude no longer waits for the answer to its control request `id`."""

    id: Json


class Answered(NamedTuple):
    """The answer to our control request `id`; `error` has the words of a refusal, else None."""

    id: str
    subtype: str
    body: dict[str, Any]
    error: str | None


Message = Said | Asked | Withdrawn | Answered | Malformed


class ClaudeWire(JsonLines[Said | Asked | Withdrawn | Answered]):
    """One process' state: the half-read line and our unanswered control requests."""

    def __init__(self, max_line_bytes: int = LINE_BYTES) -> None:
        super().__init__(max_line_bytes)
        self._pending: dict[str, str] = {}
        self._next_id = 1

    @property
    def unanswered(self) -> list[str]:
        """The subtypes of our control requests that wait for an answer, oldest first."""
        return list(self._pending.values())

    # In

    def _message(self, value: dict[str, Any], line: bytes) -> Message:
        if not isinstance(value.get("type"), str):
            return malformed("a line is not a message with a type", line)
        kind = value["type"]
        if kind == "control_request":
            request = a_map(value.get("request"))
            return Asked(value.get("request_id"), str(request.get("subtype")), request)
        if kind == "control_cancel_request":
            return Withdrawn(value.get("request_id"))
        if kind == "control_response":
            return self._answered(a_map(value.get("response")), line)
        return Said(kind, value)

    def _answered(self, response: dict[str, Any], line: bytes) -> Message:
        id_ = response.get("request_id")
        if not isinstance(id_, str) or id_ not in self._pending:
            return malformed("an answer is to no request of ours", line)
        subtype = self._pending.pop(id_)
        error = None
        if response.get("subtype") != "success":
            error = text(response.get("error"), DETAIL_CHARS) or "no reason given"
        return Answered(id_, subtype, a_map(response.get("response")), error)

    # Out

    def request(self, subtype: str, **fields: Json) -> tuple[str, bytes] | None:
        """Return a new control request's id and bytes, or None when too many are unanswered."""
        if len(self._pending) >= PENDING_REQUESTS:
            return None
        id_ = f"sidecar-{self._next_id}"
        self._next_id += 1
        self._pending[id_] = subtype
        request = {"subtype": subtype, **fields}
        return id_, encode_line({"type": "control_request", "request_id": id_, "request": request})

    def forget(self, id_: str) -> None:
        """Give a control request up: its answer, if it comes, is one to nothing."""
        self._pending.pop(id_, None)

    @staticmethod
    def user(content: list[dict[str, Any]]) -> bytes:
        """Return the bytes of a prompt of content blocks."""
        message = {"role": "user", "content": content}
        return encode_line(
            {"type": "user", "session_id": "", "message": message, "parent_tool_use_id": None}
        )

    @staticmethod
    def answer(id_: Json, response: dict[str, Any]) -> bytes:
        """Return the bytes that answer Claude's control request `id_`."""
        body = {"subtype": "success", "request_id": id_, "response": response}
        return encode_line({"type": "control_response", "response": body})

    @staticmethod
    def refuse(id_: Json, error: str) -> bytes:
        """Return the bytes that refuse Claude's control request `id_`."""
        body = {"subtype": "error", "request_id": id_, "error": error}
        return encode_line({"type": "control_response", "response": body})
