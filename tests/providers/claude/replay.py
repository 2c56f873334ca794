"""Replays a recorded exchange through wire and mapping, playing the session's part by hand.

Both families are one: the Agent SDK in Node was recorded at its API, whose permissions are put back
into the lines in which a runner says them.
"""

import json
from itertools import count
from typing import Any

from sidecar.core.conversation import Conversation
from sidecar.core.drafts import Draft
from sidecar.providers.claude.mapping import Choice, ClaudeMapping, ending_of
from sidecar.providers.claude.wire import Answered, Asked, ClaudeWire, Said, Withdrawn
from tests.support.golden import Line, Recorder


def replay(lines: list[Line]) -> list[dict[str, Any]]:
    """Return the canonical events of a recording of the CLI."""
    recorder = Recorder("claudeAgent")
    recorder.add(Replay().run(lines))
    return recorder.finish(lines)


def replay_agentsdk(lines: list[Line]) -> list[dict[str, Any]]:
    """Return the canonical events of a recording of the Agent SDK."""
    return replay(list(as_runner_lines(lines)))


def as_runner_lines(lines: list[Line]) -> list[Line]:
    """Return a recording with permissions as a runner says and is told them."""
    asked = count(1)
    told: list[Line] = []
    for line in lines:
        message = line["msg"]
        if isinstance(message, dict) and "canUseTool" in message:
            request = {
                "subtype": "can_use_tool",
                "tool_name": message["canUseTool"],
                "input": message["input"],
                "tool_use_id": message["toolUseID"],
                "permission_suggestions": message.get("suggestions"),
            }
            id_ = f"asked-{next(asked)}"
            message = {"type": "control_request", "request_id": id_, "request": request}
            last = id_
        elif isinstance(message, dict) and "behavior" in message:
            response = {"subtype": "success", "request_id": last, "response": message}
            message = {"type": "control_response", "response": response}
        told.append({**line, "msg": message})
    return told


class Replay:
    """One exchange; `drafts` are the events that it makes."""

    def __init__(self, raw: str = "none") -> None:
        self._ids = count(1)
        self.wire = ClaudeWire()
        self.mapping = ClaudeMapping(Conversation(), self._new_id, raw)
        self.drafts: list[Draft] = []
        self.refused: list[str] = []
        self._sent: dict[str, str] = {}
        self._waiting = 0
        self._interrupting = False
        self._open = False

    def run(self, lines: list[Line]) -> list[Draft]:
        """Play the whole recording."""
        initialises = any(
            line["dir"] == "in" and "initialize" in json.dumps(line["msg"]) for line in lines
        )
        if not initialises:
            self._opened({})
        for line in lines:
            if line["dir"] == "in":
                self._told(line["msg"])
            elif line["dir"] == "out":
                self._heard(json.dumps(line["msg"]).encode() + b"\n")
        return self.drafts

    def _new_id(self, kind: str) -> str:
        return f"{kind}-{next(self._ids)}"

    def _opened(self, answer: dict[str, Any]) -> None:
        self._open = True
        self.drafts += self.mapping.started(answer, None)

    def _told(self, message: Any) -> None:
        """Play what the recorder wrote to Claude."""
        if message["type"] == "control_request":
            subtype = message["request"]["subtype"]
            sent = self.wire.request(subtype)
            assert sent is not None
            self._sent[message["request_id"]] = sent[0]
            self._interrupting |= subtype == "interrupt"
        elif message["type"] == "user":
            self._waiting += 1
            self._begin()
        elif message["type"] == "control_response":
            self._answer(message["response"])

    def _begin(self) -> None:
        if self._waiting and self.mapping.conversation.turn_id is None:
            self._waiting -= 1
            self._interrupting = False
            self.drafts += self.mapping.begin_turn(self._new_id("turn"))

    def _answer(self, response: dict[str, Any]) -> None:
        result = response["response"]
        for request_id, permission in list(self.mapping.permissions.items()):
            if permission.control_id == response["request_id"]:
                decision: Any = "accept" if result["behavior"] == "allow" else "decline"
                choice = permission.choose(decision)
                assert choice is not None
                assert choice.result.get("updatedInput") == result.get("updatedInput")
                self.drafts += self.mapping.answer(request_id, Choice(result, decision))

    def _heard(self, line: bytes) -> None:
        told = json.loads(line)
        if told.get("type") == "control_response":
            own = self._sent[told["response"]["request_id"]]
            told["response"]["request_id"] = own
        for message in self.wire.receive(json.dumps(told).encode() + b"\n"):
            if isinstance(message, Said):
                self._said(message)
            elif isinstance(message, Asked):
                self.drafts += self.mapping.ask(message.id, message.body)[1]
            elif isinstance(message, Withdrawn):
                self.drafts += self.mapping.withdraw(message.id)
            elif isinstance(message, Answered):
                if message.error is not None:
                    self.refused.append(message.subtype)
                elif message.subtype == "initialize":
                    self._opened(message.body)

    def _said(self, said: Said) -> None:
        if said.type != "result":
            self.drafts += self.mapping.said(said.type, said.body)
            return
        ending = ending_of(said.body, interrupting=self._interrupting)
        self.drafts += self.mapping.end_turn(ending, said.body)
        self._begin()
