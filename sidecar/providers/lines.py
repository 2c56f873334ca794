"""Lines of JSON objects, sans I/O: what a program's stdout says, and what goes to its stdin. Pure.

Tolerates what programs get wrong: blank lines, log lines, lines without an end. Strings may hold
lone surrogates.
"""

import json
from abc import ABC, abstractmethod
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec

from sidecar.providers.text import LINE_BYTES, LineSplitter, Oversized, clipped, decode_json

SAMPLE_CHARS: Final = 200
"""What of a malformed line is shown: enough to recognise a log line."""

M = TypeVar("M")

_ENCODER: Final = msgspec.json.Encoder()


class Malformed(NamedTuple):
    """A line that is no message of the protocol. `sample` shows its beginning."""

    reason: str
    sample: str = ""


class JsonLines(ABC, Generic[M]):
    """The half-read line of one stream, and how a line becomes a message M."""

    def __init__(self, max_line_bytes: int = LINE_BYTES) -> None:
        self._splitter = LineSplitter(max_line_bytes)

    def receive(self, data: bytes) -> list[M | Malformed]:
        """Return the messages that `data` completes, in order."""
        return self._messages(self._splitter.feed(data))

    def finish(self) -> list[M | Malformed]:
        """Return what the end of the stream cut off, if that says anything."""
        return self._messages(self._splitter.finish())

    @abstractmethod
    def _message(self, value: dict[str, Any], line: bytes) -> M | Malformed:
        """Return the message that a line says; `malformed` takes the line."""

    def _messages(self, lines: list[bytes | Oversized]) -> list[M | Malformed]:
        messages: list[M | Malformed] = []
        for line in lines:
            if isinstance(line, Oversized):
                messages.append(Malformed(f"a line is longer than {line.max_bytes} bytes"))
            elif line and not line.isspace():
                messages.append(self._read(line))
        return messages

    def _read(self, line: bytes) -> M | Malformed:
        try:
            value = decode_json(line)
        except ValueError:
            return malformed("a line is not JSON", line)
        if not isinstance(value, dict):
            return malformed("a line is not a JSON object", line)
        return self._message(value, line)


def malformed(reason: str, line: bytes) -> Malformed:
    """Return what is wrong with a line, with a sample of it."""
    sample = line[: SAMPLE_CHARS * 4].decode("utf-8", "replace")
    return Malformed(reason, clipped(sample, SAMPLE_CHARS))


def encode_line(message: dict[str, Any]) -> bytes:
    """Return the line that says `message`: always valid JSON."""
    try:
        return _ENCODER.encode(message) + b"\n"
    except UnicodeEncodeError:  # what the peer said with a lone surrogate goes back verbatim
        return json.dumps(message).encode() + b"\n"
