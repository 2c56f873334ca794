"""The codec: what is a message, and what every other sequence of bytes is refused with."""

import time
from typing import Any

import msgpack  # type: ignore[import-untyped]  # the library ships no types
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.bridge.bounds import VALUES
from sidecar.bridge.codec import (
    MisshapenRequest,
    Notification,
    Request,
    decode,
    encode_error,
    encode_notification,
    encode_response,
    parse_params,
)
from sidecar.bridge.refusals import Refusal, Refused
from sidecar.contract.base import MAX_INT
from sidecar.contract.errors import InvalidParams, MethodNotFound
from sidecar.contract.methods import (
    Attachment,
    RestartSpec,
    SendTurnParams,
    SessionLimits,
    SessionStartParams,
    ThreadParams,
)
from tests.support import wire


def refusal_of(data: bytes) -> Refusal:
    with pytest.raises(Refused) as caught:
        decode(data)
    return caught.value.refusal


def test_request_and_notification_are_decoded() -> None:
    assert decode(wire.encode([0, 7, "m", {"a": [1, {"b": b"x"}]}])) == Request(
        7, "m", {"a": [1, {"b": b"x"}]}
    )
    assert decode(wire.encode([2, "ack", {"seq": 3}])) == Notification("ack", {"seq": 3})


def test_what_is_encoded_another_library_reads() -> None:
    assert wire.decode(encode_response(4, {"x": b"y"})) == [1, 4, None, {"x": b"y"}]
    error = wire.decode(encode_error(4, MethodNotFound("Cannot call x", why="z").body()))
    assert error[:2] == [1, 4]
    assert error[3] is None
    assert error[2]["code"] == -32601
    assert error[2]["data"] == {"why": "z"}
    assert wire.decode(encode_notification("advance", {"seq": 1})) == [2, "advance", {"seq": 1}]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x94\x00\x01\xa1x",
        b"\x94\x00\x01\xa1x\x81\xa1",
        b"\x94\x00\x01\xa1x\x80\x00",
        b"\x94\x00\x01\xa2\xff\xfe\x80",
        b"\x94\x00\x01\xa1x\x81\xa1a\xa2\xff\xfe",
        b"\x94\x00\x01\xa1x\x81\xa2\xff\xfe\xa1a",
        b"hello, this is no MessagePack",
    ],
    ids=[
        "empty",
        "never-used",
        "cut",
        "cut-in-map",
        "trailing",
        "method-no-utf8",
        "value-no-utf8",
        "key-no-utf8",
        "text",
    ],
)
@pytest.mark.must("P2.5")
def test_bytes_that_are_no_messagepack_value(data: bytes) -> None:
    assert refusal_of(data) in (Refusal.NOT_MSGPACK, Refusal.SHAPE)
    if data != b"hello, this is no MessagePack":  # begins with a valid integer
        assert refusal_of(data) is Refusal.NOT_MSGPACK


@pytest.mark.parametrize(
    "value",
    [
        {},
        "x",
        7,
        None,
        [],
        [0],
        [9, 1, "m", {}],
        [1, 1, None, {}],
        ["0", 1, "m", {}],
        [0, "1", "m", {}],
        [0, -1, "m", {}],
        [0, 1.5, "m", {}],
        [0, MAX_INT + 1, "m", {}],
        [2],
        [2, 7, {}],
        [2, "m"],
        [2, "m", []],
        [2, "m", None],
        [2, "m", {}, 1],
    ],
    ids=repr,
)
@pytest.mark.must("P2.6")
def test_what_is_no_message_is_a_wrong_shape(value: Any) -> None:
    assert refusal_of(wire.encode(value)).code == 4400


@pytest.mark.parametrize(
    "value",
    [
        [0, 5, "m"],
        [0, 5],
        [0, 5, 7, {}],
        [0, 5, "m", []],
        [0, 5, "m", None],
        [0, 5, "m", {}, 1],
        [0, 5, "m", {1: 2}],
        [0, 5, "m", {"a": {1: 2}}],
        [0, 5, "m", {"a": MAX_INT + 1}],
        [0, 5, "m", {"a": -MAX_INT - 1}],
        [0, 5, "m", {"a": msgpack.ExtType(5, b"x")}],
        [0, 5, "m", {"a": [msgpack.Timestamp(1, 0)]}],
    ],
    ids=repr,
)
@pytest.mark.must("P2.6")
@pytest.mark.must("P2.7")
def test_misshapen_request_with_a_readable_id_keeps_it(value: Any) -> None:
    message = decode(wire.encode(value))
    assert isinstance(message, MisshapenRequest)
    assert message.id == 5
    assert message.detail


@pytest.mark.parametrize(
    "params",
    [{1: 2}, {"a": MAX_INT + 1}, {"a": msgpack.ExtType(5, b"x")}, {"a": [msgpack.Timestamp(1, 0)]}],
    ids=repr,
)
@pytest.mark.must("P2.7")
def test_notification_with_a_value_that_the_protocol_does_not_have(params: Any) -> None:
    assert refusal_of(wire.encode([2, "m", params])) is Refusal.VALUE


@pytest.mark.parametrize("value", [MAX_INT, -MAX_INT, 1.5, -0.0, "", b"", True, None])
def test_values_at_the_edge_pass(value: Any) -> None:
    assert decode(wire.encode([0, MAX_INT, "m", {"a": value}])) == Request(
        MAX_INT, "m", {"a": value}
    )


