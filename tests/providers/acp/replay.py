"""Replays a recorded ACP exchange through wire and mapping, playing the session's part by hand."""

import json
from itertools import count
from typing import Any

from sidecar.core.conversation import Conversation
from sidecar.core.drafts import Draft
from sidecar.providers.acp.handshake import Handshake
from sidecar.providers.acp.mapping import AcpMapping, ending_of_error, ending_of_result
from sidecar.providers.acp.mapping.permissions import CANCELLED
from sidecar.providers.acp.mapping.shapes import a_map
from sidecar.providers.acp.wire import AcpWire, Notification, Request, Response
from tests.support.golden import Line, Recorder


def replay(lines: list[Line]) -> list[dict[str, Any]]:
    """Return the canonical events of a recording (tests/support/golden.py)."""
    recorder = Recorder("acp")
    recorder.add(Replay().run(lines))
    return recorder.finish(lines)


class Replay:
    """One exchange; `drafts` are the events that it makes."""

    def __init__(self, raw: str = "none") -> None:
        ids = count(1)
        self.wire = AcpWire()
        self.conversation = Conversation()
        self.mapping = AcpMapping(self.conversation, lambda kind: f"{kind}-{next(ids)}", raw)
        self.drafts: list[Draft] = []
        self.refused: list[str] = []
        self._handshake = Handshake({})
        self._prompt: int | None = None
        self._cancelling = False
        self._held: list[dict[str, Any]] = []
        self._open = False
        self._ids = ids

    def run(self, lines: list[Line]) -> list[Draft]:
        """Play the whole recording."""
        for row in lines:
            if row["dir"] == "in":
                self._said(row["msg"])
            elif row["dir"] == "out":
                self._heard(json.dumps(row["msg"]).encode() + b"\n")
        return self.drafts

    def _said(self, message: dict[str, Any]) -> None:
        method = message.get("method")
        if method == "session/cancel":
            self._cancelling = True
            for request_id in list(self.mapping.permissions):
                self.drafts += self.mapping.answer(request_id, CANCELLED)
        elif method is not None:
            sent = self.wire.request(method, message["params"])
            assert sent is not None
            assert sent[0] == message["id"]
            if method == "session/prompt":
                self._prompt, self._cancelling = sent[0], False
                self.drafts += self.mapping.begin_turn(f"turn-{next(self._ids)}")
        else:
            self._answer(message["id"], message["result"]["outcome"])

    def _answer(self, rpc_id: Any, outcome: dict[str, Any]) -> None:
        for request_id, permission in list(self.mapping.permissions.items()):
            if permission.rpc_id == rpc_id:
                choice = permission.choose("cancel", outcome.get("optionId"))
                assert choice is not None
                assert choice.outcome()["outcome"] == outcome
                self.drafts += self.mapping.answer(request_id, choice)

    def _heard(self, line: bytes) -> None:
        for message in self.wire.receive(line):
            if isinstance(message, Response):
                self._answered(message)
            elif isinstance(message, Request):
                self.drafts += self.mapping.ask(message.id, message.params)[1]
            elif isinstance(message, Notification) and self._open:
                self.drafts += self.mapping.update(message.params)
            elif isinstance(message, Notification):
                self._held.append(message.params)

    def _answered(self, response: Response) -> None:
        if response.id == self._prompt:
            self._prompt = None
            if response.error is not None:
                ending = ending_of_error(response.error, interrupting=self._cancelling)
            else:
                ending = ending_of_result(response.result, interrupting=self._cancelling)
            self.drafts += self.mapping.end_turn(ending, response.result)
        elif response.error is not None:
            self.refused.append(response.method)
        elif response.method == "initialize":
            self._handshake = Handshake(a_map(response.result))
        elif response.method in ("session/new", "session/load"):
            offers = a_map(response.result)
            config = self._handshake.config(offers)
            self.drafts += self.mapping.started(str(offers["sessionId"]), config, resumed=False)
            self._open = True
            for params in self._held:
                self.drafts += self.mapping.update(params)
