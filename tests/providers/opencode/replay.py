"""Replays a recorded exchange with an opencode server, playing the session's part by hand."""

import json
import re
from typing import Any

from sidecar.core.conversation import Conversation
from sidecar.providers.opencode.mapping import OpencodeMapping, Opening
from sidecar.providers.opencode.wire import Event, EventStream
from tests.support.golden import Line, Recorder

DECISIONS = {"once": "accept", "always": "acceptForSession", "reject": "decline"}


def replay(lines: list[Line]) -> list[dict[str, Any]]:
    """Return the canonical events of a recording (tests/support/golden.py)."""
    recorder = Recorder("opencode")
    Replay(recorder).run(lines)
    return recorder.finish(lines)


class Replay:
    """One exchange, of one session."""

    def __init__(self, recorder: Recorder, raw: str = "none") -> None:
        self._recorder = recorder
        self._stream = EventStream()
        self._mapping = OpencodeMapping(Conversation(), recorder.new_id, raw)
        self._session_id: str | None = None
        self._aborted = False

    def run(self, lines: list[Line]) -> None:
        """Play the whole recording."""
        for line in lines:
            if line["dir"] == "http-req":
                self._asked(line["msg"])
            elif line["dir"] == "http-res":
                self._answered(line["msg"])
            elif line["dir"] == "sse":
                self._heard(b"data: " + json.dumps(line["msg"]).encode() + b"\n\n")

    def _asked(self, request: dict[str, Any]) -> None:
        path = request["path"]
        if prompted := re.fullmatch(r"/session/(\w+)/prompt_async", path):
            if self._session_id is None:
                self._open(Opening(prompted[1], {}, resumed=True))
            self._aborted = False
            self._recorder.add(self._mapping.begin_turn(self._recorder.new_id("turn")))
        elif path.endswith("/abort"):
            self._aborted = True
        elif replied := re.fullmatch(r"/permission/(\w+)/reply", path):
            self._reply(replied[1], request["body"]["reply"])

    def _answered(self, answer: dict[str, Any]) -> None:
        if answer["path"] == "/session" and isinstance(answer["body"], dict):
            self._open(Opening(answer["body"]["id"], {}, answer["body"]["title"]))

    def _open(self, opening: Opening) -> None:
        self._session_id = opening.session_id
        self._recorder.add(self._mapping.started(opening))

    def _reply(self, permission_id: str, reply: str) -> None:
        asking = self._mapping.asking
        for request_id, permission in list(asking.permissions.items()):
            if permission.permission_id == permission_id:
                answer = permission.choose("cancel", reply)
                assert answer is not None
                assert answer.decision == DECISIONS[reply]
                self._recorder.add(asking.answer(request_id, answer))

    def _heard(self, data: bytes) -> None:
        for event in self._stream.receive(data):
            assert isinstance(event, Event)
            self._recorder.add(self._mapping.event(event))
            if self._mapping.turn.over and self._mapping.conversation.turn_id is not None:
                ending = self._mapping.turn.ending()
                if self._aborted:
                    ending = ending._replace(state="interrupted", error_message=None)
                self._recorder.add(self._mapping.end_turn(ending))
