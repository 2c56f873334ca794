"""Golden messages: the bytes on the wire are what they were, and our Structs read them."""

import hashlib
import hmac
from typing import Any

import msgspec
import pytest

from sidecar.contract.base import Wire
from sidecar.contract.bridge import FROM_CLIENT, FROM_SERVER, Hello, HelloResult, MessageKind
from sidecar.contract.errors import ERRORS, ErrorBody, error_from_body
from sidecar.contract.events import decode_event, encode_event, event_type_of
from sidecar.contract.generate import documents, golden
from sidecar.contract.methods import METHODS

GOLDENS = {entry.name: entry for entry in golden.load(documents.ROOT / documents.GOLDEN)}
TOKEN = b"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
"""The token that the title of the first golden message names: the key is its text."""


def convert(value: Any, struct: type[Wire]) -> Any:
    return msgspec.convert(value, struct)


def reencoded(value: Any, struct: type[Wire]) -> Any:
    """What a peer reads of `value` once our Struct has read and written it."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(convert(value, struct)))


def test_there_are_golden_messages() -> None:
    assert len(GOLDENS) >= 18


@pytest.mark.must("P2.6", "P2.7")
@pytest.mark.parametrize("name", GOLDENS)
def test_the_bytes_are_those_of_the_value(name: str) -> None:
    entry = GOLDENS[name]
    assert msgspec.msgpack.encode(golden.to_python(entry.value)) == entry.wire


@pytest.mark.parametrize("name", GOLDENS)
def test_our_structs_read_and_write_the_same_bytes(name: str) -> None:
    kind, *rest = golden.to_python(GOLDENS[name].value)
    match MessageKind(kind):
        case MessageKind.REQUEST:
            _, method, params = rest
            struct = Hello if method == "hello" else METHODS[method].params
            assert reencoded(params, struct) == params
        case MessageKind.NOTIFICATION:
            topic, params = rest
            table = FROM_SERVER if GOLDENS[name].sender == "server" else FROM_CLIENT
            assert reencoded(params, table[topic]) == params
        case MessageKind.RESPONSE:
            _, error, result = rest
            assert (error is None) != (result is None)
            if error is not None:
                body = convert(error, ErrorBody)
                assert error_from_body(body).body() == body
                assert ERRORS[body.key].retryable == body.retryable


def test_golden_events_are_events() -> None:
    bodies = [item["$msgpack"] for _, item in GOLDENS["04-events-two"].value[2]["list"]] + [
        GOLDENS["07-events-ephemeral"].value[2]["event"]["$msgpack"]
    ]
    for plain in bodies:
        body = msgspec.msgpack.encode(plain)
        assert encode_event(decode_event(event_type_of(body), body)) == body


@pytest.mark.must("P3.3", "P3.6")
def test_the_golden_handshake_is_authentic() -> None:
    hello = convert(golden.to_python(GOLDENS["01-hello-request"].value)[3], Hello)
    result = convert(golden.to_python(GOLDENS["02-hello-response"].value)[3], HelloResult)
    auth = hmac.new(TOKEN, b"client" + hello.nonce, hashlib.sha256).digest()
    proof = hmac.new(
        TOKEN, b"server" + hello.nonce + result.server.instance.encode(), hashlib.sha256
    ).digest()
    assert (hello.auth, result.proof) == (auth, proof)


def test_examples_are_written_for_people() -> None:
    value = {"list": [[1, {"$bin": "00ff"}], {"$msgpack": {"a": None}}]}
    assert golden.notation(value) == '{"list": [[1, h\'00ff\'], msgpack({"a": null})]}'
