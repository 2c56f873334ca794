"""Replays a recorded exchange with Codex through wire and mapping, playing the session's part."""

import json
from typing import Any

from sidecar.core.conversation import Conversation
from sidecar.core.drafts import Draft
from sidecar.providers.codex.catalog import account_shown
from sidecar.providers.codex.mapping import CodexMapping, ending_of
from sidecar.providers.codex.mapping.notices import settings_of
from sidecar.providers.codex.wire import CodexWire, Malformed, Message, Request, Response
from sidecar.providers.shapes import a_map
from tests.support.golden import Line, Recorder


def replay(lines: list[Line]) -> list[dict[str, Any]]:
    """Return the canonical events of a recording (tests/support/golden.py)."""
    recorder = Recorder("codex")
    recorder.add(Replay(recorder.new_id).run(lines))
    return recorder.finish(lines)


class Replay:
    """One exchange; `drafts` are the events that it makes."""

    def __init__(self, new_id: Any, raw: str = "none") -> None:
        self.wire = CodexWire()
        self.conversation = Conversation()
        self.mapping = CodexMapping(self.conversation, new_id, raw)
        self.drafts: list[Draft] = []
        self.refused: list[str] = []
        self.malformed: list[Malformed] = []
        self._account: dict[str, Any] = {}
        self._settings: dict[str, Any] = {}
        self._held: list[Message] = []

    def run(self, lines: list[Line]) -> list[Draft]:
        """Play the whole recording."""
        for row in lines:
            if row["dir"] == "in":
                self._said(row["msg"])
            elif row["dir"] == "out":
                for message in self.wire.receive(json.dumps(row["msg"]).encode() + b"\n"):
                    self._heard(message)
        return self.drafts

    def _said(self, message: Any) -> None:
        """Take what the client said: a request of ours, or an answer to one of Codex's."""
        if not isinstance(message, dict) or "id" not in message:
            return
        method = message.get("method")
        if method is None:
            self._decided(message["id"], message["result"])
            return
        sent = self.wire.request(method, message.get("params"))
        assert sent is not None
        assert sent[0] == message["id"]
        assert json.loads(sent[1]) == message, "the wire writes it as the recording has it"
        if method == "turn/interrupt":
            for request_id, _ in self.mapping.open_asks():
                self.drafts += self.mapping.cancelled(request_id)

    def _decided(self, rpc_id: Any, result: dict[str, Any]) -> None:
        for request_id, found in self.mapping.open_asks():
            if found.rpc_id == rpc_id:
                decision = result["decision"]
                assert found.decide(decision) == result
                self.drafts += self.mapping.answered(request_id, decision)

    def _heard(self, message: Message) -> None:
        if isinstance(message, Response):
            self._answered(message)
        elif isinstance(message, Malformed):
            self.malformed.append(message)
        elif not self.mapping.thread_id:
            self._held.append(message)
        elif isinstance(message, Request):
            self.drafts += self.mapping.ask(message.id, message.method, message.params)[1]
        else:
            self._told(message.method, message.params)

    def _told(self, method: str, params: dict[str, Any]) -> None:
        main = params.get("threadId") == self.mapping.thread_id
        if main and method == "turn/started":
            self._begin(params.get("turn"))
        elif main and method == "turn/completed":
            turn = a_map(params.get("turn"))
            if turn.get("id") == self.conversation.turn_id:
                self.drafts += self.mapping.end_turn(ending_of(turn))
        else:
            self.drafts += self.mapping.notification(method, params)

    def _begin(self, turn: Any) -> None:
        model, effort = self._settings.get("model"), self._settings.get("effort")
        self.drafts += self.mapping.begin_turn(turn, model, effort)

    def _answered(self, response: Response) -> None:
        result = a_map(response.result)
        if response.error is not None:
            self.refused.append(response.method)
        elif response.method == "account/read":
            self._account = account_shown(result.get("account"))
        elif response.method == "turn/start":
            self._begin(result.get("turn"))
        elif response.method in ("thread/start", "thread/resume") and not self.mapping.thread_id:
            thread_id = str(a_map(result.get("thread"))["id"])
            self._settings = settings_of({k: v for k, v in result.items() if k != "thread"})
            resumed = response.method == "thread/resume"
            self.drafts += self.mapping.started(
                thread_id, self._settings, self._account, resumed=resumed
            )
            held, self._held = self._held, []
            for message in held:
                self._heard(message)
