"""A request is told in two lines, that belong together and hold nothing of what was asked."""

import json
from typing import Any

from sidecar.bridge.calllog import LINES_BURST, CallLog
from sidecar.contract.errors import InternalError, InvalidParams
from sidecar.contract.methods import METHODS, SendTurnParams, ThreadParams
from sidecar.observe.log import Log
from tests.bridge.fakes.backend import FakeBackend

TURN = SendTurnParams(idempotency_key="k", thread_id="t1", input="planted-prompt")


class Told:
    def __init__(self, level: str = "debug") -> None:
        self.lines: list[str] = []
        self.now_s = 0.0
        log = Log((self.lines.append,), level).bind(client="c1")
        self.calls = CallLog(FakeBackend(), log, lambda: self.now_s)

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


def test_a_call_and_its_answer_have_one_correlation_and_the_clients_number() -> None:
    told = Told()
    about = told.calls.asked(7, "session.sendTurn", TURN)
    told.calls.answered(about, None)

    asked, answered = told.records
    same = {"cid": "t1", "client": "c1", "method": "session.sendTurn", "message": 7}
    assert (asked["event"], answered["event"]) == ("call.asked", "call.answered")
    assert {name: asked[name] for name in same} == same
    assert {name: answered[name] for name in same} == same
    assert "planted-prompt" not in "".join(told.lines)


def test_a_failure_is_told_by_its_key_and_our_own_as_a_warning() -> None:
    told = Told("info")
    for error in (InvalidParams("planted"), InternalError("planted")):
        told.calls.answered(told.calls.asked(1, "session.get", ThreadParams("t1")), error.body())
    told.calls.refused(2, "no.such", InvalidParams("planted").body())

    failed, internal, refused = told.records
    assert (failed["level"], failed["error"]) == ("info", "invalid_params")
    assert (internal["level"], internal["error"]) == ("warning", "internal")
    assert (refused["event"], refused["message"]) == ("call.refused", 2)
    assert "planted" not in "".join(told.lines)


def test_what_only_reads_is_told_to_developers_alone() -> None:
    told = Told("info")
    assert not METHODS["session.get"].mutating
    told.calls.answered(told.calls.asked(1, "session.get", ThreadParams("t1")), None)
    assert told.lines == []


def test_a_client_in_a_loop_does_not_own_the_log() -> None:
    told = Told("info")
    for number in range(3 * LINES_BURST):
        told.calls.refused(number, "no.such", InvalidParams("x").body())
    assert len(told.lines) == LINES_BURST

    told.now_s += 1
    told.calls.refused(0, "no.such", InvalidParams("x").body())
    assert told.records[-2]["event"] == "call.lines-left-out"
    assert told.records[-2]["lines"] == 2 * LINES_BURST
