"""What ends a cut generation: balanced whatever was open, the exit last, nothing twice."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.contract.events import Event, decode_event, encode_event
from sidecar.contract.events.task import TaskCompleted
from sidecar.contract.limits import STDERR_TAIL_CHARS
from sidecar.core.closing import ExitFacts, clean, closing_drafts
from sidecar.core.fold import Fold
from sidecar.core.stamping import Origin, Stamper
from tests.core.test_fold import any_event
from tests.support.folding import as_event, event, fold_of

CRASH = ExitFacts(kind="error", reason="signal 9", recoverable=True, stderr_tail="oops\n")
STOP = ExitFacts(kind="graceful", reason="stopped", recoverable=True)


def close(fold: Fold, facts: ExitFacts = CRASH, thread: str = "t1") -> list[Event[Any]]:
    """Append a session's closing events to its fold, through the wire, and return them."""
    session = fold.session(thread)
    assert session is not None
    origin = Origin(session.provider, thread, session.generation)
    stamper = Stamper(origin, "close", lambda: "2026-01-02T00:00:00.000Z")
    events = [stamper.stamp(draft) for draft in closing_drafts(session, facts)]
    decoded = [decode_event(event.type, encode_event(event)) for event in events]
    for event_ in decoded:
        fold.apply(event_)
    return decoded


class Teller:
    """Says a well-formed session: what is ended was begun, ids are never used again."""

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = [event("session.started", {}, 0)]
        self.turn: str | None = None
        self.items: list[tuple[str, str | None]] = []
        self.requests: list[tuple[str, str]] = []
        self.tasks: list[str] = []

    def say(self, type_: str, payload: dict[str, Any], **ids: str | None) -> None:
        given_ids = {key: value for key, value in ids.items() if value is not None}
        self.said.append(event(type_, payload, len(self.said), **given_ids))

    def step(self, verb: str, n: int) -> None:
        new = f"id{len(self.said)}"
        turn = self.turn
        if verb == "turn":
            if turn is None:
                self.turn = new
                self.say("turn.started", {}, turnId=new)
            else:
                self.turn = None
                self.say("turn.completed", {"state": "completed"}, turnId=turn)
        elif verb == "item":
            self.items.append((new, turn))
            self.say("item.started", {"itemType": "plan"}, itemId=new, turnId=turn)
        elif verb == "done" and self.items:
            item, of_turn = self.items.pop(n % len(self.items))
            self.say("item.completed", {"itemType": "plan"}, itemId=item, turnId=of_turn)
        elif verb == "ask":
            self.requests.append((new, "request.resolved"))
            self.say("request.opened", {"requestType": "unknown"}, requestId=new, turnId=turn)
        elif verb == "question":
            self.requests.append((new, "user-input.resolved"))
            self.say("user-input.requested", {"questions": []}, requestId=new)
        elif verb == "answer" and self.requests:
            request, type_ = self.requests.pop(n % len(self.requests))
            payload: dict[str, Any] = {"answers": {}} if "input" in type_ else REQUEST
            self.say(type_, payload, requestId=request)
        elif verb == "task":
            self.tasks.append(new)
            self.say("task.started", {"taskId": new, "agentId": "a"})
        elif verb == "ended" and self.tasks:
            task = self.tasks.pop(n % len(self.tasks))
            self.say("task.completed", {"taskId": task, "status": "completed"})
        elif verb == "delta":
            said = {"streamKind": "assistant_text", "delta": "x"}
            self.say("content.delta", said, itemId=new, turnId=turn)


REQUEST: dict[str, Any] = {"requestType": "unknown"}
VERBS = ("turn", "item", "done", "ask", "question", "answer", "task", "ended", "delta")


def balance(events: list[Event[Any]]) -> None:
    """Check that each thing that began has exactly one end, of its own kind and turn."""
    begun: dict[tuple[str, str], str | None] = {}
    ended: list[tuple[str, str]] = []
    for e in events:
        id_ = {
            "turn": e.turn_id,
            "item": e.item_id,
            "request": e.request_id,
            "user-input": e.request_id,
            "task": getattr(e.payload, "task_id", None),
        }.get(e.type.split(".", maxsplit=1)[0])
        kind, verb = e.type.split(".", maxsplit=1)
        if id_ is None:
            continue
        if verb in ("started", "opened", "requested"):
            begun[kind, id_] = e.turn_id
        elif verb in ("completed", "resolved"):
            ended.append((kind, id_))
            if kind == "item":
                assert e.turn_id == begun[kind, id_]
    assert sorted(ended) == sorted(begun)


@given(
    st.lists(st.tuples(st.sampled_from(VERBS), st.integers(0, 5)), max_size=40),
    st.sampled_from([CRASH, STOP]),
)
def test_a_session_cut_anywhere_is_brought_to_a_balanced_end(
    steps: list[tuple[str, int]], facts: ExitFacts
) -> None:
    teller = Teller()
    for verb, n in steps:
        teller.step(verb, n)
    said = [as_event(map_) for map_ in teller.said]
    fold = fold_of(teller.said)
    closing = close(fold, facts)
    balance([*said, *closing])
    assert closing[-1].type == "session.exited"
    assert [e.type for e in closing].count("session.exited") == 1
    session = fold.session("t1")
    assert session is not None
    assert session.exited
    assert session.turn is None
    assert fold.snapshot().sessions["t1"].status == ("error" if facts is CRASH else "closed")
    assert close(fold, facts) == []