@pytest.mark.parametrize("opener", [b"\x91", b"\x81\xa1a", b"\xdc\x00\x01"])
def test_deep_nesting_is_refused_without_a_crash(opener: bytes) -> None:
    for depth in (100, 2_000, 200_000):
        params = b"\x81\xa1a" + opener * depth + b"\xc0"
        with pytest.raises(Refused):
            decode(b"\x93\x02\xa1m" + params)
        try:
            message = decode(b"\x94\x00\x05\xa1m" + params)
        except Refused as refused:
            assert refused.refusal is Refusal.SHAPE
        else:
            assert isinstance(message, MisshapenRequest)


def test_lying_lengths_are_refused_before_memory_is_taken() -> None:
    nested = b"\xdd\x00\x0f\xff\xff" * 150 + b"\xc0" * (1024 * 1024 - 1_000)
    began = time.process_time()
    assert refusal_of(b"\x94\x00\x01\xa1x\x81\xa1a" + nested) is Refusal.NOT_MSGPACK
    assert refusal_of(b"\xdd\xff\xff\xff\xff") in (Refusal.NOT_MSGPACK, Refusal.SHAPE)
    assert time.process_time() - began < 5, "it took the lengths at their word"


def test_a_flood_of_small_values_is_refused() -> None:
    message = decode(wire.encode([0, 5, "m", {"a": [0] * (VALUES + 1)}]))
    assert isinstance(message, MisshapenRequest)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_refused(data: bytes) -> None:
    try:
        decode(data)
    except Refused as refused:
        assert refused.refusal.code in (1007, 4400)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INT, MAX_INT) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), _VALUES, max_size=5))
def test_any_allowed_params_come_through_unchanged(params: dict[str, Any]) -> None:
    assert decode(wire.encode([0, 1, "m", params])) == Request(1, "m", params)


@pytest.mark.must("P5.1")
def test_params_that_do_not_fit_name_the_field() -> None:
    start = {
        "idempotencyKey": "k",
        "threadId": "t",
        "provider": "p",
        "runtimeMode": "auto",
    }
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "idempotencyKey"),
        ({key: value for key, value in start.items() if key != "threadId"}, "threadId"),
        (start | {"threadId": 7}, "threadId"),
        (start | {"threadId": "  "}, "threadId"),
        (start | {"runtimeMode": "loud"}, "runtimeMode"),
        (start | {"modelSelection": {}}, "modelSelection.model"),
        (start | {"restart": {"maxRestarts": -1}}, "restart.maxRestarts"),
    ]
    for params, path in cases:
        with pytest.raises(InvalidParams) as caught:
            parse_params("session.start", params, SessionStartParams)
        assert caught.value.data["path"] == path
        assert "session.start" in caught.value.message
    assert parse_params("session.start", start, SessionStartParams).thread_id == "t"


@pytest.mark.must("P2.9")
def test_unknown_keys_are_ignored() -> None:
    assert parse_params("m", {"threadId": "t", "later": [1]}, ThreadParams) == ThreadParams("t")


@pytest.mark.must("P2.7")
def test_nil_is_absent() -> None:
    params = {"idempotencyKey": "k", "threadId": "t", "input": None, "attachments": None}
    assert parse_params("m", params, SendTurnParams) == SendTurnParams("k", "t")


@pytest.mark.must("P2.7")
def test_nil_is_absent_in_what_params_hold_too() -> None:
    nil_limits = dict.fromkeys(("startMs", "stallMs", "idleMs"))
    restart = {"policy": None, "strategy": None, "maxRestarts": None, "significant": None}
    start = {"idempotencyKey": "k", "threadId": "t", "provider": "p", "runtimeMode": "auto"}
    given = {**start, "restart": restart, "limits": nil_limits, "options": {"a": None}}
    read = parse_params("session.start", given, SessionStartParams)
    assert (read.restart, read.limits) == (RestartSpec(), SessionLimits())
    assert read.options == {"a": None}, "what the contract does not know is handed on as it is"
    nil_name = {"type": "image", "mimeType": "image/png", "name": None, "path": "/a.png"}
    turn = {"idempotencyKey": "k", "threadId": "t", "attachments": [nil_name]}
    taken = parse_params("session.sendTurn", turn, SendTurnParams)
    assert taken.attachments == [Attachment("image", "image/png", path="/a.png")]


def test_text_is_not_taken_for_data() -> None:
    attachment = {"type": "image", "mimeType": "image/png", "data": "aGVsbG8="}
    params = {"idempotencyKey": "k", "threadId": "t", "attachments": [attachment]}
    with pytest.raises(InvalidParams) as caught:
        parse_params("session.sendTurn", params, SendTurnParams)
    assert "attachments" in caught.value.data["path"]


def test_data_comes_through_as_bytes() -> None:
    attachment = {"type": "image", "mimeType": "image/png", "data": b"\x00\xff"}
    params = {"idempotencyKey": "k", "threadId": "t", "attachments": [attachment]}
    turn = parse_params("session.sendTurn", params, SendTurnParams)
    assert turn.attachments is not None
    assert turn.attachments[0].data == b"\x00\xff"


def test_close_reason_fits_its_frame_in_whole_characters() -> None:
    reason = Refused(Refusal.SHAPE, "ä" * 200).reason
    assert len(reason) <= 123
    assert reason.decode().startswith(Refusal.SHAPE.text)


def test_encoder_takes_wire_structs() -> None:
    assert msgspec.msgpack.decode(encode_response(1, ThreadParams("t"))) == [
        1,
        1,
        None,
        {"threadId": "t"},
    ]
