"""Lines to messages and back, whatever Claude or a runner writes."""

import json
from typing import Any

import pytest

from sidecar.providers.claude import wire as wire_module
from sidecar.providers.claude.wire import (
    Answered,
    Asked,
    ClaudeWire,
    Said,
    Withdrawn,
)
from sidecar.providers.lines import SAMPLE_CHARS, Malformed


def line(message: Any) -> bytes:
    return json.dumps(message).encode() + b"\n"


def test_messages_come_whole_however_their_bytes_arrive() -> None:
    wire = ClaudeWire()
    data = line({"type": "assistant", "x": "é"}) + b"\n  \n" + line({"type": "result"})
    messages = [message for i in range(len(data)) for message in wire.receive(data[i : i + 1])]
    assert messages == [
        Said("assistant", {"type": "assistant", "x": "é"}),
        Said("result", {"type": "result"}),
    ]


def test_control_requests_of_claude_are_asked_and_withdrawn() -> None:
    wire = ClaudeWire()
    request = {"subtype": "can_use_tool", "tool_name": "Bash"}
    asked = {"type": "control_request", "request_id": "a", "request": request}
    withdrawn = {"type": "control_cancel_request", "request_id": "a"}
    assert wire.receive(line(asked) + line(withdrawn)) == [
        Asked("a", "can_use_tool", request),
        Withdrawn("a"),
    ]
    assert wire.receive(line({"type": "control_request"})) == [Asked(None, "None", {})]


def test_an_answer_settles_the_request_that_it_is_to() -> None:
    wire = ClaudeWire()
    sent = wire.request("set_model", model="opus")
    assert sent is not None
    id_, data = sent
    assert json.loads(data) == {
        "type": "control_request",
        "request_id": id_,
        "request": {"subtype": "set_model", "model": "opus"},
    }
    response = {"subtype": "success", "request_id": id_, "response": {"x": 1}}
    told = line({"type": "control_response", "response": response})
    assert wire.receive(told) == [Answered(id_, "set_model", {"x": 1}, None)]
    (again,) = wire.receive(told)
    assert isinstance(again, Malformed)


@pytest.mark.parametrize(("error", "words"), [("no", "no"), (7, "no reason given")])
def test_a_refusal_has_its_words(error: Any, words: str) -> None:
    wire = ClaudeWire()
    sent = wire.request("bogus")
    assert sent is not None
    response = {"subtype": "error", "request_id": sent[0], "error": error}
    (answered,) = wire.receive(line({"type": "control_response", "response": response}))
    assert isinstance(answered, Answered)
    assert answered.error == words


@pytest.mark.parametrize(
    "data",
    [
        b"not json\n",
        b"[1]\n",
        b"{}\n",
        b'{"type": 7}\n',
        b"\xff\xfe\n",
        b"[" * 100_000 + b"\n",
        b'{"type": "control_response"}\n',
        b'{"type": "control_response", "response": {"request_id": "sidecar-9"}}\n',
        b'{"type": "control_response", "response": {"request_id": []}}\n',
    ],
)
def test_garbage_is_said_and_what_follows_is_read(data: bytes) -> None:
    wire = ClaudeWire()
    bad, good = wire.receive(data + line({"type": "result"}))
    assert isinstance(bad, Malformed)
    assert len(bad.sample) <= SAMPLE_CHARS
    assert isinstance(good, Said)


def test_a_long_line_is_one_message_and_one_over_the_bound_is_skipped() -> None:
    wire = ClaudeWire()
    (said,) = wire.receive(line({"type": "user", "x": "a" * 3_000_000}))
    assert isinstance(said, Said)
    small = ClaudeWire(max_line_bytes=100)
    bad, good = small.receive(line({"type": "user", "x": "a" * 200}) + line({"type": "result"}))
    assert isinstance(bad, Malformed)
    assert isinstance(good, Said)


def test_the_last_line_counts_without_its_newline() -> None:
    wire = ClaudeWire()
    assert wire.receive(b'{"type": "result"}') == []
    assert wire.finish() == [Said("result", {"type": "result"})]
    assert wire.finish() == []


def test_unanswered_requests_are_bounded_and_can_be_given_up() -> None:
    wire = ClaudeWire()
    sent = [wire.request("mcp_status") for _ in range(wire_module.PENDING_REQUESTS)]
    assert wire.request("mcp_status") is None
    assert sent[0] is not None
    wire.forget(sent[0][0])
    assert wire.request("mcp_status") is not None


def test_everything_that_is_written_is_one_line_of_json() -> None:
    cut = {"command": "echo \ud83d\n"}
    written = [
        ClaudeWire.user([{"type": "text", "text": "a\nb"}]),
        ClaudeWire.answer("a", {"behavior": "allow", "updatedInput": cut}),
        ClaudeWire.refuse(["\udc00"], "no"),
    ]
    for data in written:
        assert data.count(b"\n") == 1
        assert data.endswith(b"\n")
        assert isinstance(json.loads(data), dict)
    answer = json.loads(written[1])["response"]
    assert answer["response"]["updatedInput"] == cut
