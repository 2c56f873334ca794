"""What an opencode server says: its banner on stdout, and server-sent events. Bytes in, events out.

Owns the bounds on a line and an event. Never knows what an event means.
"""

import base64
import re
from typing import Any, Final, NamedTuple

from sidecar.providers.text import LINE_BYTES, LineSplitter, Oversized, clipped, decode_json

SAMPLE_CHARS: Final = 200
"""How much of something unreadable is shown."""

BANNER_BYTES: Final = 64 * 1024
"""Longest line of stdout looked at; the banner is below 100 bytes."""

USER: Final = "opencode"
"""The user name that an opencode server expects when nothing sets another."""

_BANNER: Final = re.compile(rb"listening on (http://(127\.0\.0\.1|localhost|\[::1\]):(\d{1,5}))\b")


class Event(NamedTuple):
    """One event of the stream: type, properties ({} if it has none), and what it took as JSON."""

    type: str
    properties: dict[str, Any]
    size_bytes: int = 0


class Unreadable(NamedTuple):
    """Something in the stream that is no event; `sample` is its beginning."""

    reason: str
    sample: str


class EventStream:
    """Reads `text/event-stream`; only `data` fields count, each event is one JSON object."""

    def __init__(self, max_bytes: int = LINE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._lines = LineSplitter(max_bytes)
        self._data: list[bytes] = []
        self._held_bytes = 0
        self._skipping = False

    def receive(self, data: bytes) -> list[Event | Unreadable]:
        """Return the events that `data` completes."""
        found: list[Event | Unreadable] = []
        for line in self._lines.feed(data):
            if isinstance(line, Oversized):
                self._skip(found)
            else:
                self._take(line.removesuffix(b"\r"), found)
        return found

    def _take(self, line: bytes, found: list[Event | Unreadable]) -> None:
        if not line:
            self._dispatch(found)
        elif line.startswith(b"data:") and not self._skipping:
            self._data.append(line[5:].removeprefix(b" "))
            self._held_bytes += len(line)
            if self._held_bytes > self._max_bytes:
                self._skip(found)

    def _skip(self, found: list[Event | Unreadable]) -> None:
        """Drop the event that is being read, and say so once."""
        if not self._skipping:
            found.append(Unreadable(f"an event of more than {self._max_bytes} bytes", ""))
        self._skipping = True
        self._data.clear()

    def _dispatch(self, found: list[Event | Unreadable]) -> None:
        """The empty line: the event is complete."""
        data, self._data = b"\n".join(self._data), []
        self._held_bytes = 0
        self._skipping = False
        if data:
            found.append(_event(data))


def _event(data: bytes) -> Event | Unreadable:
    sample = clipped(data[: SAMPLE_CHARS * 4].decode("utf-8", "replace"), SAMPLE_CHARS)
    try:
        value = decode_json(data)
    except ValueError as error:
        return Unreadable(f"no JSON ({error})", sample)
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        return Unreadable("no event", sample)
    properties = value.get("properties")
    return Event(value["type"], properties if isinstance(properties, dict) else {}, len(data))


class Banner:
    """Finds the server's own address in its stdout; whatever port was asked for, this one counts.

    Only an address of this machine is taken: the password goes nowhere else.
    """

    def __init__(self) -> None:
        self._lines = LineSplitter(BANNER_BYTES)

    def receive(self, data: bytes) -> str | None:
        """Return the server's base URL once it is said."""
        for line in self._lines.feed(data):
            found = None if isinstance(line, Oversized) else _BANNER.search(line)
            if found is not None and 0 < int(found[3]) < 65_536:
                return found[1].decode()
        return None


def basic_auth(password: str, user: str = USER) -> str:
    """Return the value of the Authorization header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
