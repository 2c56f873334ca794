"""Each line is about one event, and none has anything in it that was said."""

import json
from typing import Any

import msgspec
import pytest

from sidecar.contract.events import EVENTS, Event
from sidecar.contract.events.session import SessionConfigured, SessionExited, SessionStateChanged
from sidecar.contract.events.side import RuntimeFailed, RuntimeWarned
from sidecar.contract.events.turn import TurnCompleted
from sidecar.contract.frames import LogFrame
from sidecar.observe.log import Log
from sidecar.supervisor.chronicle import Chronicle
from sidecar.supervisor.hostlogs import LINES_BURST, HostLogs


class Told:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.log = Log((self.lines.append,), "debug", role="supervisor", pid=1)

    def note(self, kind: str, payload: Any, **more: Any) -> dict[str, Any] | None:
        event: Event[Any] = Event(
            event_id="e",
            provider="p",
            thread_id="t1",
            created_at="x",
            type=kind,
            payload=payload,
            generation=3,
            **more,
        )
        Chronicle(self.log).note(event)
        return json.loads(self.lines[-1]) if self.lines else None


def test_an_end_is_told_with_its_reason_and_last_words() -> None:
    payload = SessionExited(reason="it fell", exit_kind="error", stderr_tail="last")
    record = Told().note("session.exited", payload)
    assert record is not None
    expected = {"cid": "t1/3", "exitKind": "error", "reason": "it fell", "stderrTail": "last"}
    assert {name: record[name] for name in expected} == expected


def test_a_verdict_is_told_with_its_figures_and_a_providers_detail_is_not() -> None:
    verdict = {"kind": "memory", "rssBytes": 7, "cause": {"kind": "x", "a": 1}, "list": ["b"]}
    payload = SessionStateChanged(state="error", reason="too large", detail=verdict)
    record = Told().note("session.state.changed", payload)
    assert record is not None
    assert record["detail"] == {"kind": "memory", "rssBytes": 7, "cause": {"kind": "x", "a": 1}}

    record = Told().note("runtime.warning", RuntimeWarned(message="said", detail={"text": "said"}))
    assert record is not None
    assert "said" not in json.dumps(record)


def test_a_generation_is_told_once_by_how_it_begins() -> None:
    told = Told()
    session = {"runtimeMode": "auto", "resume": True, "parent": "p", "cwd": "/secret/project"}
    record = told.note("session.configured", SessionConfigured(config={"session": session}))
    assert record is not None
    assert (record["resume"], record["parent"]) == (True, "p")
    assert "cwd" not in record
    assert len(told.lines) == 1
    told.note("session.configured", SessionConfigured(config={"resumeCursor": {"a": 1}}))
    assert len(told.lines) == 1


@pytest.mark.parametrize(
    ("kind", "payload", "level"),
    [
        ("session.exited", SessionExited(reason="it fell", exit_kind="error"), "error"),
        ("session.exited", SessionExited(reason="stopped", exit_kind="graceful"), "info"),
        ("session.state.changed", SessionStateChanged(state="error"), "warning"),
        ("session.state.changed", SessionStateChanged(state="ready"), "info"),
        ("turn.completed", TurnCompleted(state="failed"), "warning"),
        ("turn.completed", TurnCompleted(state="interrupted"), "info"),
        ("runtime.warning", RuntimeWarned(message="hm"), "warning"),
        ("runtime.error", RuntimeFailed(message="oh"), "error"),
    ],
)
def test_who_reads_warnings_alone_sees_each_failure(kind: str, payload: Any, level: str) -> None:
    record = Told().note(kind, payload)
    assert record is not None
    assert record["level"] == level


EXAMPLES: dict[str, dict[str, Any]] = {
    "turn.started": {},
    "turn.completed": {"state": "failed", "errorMessage": "planted"},
    "turn.aborted": {"reason": "planted"},
    "request.opened": {"requestType": "command_execution_approval", "detail": "planted"},
    "request.resolved": {"requestType": "command_execution_approval", "decision": "accept"},
    "user-input.requested": {"questions": []},
    "user-input.resolved": {"answers": {"q": "planted"}},
    "runtime.error": {"message": "planted", "class": "provider_error"},
}


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_turn_and_a_request_are_told_without_what_was_said(kind: str) -> None:
    payload = msgspec.convert(EXAMPLES[kind], EVENTS[kind].payload)
    record = Told().note(kind, payload, turn_id="turn-9", request_id="req-2")
    assert record is not None
    assert (record["event"], record["cid"]) == (kind, "t1/3/turn-9/req-2")
    assert "planted" not in json.dumps(record)


def test_text_has_no_line() -> None:
    payload = msgspec.convert(
        {"streamKind": "assistant_text", "delta": "said"}, EVENTS["content.delta"].payload
    )
    assert Told().note("content.delta", payload) is None


def frame(event: str, /, **fields: Any) -> LogFrame:
    return LogFrame(0, "info", event, fields)


def test_a_hosts_record_says_who_speaks_and_in_which_turn() -> None:
    told, logs = Told(), HostLogs(lambda: 0.0)
    log = told.log.bind(thread="t1", generation=3)
    logs.write(log, frame("provider.stderr", line="oops", pid=9, level="x"), "turn-9", 7)
    logs.write(log, frame("provider.exited", code=1, event="forged"), "turn-9", 7)
    logs.write(log, LogFrame(0, "shout", "odd", {}), None, 7)

    stderr, exited, odd = (json.loads(line) for line in told.lines)
    assert (stderr["role"], stderr["pid"], stderr["cid"]) == ("provider", 9, "t1/3/turn-9")
    assert (stderr["line"], stderr["level"]) == ("oops", "info")
    assert (exited["role"], exited["pid"], exited["event"]) == ("host", 7, "provider.exited")
    assert exited["said"] == {"code": 1, "event": "forged"}
    assert (odd["level"], odd["cid"]) == ("info", "t1/3")


def test_all_providers_together_have_one_budget() -> None:
    told, now = Told(), [0.0]
    logs = HostLogs(lambda: now[0])
    for _ in range(2 * LINES_BURST):
        logs.write(told.log, frame("provider.stderr", line="x"), None, 7)
    assert len(told.lines) == LINES_BURST

    now[0] = 1.0
    logs.write(told.log, frame("provider.stderr", line="x"), None, 7)
    assert json.loads(told.lines[-2])["lines"] == LINES_BURST