@given(st.lists(any_event(), min_size=1, max_size=40))
def test_closing_ends_whatever_a_provider_may_have_said(maps: list[dict[str, Any]]) -> None:
    fold = fold_of(maps)
    for thread in fold.thread_ids():
        closing = close(fold, CRASH, thread)
        session = fold.session(thread)
        assert session is not None
        assert session.exited
        assert not closing or closing[-1].type == "session.exited"


def everything_open() -> Fold:
    return fold_of(
        [
            event("turn.started", {}, 1, turnId="u"),
            event("item.started", {"itemType": "web_search"}, 2, itemId="i", turnId="u"),
            event("request.opened", REQUEST, 3, requestId="r", turnId="u"),
            event("user-input.requested", {"questions": []}, 4, requestId="q"),
            event("task.started", {"taskId": "k", "agentId": "a", "title": "t"}, 5),
            event("task.updated", {"taskId": "k", "description": "d", "status": "idle"}, 6),
        ]
    )


def test_the_ends_come_in_order_and_the_exit_last() -> None:
    assert [e.type for e in close(everything_open())] == [
        "item.completed",
        "request.resolved",
        "user-input.resolved",
        "task.completed",
        "turn.completed",
        "session.state.changed",
        "session.exited",
    ]


def test_a_crash_fails_the_turn_and_says_why() -> None:
    *_, turn, state, exited = close(everything_open())
    assert (turn.payload.state, turn.payload.error_message) == ("failed", "signal 9")
    assert state.payload.state == "error"
    said = exited.payload
    assert (said.exit_kind, said.reason, said.recoverable) == ("error", "signal 9", True)
    assert said.stderr_tail == "oops"


def test_turns_that_were_promised_and_never_began_have_their_end_too() -> None:
    facts = msgspec.structs.replace(CRASH, lost_turns=("v", "w"))
    *_, running, started, ended, _, _, _state, _exited = close(everything_open(), facts)
    assert (running.type, running.turn_id) == ("turn.completed", "u")
    assert (started.type, started.turn_id) == ("turn.started", "v")
    assert (ended.turn_id, ended.payload.state) == ("v", "failed")


def test_a_stop_interrupts_the_turn() -> None:
    *_, turn, state, exited = close(everything_open(), STOP)
    assert (turn.payload.state, turn.payload.error_message) == ("interrupted", None)
    assert (state.payload.state, exited.payload.exit_kind) == ("stopped", "graceful")


def test_what_ends_carries_what_began_it() -> None:
    item, request, question, task, *_ = close(everything_open())
    assert (item.item_id, item.turn_id, item.payload.item_type) == ("i", "u", "web_search")
    assert item.payload.status == "failed"
    assert (request.request_id, request.turn_id) == ("r", "u")
    assert (request.payload.decision, request.payload.resolution) == (
        "cancel",
        {"reason": "signal 9"},
    )
    assert (question.request_id, question.payload.answers) == ("q", {})
    assert task.payload == TaskCompleted(task_id="k", status="stopped", agent_id="a", title="t")


def test_the_caller_may_say_what_the_turn_ends_with_and_why_it_is_down() -> None:
    facts = ExitFacts(
        kind="error",
        reason="again",
        recoverable=False,
        turn_state="cancelled",
        detail={"kind": "gave-up", "count": 3},
    )
    fold = everything_open()
    *_, turn, state, exited = close(fold, facts)
    assert turn.payload.state == "cancelled"
    assert state.payload.detail == {"kind": "gave-up", "count": 3}
    assert exited.payload.recoverable is False
    assert fold.snapshot().sessions["t1"].restarts.gave_up


def test_blank_words_are_left_out() -> None:
    facts = ExitFacts(kind="error", reason=" \n", recoverable=True, stderr_tail="")
    *_, turn, state, exited = close(everything_open(), facts)
    assert turn.payload.error_message is None
    assert state.payload.reason is None
    assert (exited.payload.reason, exited.payload.stderr_tail) == (None, None)


@pytest.mark.parametrize(
    ("said", "kept"),
    [(None, None), ("  ", None), (" a ", "a"), ("a\ud83d", "a?"), ("abcdef", "def")],
)
def test_clean_keeps_the_end_of_what_can_be_encoded(said: str | None, kept: str | None) -> None:
    assert clean(said, 3) == kept


def test_a_long_stderr_tail_is_cut_at_its_front() -> None:
    facts = ExitFacts(kind="error", reason="r", recoverable=True, stderr_tail="a" * 9_000 + "end")
    tail = close(everything_open(), facts)[-1].payload.stderr_tail
    assert len(tail) == STDERR_TAIL_CHARS
    assert tail.endswith("aend")
