"""Bytes to messages and back; what is no message is said, never raised."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.providers.acp.wire import (
    PENDING_REQUESTS,
    SAMPLE_CHARS,
    AcpWire,
    Malformed,
    Notification,
    Request,
    Response,
    RpcError,
)


def heard(wire: AcpWire, *messages: Any) -> list[Any]:
    return wire.receive(b"".join(json.dumps(m).encode() + b"\n" for m in messages))


def test_a_request_is_a_line_and_its_answer_carries_its_method() -> None:
    wire = AcpWire()
    sent = wire.request("session/new", {"cwd": "/"})
    assert sent is not None
    request_id, data = sent
    assert data.endswith(b"\n")
    assert data.count(b"\n") == 1
    assert json.loads(data) == {
        "jsonrpc": "2.0",
        "id": request_id,
        "method": "session/new",
        "params": {"cwd": "/"},
    }
    answer = {"jsonrpc": "2.0", "id": request_id, "result": {"sessionId": "s"}}
    assert heard(wire, answer) == [Response(request_id, "session/new", {"sessionId": "s"}, None)]
    assert isinstance(heard(wire, answer)[0], Malformed), "answered a second time"


def test_ids_are_never_used_again() -> None:
    wire = AcpWire()
    sent = [wire.request("m", {}) for _ in range(3)]
    assert len({pair[0] for pair in sent if pair}) == 3


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"code": 5, "message": "no", "data": [1]}, RpcError(5, "no", [1])),
        ({"code": "x"}, RpcError(0, "The agent gave no reason")),
        ("just text", RpcError(0, "The agent gave no reason", "just text")),
    ],
)
def test_an_error_answer_of_any_shape_is_an_error(error: Any, expected: RpcError) -> None:
    wire = AcpWire()
    wire.request("m", {})
    assert heard(wire, {"id": 1, "error": error}) == [Response(1, "m", None, expected)]


def test_a_null_error_beside_a_result_is_no_error() -> None:
    wire = AcpWire()
    wire.request("m", {})
    assert heard(wire, {"id": 1, "result": {}, "error": None}) == [Response(1, "m", {}, None)]


@pytest.mark.parametrize("id_", [7, "seven", 1.5, {"a": 1}])
def test_a_request_of_the_agent_keeps_its_id_verbatim(id_: Any) -> None:
    wire = AcpWire()
    assert heard(wire, {"id": id_, "method": "m", "params": {"a": 1}}) == [
        Request(id_, "m", {"a": 1})
    ]
    assert json.loads(wire.result(id_, {"b": 2})) == {
        "jsonrpc": "2.0",
        "id": id_,
        "result": {"b": 2},
    }
    assert json.loads(wire.error(id_, -32601, "no")) == {
        "jsonrpc": "2.0",
        "id": id_,
        "error": {"code": -32601, "message": "no"},
    }


def test_an_id_that_holds_half_an_emoji_goes_back_as_it_came() -> None:
    assert json.loads(AcpWire().result("\ud83d", {}))["id"] == "\ud83d"


@pytest.mark.parametrize("params", [None, [1], "text"])
def test_params_that_are_no_map_are_empty(params: Any) -> None:
    assert heard(AcpWire(), {"method": "m", "params": params}) == [Notification("m", {})]


def test_notifications_go_out_without_an_id() -> None:
    assert json.loads(AcpWire().notification("m", {"a": 1})) == {
        "jsonrpc": "2.0",
        "method": "m",
        "params": {"a": 1},
    }


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"Loading model...", "not JSON"),
        (b"\x00\xff\xfe", "not JSON"),
        (b"[1, 2]", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b'{"jsonrpc": "2.0"}', "neither method nor result"),
        (b'{"method": 7}', "neither method nor result"),
        (b'{"id": 1, "result": {}}', "no request of ours"),
        (b'{"id": true, "result": {}}', "no request of ours"),
        (b'{"id": null, "error": {"code": 1}}', "no request of ours"),
        (b'{"id": [1], "result": {}}', "no request of ours"),
    ],
)
def test_what_is_no_message_is_said(line: bytes, reason: str) -> None:
    (message,) = AcpWire().receive(line + b"\n")
    assert isinstance(message, Malformed)
    assert reason in message.reason


def test_true_does_not_answer_request_one() -> None:
    wire = AcpWire()
    wire.request("m", {})
    assert isinstance(heard(wire, {"id": True, "result": {}})[0], Malformed)


def test_a_sample_of_a_bad_line_is_bounded() -> None:
    (message,) = AcpWire().receive(b"x" * 100_000 + b"\n")
    assert isinstance(message, Malformed)
    assert len(message.sample) == SAMPLE_CHARS


def test_an_oversized_line_is_said_and_the_next_message_passes() -> None:
    wire = AcpWire(max_line_bytes=50)
    first, second = wire.receive(b"x" * 60 + b'\n{"method": "m"}\n')
    assert first == Malformed("a line is longer than 50 bytes")
    assert second == Notification("m", {})


def test_blank_lines_say_nothing() -> None:
    assert AcpWire().receive(b"\n  \r\n\t\n") == []


def test_carriage_returns_do_no_harm() -> None:
    assert AcpWire().receive(b'{"method": "m"}\r\n') == [Notification("m", {})]


def test_the_end_of_the_stream_gives_what_was_left() -> None:
    wire = AcpWire()
    assert wire.receive(b'{"method": "m"}') == []
    assert wire.finish() == [Notification("m", {})]
    assert wire.finish() == []


def test_too_many_unanswered_requests_are_refused() -> None:
    wire = AcpWire()
    for _ in range(PENDING_REQUESTS):
        assert wire.request("m", {}) is not None
    assert wire.request("m", {}) is None
    heard(wire, {"id": 1, "result": {}})
    assert wire.request("m", {}) is not None


def test_requests_that_are_given_up_count_no_more_and_late_answers_are_known() -> None:
    wire = AcpWire()
    for id_ in range(1, 2 * PENDING_REQUESTS + 1):
        assert wire.request("m", {}) is not None
        wire.give_up(id_)
    wire.give_up(1)
    late = wire.receive(b'{"id": %d, "result": 1}\n' % (2 * PENDING_REQUESTS))
    assert [type(message).__name__ for message in late] == ["Response"]
    (forgotten,) = wire.receive(b'{"id": 1, "result": 1}\n')
    assert "no request of ours" in str(forgotten)
    (odd,) = wire.receive(b'{"id": [1], "result": 1}\n')
    assert "no request of ours" in str(odd)


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_no_bytes_raise(parts: list[bytes]) -> None:
    wire = AcpWire(max_line_bytes=30)
    for part in parts:
        wire.receive(part)
    wire.finish()
