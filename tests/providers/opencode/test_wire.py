"""Server-sent events and the banner: bytes in, events out, whatever the bytes."""

import json
from typing import Any

import pytest

from sidecar.providers.opencode.wire import Banner, Event, EventStream, Unreadable, basic_auth


def frame(kind: str, **properties: Any) -> bytes:
    return b"data: " + json.dumps({"type": kind, "properties": properties}).encode() + b"\n\n"


def kinds(found: list[Event | Unreadable]) -> list[str]:
    return [item.type if isinstance(item, Event) else item.reason for item in found]


def test_an_event_is_read_however_it_arrives() -> None:
    stream, data = EventStream(), frame("a", x="é") + frame("b")
    found = [event for byte in data for event in stream.receive(bytes([byte]))]
    assert kinds(found) == ["a", "b"]
    assert isinstance(found[0], Event)
    assert found[0].properties == {"x": "é"}
    assert found[0].size_bytes > 0


def test_carriage_returns_comments_and_other_fields_are_no_matter() -> None:
    data = b': hi\r\nevent: x\r\nid: 7\r\ndata:{"type":\r\ndata: "a"}\r\n\r\n\r\n'
    assert kinds(EventStream().receive(data)) == ["a"]


@pytest.mark.parametrize(
    "data", [b"{nonsense", b"[]", b"7", b'{"type": 7}', b'{"kind": "x"}', b"\xff\xfe"]
)
def test_what_is_no_event_is_said_and_survived(data: bytes) -> None:
    found = EventStream().receive(b"data: " + data + b"\n\n" + frame("next"))
    assert isinstance(found[0], Unreadable)
    assert kinds(found)[1:] == ["next"]


def test_properties_of_a_strange_type_are_none() -> None:
    (event,) = EventStream().receive(b'data: {"type": "a", "properties": [1]}\n\n')
    assert event == Event("a", {}, 32)


@pytest.mark.parametrize(
    "data",
    [b"data: " + b"x" * 200 + b"\n\n", b"data: " + b"y" * 60 + b"\ndata: " + b"y" * 60 + b"\n\n"],
)
def test_what_is_too_long_is_skipped_and_said_once(data: bytes) -> None:
    stream = EventStream(max_bytes=100)
    found = [event for byte in data + frame("next") for event in stream.receive(bytes([byte]))]
    assert kinds(found) == ["an event of more than 100 bytes", "next"]


@pytest.mark.parametrize(
    ("said", "url"),
    [
        (b"opencode server listening on http://127.0.0.1:4096\n", "http://127.0.0.1:4096"),
        (b"warning\nserver listening on http://localhost:1\r\n", "http://localhost:1"),
        (b"listening on http://[::1]:65535\n", "http://[::1]:65535"),
        (b"listening on http://127.0.0.1:0\n", None),
        (b"listening on http://127.0.0.1:65536\n", None),
        (b"listening on http://evil.example:80\n", None),
        (b"listening on http://127.0.0.1:4096", None),
        (b"x" * 70_000 + b"\n", None),
    ],
)
def test_only_an_address_of_this_machine_is_a_banner(said: bytes, url: str | None) -> None:
    banner = Banner()
    found = [banner.receive(said[i : i + 7]) for i in range(0, len(said), 7)]
    assert next(filter(None, found), None) == url


def test_the_password_is_sent_as_basic_auth() -> None:
    assert basic_auth("pw") == "Basic b3BlbmNvZGU6cHc="
