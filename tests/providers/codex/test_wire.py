"""Codex's wire: JSON-RPC lines without a jsonrpc member; what is shared is tested with ACP's."""

import json

from sidecar.providers.codex.wire import CodexWire, Malformed, Notification, Request, Response
from sidecar.providers.jsonrpc import NO_REASON, PENDING_REQUESTS, RpcError


def test_no_message_has_a_jsonrpc_member() -> None:
    wire = CodexWire()
    sent = wire.request("initialize", {"a": 1})
    assert sent == (1, b'{"id":1,"method":"initialize","params":{"a":1}}\n')
    assert wire.notification("initialized") == b'{"method":"initialized"}\n'
    assert json.loads(wire.result("x", {})) == {"id": "x", "result": {}}
    assert json.loads(wire.error(0, -1, "no")) == {"id": 0, "error": {"code": -1, "message": "no"}}


def test_a_request_without_params_leaves_them_out() -> None:
    assert CodexWire().request("config/mcpServer/reload", None) == (
        1,
        b'{"id":1,"method":"config/mcpServer/reload"}\n',
    )


def test_each_kind_of_message_is_told_apart() -> None:
    wire = CodexWire()
    wire.request("thread/start", {})
    lines = (
        b'{"id":1,"result":{"ok":true}}\n{"method":"warning","params":{"message":"m"}}\n'
        b'{"id":0,"method":"item/tool/call","params":[]}\n\n  \n'
    )
    assert wire.receive(lines) == [
        Response(1, "thread/start", {"ok": True}, None),
        Notification("warning", {"message": "m"}),
        Request(0, "item/tool/call", {}),
    ]


def test_garbage_is_malformed_and_the_next_line_is_read() -> None:
    wire = CodexWire(max_line_bytes=100)
    lines = b"log: hello\n[1]\n{}\n" + b"x" * 200 + b'\n{"id":7,"result":1}\n{"method":"a"}\n'
    found = wire.receive(lines)
    assert [type(message) for message in found] == [Malformed] * 5 + [Notification]
    reasons = [message.reason for message in found if isinstance(message, Malformed)]
    assert "not JSON" in reasons[0]
    assert "not a JSON object" in reasons[1]
    assert "neither method" in reasons[2]
    assert "longer than 100" in reasons[3]
    assert "no request of ours" in reasons[4]


def test_a_line_of_three_megabytes_is_one_message() -> None:
    wire = CodexWire()
    line = json.dumps({"method": "item/agentMessage/delta", "params": {"delta": "x" * 3_000_000}})
    data = line.encode() + b"\n"
    found = [
        m for start in range(0, len(data), 65_536) for m in wire.receive(data[start:][:65_536])
    ]
    assert [len(m.params["delta"]) for m in found if isinstance(m, Notification)] == [3_000_000]


def test_an_error_of_any_shape_is_an_error() -> None:
    wire = CodexWire()
    for _ in range(3):
        wire.request("x", {})
    found = wire.receive(
        b'{"id":1,"error":{"code":-32600,"message":"no"}}\n{"id":2,"error":"bad"}\n'
        b'{"id":3,"error":{"code":"x","message":7}}\n'
    )
    errors = [message.error for message in found if isinstance(message, Response)]
    assert errors == [
        RpcError(-32600, "no", None),
        RpcError(0, NO_REASON, "bad"),
        RpcError(0, NO_REASON, None),
    ]


def test_a_half_line_is_told_at_the_end() -> None:
    wire = CodexWire()
    assert wire.receive(b'{"method":"a"') == []
    assert wire.receive(b"") == []
    assert isinstance(wire.finish()[0], Malformed)


def test_requests_without_answers_are_bounded() -> None:
    wire = CodexWire()
    assert all(wire.request("x", {}) for _ in range(PENDING_REQUESTS))
    assert wire.request("x", {}) is None


def test_an_id_with_half_an_emoji_goes_back_verbatim() -> None:
    assert json.loads(CodexWire().result("\ud83d", 1)) == {"id": "\ud83d", "result": 1}
