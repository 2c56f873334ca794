"""Stream-json lines of Claude, sans I/O: bytes in → messages out, control requests in → bytes out.

Owns the ids of our control requests and which of them are unanswered. Never interprets a message.
What is written is always one line of valid JSON: claude exits at the first that is not. Strings of
messages may hold lone surrogates.
"""

import json
from typing import Any, Final, NamedTuple

import msgspec

from sidecar.contract.base import Json
from sidecar.providers.shapes import DETAIL_CHARS, a_map, text
from sidecar.providers.text import LINE_BYTES, LineSplitter, Oversized, clipped, decode_json

PENDING_REQUESTS = 256
"""Our control requests that may be unanswered at once; real use has a handful."""

SAMPLE_CHARS = 200
"""What of a malformed line is shown: enough to recognise a log line."""

_ENCODER: Final = msgspec.json.Encoder()


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


class Malformed(NamedTuple):
    """A line that is no message of the protocol. `sample` shows its beginning."""

    reason: str
    sample: str = ""


Message = Said | Asked | Withdrawn | Answered | Malformed


class ClaudeWire:
    """One process' state: the half-read line and our unanswered control requests."""

    def __init__(self, max_line_bytes: int = LINE_BYTES) -> None:
        self._splitter = LineSplitter(max_line_bytes)
        self._pending: dict[str, str] = {}
        self._next_id = 1

    @property
    def unanswered(self) -> list[str]:
        """The subtypes of our control requests that wait for an answer, oldest first."""
        return list(self._pending.values())

    # In

    def receive(self, data: bytes) -> list[Message]:
        """Return the messages that `data` completes, in order."""
        return self._messages(self._splitter.feed(data))

    def finish(self) -> list[Message]:
        """Return what the end of the stream cut off, if that says anything."""
        return self._messages(self._splitter.finish())

    def _messages(self, lines: list[bytes | Oversized]) -> list[Message]:
        messages: list[Message] = []
        for line in lines:
            if isinstance(line, Oversized):
                messages.append(Malformed(f"a line is longer than {line.max_bytes} bytes"))
            elif line and not line.isspace():
                messages.append(self._message(line))
        return messages

    def _message(self, line: bytes) -> Message:
        try:
            value = decode_json(line)
        except ValueError:
            return Malformed("a line is not JSON", _sample(line))
        if not isinstance(value, dict) or not isinstance(value.get("type"), str):
            return Malformed("a line is not a message with a type", _sample(line))
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
            return Malformed("an answer is to no request of ours", _sample(line))
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
        return id_, _line({"type": "control_request", "request_id": id_, "request": request})

    def forget(self, id_: str) -> None:
        """Give a control request up: its answer, if it comes, is one to nothing."""
        self._pending.pop(id_, None)

    @staticmethod
    def user(content: list[dict[str, Any]]) -> bytes:
        """Return the bytes of a prompt of content blocks."""
        message = {"role": "user", "content": content}
        return _line(
            {"type": "user", "session_id": "", "message": message, "parent_tool_use_id": None}
        )

    @staticmethod
    def answer(id_: Json, response: dict[str, Any]) -> bytes:
        """Return the bytes that answer Claude's control request `id_`."""
        body = {"subtype": "success", "request_id": id_, "response": response}
        return _line({"type": "control_response", "response": body})

    @staticmethod
    def refuse(id_: Json, error: str) -> bytes:
        """Return the bytes that refuse Claude's control request `id_`."""
        body = {"subtype": "error", "request_id": id_, "error": error}
        return _line({"type": "control_response", "response": body})


def _line(message: dict[str, Any]) -> bytes:
    try:
        return _ENCODER.encode(message) + b"\n"
    except UnicodeEncodeError:  # what Claude said with a lone surrogate goes back verbatim
        return json.dumps(message).encode() + b"\n"


def _sample(line: bytes) -> str:
    return clipped(line[: SAMPLE_CHARS * 4].decode("utf-8", "replace"), SAMPLE_CHARS)
