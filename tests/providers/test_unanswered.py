"""What a provider has been asked and has not answered: it is what a start that hangs waits for."""

import json
from typing import Any, cast

from sidecar.contract.base import Json
from sidecar.providers.acp.link import AcpLink
from sidecar.providers.claude.link import ClaudeLink
from sidecar.providers.codex.link import CodexLink


class Process:
    """A process that takes lines and says nothing."""

    def __init__(self) -> None:
        self.written: list[dict[str, Any]] = []

    def write(self, data: bytes) -> None:
        self.written += [json.loads(line) for line in data.splitlines()]


def test_requests_of_json_rpc_are_named_until_they_are_answered() -> None:
    for make in (AcpLink, CodexLink):
        process = Process()
        link = make(cast(Any, process))
        assert link.unanswered == []
        link.send("initialize", cast(Json, {}))
        link.send("session/new", cast(Json, {}))
        assert link.unanswered == ["initialize", "session/new"]
        answer = {"jsonrpc": "2.0", "id": process.written[0]["id"], "result": {}}
        link.receive(json.dumps(answer).encode() + b"\n")
        assert link.unanswered == ["session/new"]


def test_control_requests_of_claude_too() -> None:
    process = Process()
    link = ClaudeLink(cast(Any, process))
    link.notify("initialize")
    assert link.unanswered == ["initialize"]
    response = {"subtype": "success", "request_id": process.written[0]["request_id"]}
    link.receive(json.dumps({"type": "control_response", "response": response}).encode() + b"\n")
    assert link.unanswered == []
