"""The conversation keeps its stream balanced and valid, whatever a mapping calls."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.contract.events.request import Question
from sidecar.contract.events.task import Linkage
from sidecar.core.conversation import (
    OPEN_ITEMS,
    OPEN_REQUESTS,
    OPEN_TASKS,
    Conversation,
    Ending,
    nonblank,
)
from sidecar.core.conversation import parts as module
from sidecar.core.drafts import Draft
from tests.providers.balance import Balance
from tests.providers.context import strict

IDS = st.sampled_from(["a", "b", "c", "", " ", "\ufeff"])
WORDS = st.sampled_from([None, "", " ", "\ufeff", "word"])
TURN_STATES = st.sampled_from(["completed", "failed", "interrupted", "cancelled"])
STATUSES = st.sampled_from(["inProgress", "completed", "failed", "declined"])
STREAMS = st.sampled_from(
    ["assistant_text", "reasoning_text", "plan_text", "command_output", "unknown"]
)
ITEMS = st.sampled_from(["assistant_message", "command_execution", "unknown"])
DECISIONS = st.sampled_from([None, "", "accept", "decline", "cancel", "anything"])

QUESTIONS = st.sampled_from(
    [[], [Question(id="q", header="Colour", question="Which one?", options=[])]]
)
LINKAGES = st.sampled_from([None, Linkage(agent_kind="agent", agent_id="a", title="helper")])

CALLS = st.one_of(
    st.tuples(st.just("begin_turn"), IDS, WORDS, WORDS),
    st.builds(lambda *a: ("end_turn", Ending(*a)), TURN_STATES, WORDS, st.none(), WORDS),
    st.tuples(st.just("start_item"), IDS, ITEMS, WORDS, WORDS, WORDS, st.booleans()),
    st.tuples(st.just("update_item"), IDS, WORDS, WORDS),
    st.tuples(st.just("complete_item"), IDS, STATUSES, WORDS, WORDS),
    st.tuples(st.just("delta"), IDS, STREAMS, st.sampled_from(["", " ", "text"])),
    st.tuples(st.just("open_request"), IDS, st.just("unknown"), IDS, WORDS, st.booleans()),
    st.tuples(st.just("resolve_request"), IDS, DECISIONS),
    st.tuples(st.just("open_user_input"), IDS, QUESTIONS, IDS, st.booleans()),
    st.tuples(st.just("resolve_user_input"), IDS, st.sampled_from([{}, {"q": "yes"}])),
    st.tuples(st.just("start_task"), IDS, WORDS, WORDS, LINKAGES),
    st.tuples(st.just("progress_task"), IDS, WORDS, WORDS, WORDS),
    st.tuples(st.just("update_task"), IDS, st.sampled_from([None, "waiting"]), WORDS, WORDS),
    st.tuples(st.just("complete_task"), IDS, st.sampled_from(["completed", "failed"]), WORDS),
    st.tuples(st.just("state"), st.sampled_from(["starting", "ready"]), WORDS),
    st.tuples(st.just("warning"), st.sampled_from(["", " ", "careful"])),
)
_NAMED = {
    "start_item": ("title", "detail", "agent_id", "background"),
    "update_item": ("title", "detail"),
    "complete_item": ("title", "detail"),
    "open_request": ("item_id", "detail", "background"),
    "open_user_input": ("item_id", "background"),
    "start_task": ("description", "task_type", "linkage"),
    "progress_task": ("summary", "last_tool_name"),
    "update_task": ("status", "description", "error"),
    "complete_task": ("summary",),
}


def _call(talk: Conversation, name: str, *args: Any) -> list[Draft]:
    method: Callable[..., list[Draft]] = getattr(talk, name)
    names = _NAMED.get(name, ())
    positional = args[: len(args) - len(names)]
    return method(*positional, **dict(zip(names, args[len(positional) :], strict=True)))


def said(draft: Draft) -> Any:
    return draft.payload


def kinds(drafts: list[Draft]) -> list[str]:
    return [draft.type for draft in drafts]


@settings(max_examples=300, deadline=None)
@given(st.lists(CALLS, max_size=40))
def test_any_sequence_of_calls_gives_a_balanced_and_valid_stream(calls: list[Any]) -> None:
    talk, balance = Conversation(), Balance()
    for name, *args in calls:
        for draft in _call(talk, name, *args):
            balance.apply(strict(draft))
        assert balance.turn == talk.turn_id
        assert set(balance.items) == set(talk.items)
        assert set(balance.requests) == set(talk.requests)
        assert set(balance.tasks) == set(talk.tasks)
    for draft in talk.begin_turn("last") + talk.end_turn(Ending("failed")):
        balance.apply(strict(draft))
    assert balance.turn is None
    assert not balance.in_turn
    assert balance.state == ("waiting" if talk.requests else "ready")


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("completed", "completed"),
        ("failed", "failed"),
        ("interrupted", "failed"),
        ("cancelled", "failed"),
    ],
)
def test_open_items_end_as_their_turn_does(state: Any, status: str) -> None:
    talk = Conversation()
    talk.begin_turn("t")
    talk.start_item("i", "reasoning")
    drafts = talk.end_turn(Ending(state))
    assert kinds(drafts) == ["item.completed", "turn.completed", "session.state.changed"]
    assert strict(drafts[0]).payload.status == status
    assert strict(drafts[1]).payload.state == state


def test_an_item_that_waits_for_an_answer_at_the_turns_end_is_declined() -> None:
    talk = Conversation()
    talk.begin_turn("t")
    talk.start_item("i", "command_execution")
    talk.open_request("r", "command_execution_approval", item_id="i")
    drafts = talk.end_turn(Ending("interrupted"))
    assert kinds(drafts)[:2] == ["request.resolved", "item.completed"]
    assert strict(drafts[0]).payload.decision == "cancel"
    assert strict(drafts[1]).payload.status == "declined"


@pytest.mark.parametrize("decision", ["decline", "cancel"])
def test_a_declined_request_declines_the_item_that_it_held_up(decision: str) -> None:
    talk = Conversation()
    talk.begin_turn("t")
    talk.start_item("i", "command_execution")
    talk.open_request("r", "command_execution_approval", item_id="i")
    drafts = talk.resolve_request("r", decision)
    assert kinds(drafts) == ["request.resolved", "item.completed", "session.state.changed"]
    assert strict(drafts[1]).payload.status == "declined"
    assert talk.complete_item("i") == []


def test_an_accepted_request_leaves_its_item_open() -> None:
    talk = Conversation()
    talk.begin_turn("t")
    talk.start_item("i", "command_execution")
    talk.open_request("r", "command_execution_approval", item_id="i")
    assert kinds(talk.resolve_request("r", "accept")) == [
        "request.resolved",
        "session.state.changed",
    ]
    assert "i" in talk.items


def test_the_state_follows_from_what_is_open_and_is_said_once() -> None:
    talk = Conversation()
    states = []
    for drafts in (
        talk.state("starting"),
        talk.state("ready"),
        talk.state("ready"),
        talk.begin_turn("t"),
        talk.open_request("r1", "unknown"),
        talk.open_request("r2", "unknown"),
        talk.resolve_request("r1", "accept"),
        talk.resolve_request("r2", "accept"),
        talk.end_turn(Ending("completed")),
    ):
        states += [strict(d).payload.state for d in drafts if d.type == "session.state.changed"]
    assert states == ["starting", "ready", "running", "waiting", "running", "ready"]


def test_an_error_state_holds_until_the_next_turn() -> None:
    talk = Conversation()
    talk.begin_turn("t")
    assert strict(talk.state("error", "broken")[0]).payload.reason == "broken"
    assert "session.state.changed" not in kinds(talk.end_turn(Ending("failed")))
    assert strict(talk.begin_turn("u")[-1]).payload.state == "running"


def test_a_turn_that_begins_inside_another_interrupts_it() -> None:
    talk = Conversation()
    talk.begin_turn("t")
    talk.start_item("i", "reasoning")
    drafts = talk.begin_turn("u")
    assert kinds(drafts)[:2] == ["item.completed", "turn.completed"]
    assert strict(drafts[1]).payload.state == "interrupted"
    assert strict(drafts[1]).payload.stop_reason == "superseded"


def test_late_words_about_closed_ids_change_nothing() -> None:
    talk = Conversation()
    talk.begin_turn("t")
    talk.start_item("i", "reasoning")
    talk.open_request("r", "unknown")
    talk.end_turn(Ending("completed"))
    assert talk.begin_turn("t") == []
    assert talk.start_item("i", "reasoning") == []
    assert talk.update_item("i") == []
    assert talk.complete_item("i") == []
    assert talk.delta("i", "assistant_text", "late") == []
    assert talk.open_request("r", "unknown") == []
    assert talk.resolve_request("r", "accept") == []
    assert talk.end_turn(Ending("completed")) == []


def test_text_for_an_unknown_item_starts_an_item_of_its_kind() -> None:
    talk = Conversation()
    drafts = talk.delta("i", "command_output", "x")
    assert kinds(drafts) == ["item.started", "content.delta"]
    assert strict(drafts[0]).payload.item_type == "command_execution"


def test_a_very_long_text_becomes_several_deltas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DELTA_CHARS", 4)
    drafts = Conversation().delta("i", "assistant_text", "0123456789")
    assert [strict(d).payload.delta for d in drafts[1:]] == ["0123", "4567", "89"]


def test_items_from_before_a_turn_end_when_it_begins() -> None:
    talk = Conversation()
    talk.delta("i", "assistant_text", "x")
    assert kinds(talk.begin_turn("t"))[:2] == ["item.completed", "turn.started"]


def test_starting_an_open_item_updates_it_and_keeps_its_title() -> None:
    talk = Conversation()
    talk.start_item("i", "reasoning", title="First")
    updated = talk.start_item("i", "reasoning", detail="more")
    assert kinds(updated) == ["item.updated"]
    assert strict(updated[0]).payload.title == "First"


def test_one_item_too_many_closes_the_oldest() -> None:
    talk = Conversation()
    for number in range(OPEN_ITEMS):
        talk.start_item(f"i{number}", "unknown")
    drafts = talk.start_item("one more", "unknown")
    assert kinds(drafts) == ["item.completed", "item.started"]
    assert drafts[0].item_id == "i0"
    assert len(talk.items) == OPEN_ITEMS


def test_one_request_too_many_is_not_opened() -> None:
    talk = Conversation()
    for number in range(OPEN_REQUESTS):
        talk.open_request(f"r{number}", "unknown")
    assert talk.open_request("one more", "unknown") == []
    assert len(talk.requests) == OPEN_REQUESTS


def test_the_memory_of_closed_ids_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED_IDS", 2)
    talk = Conversation()
    for name in ("a", "b", "c"):
        talk.start_item(name, "unknown")
        talk.complete_item(name)
    assert talk.start_item("c", "unknown") == []
    assert kinds(talk.start_item("a", "unknown")) == ["item.started"]


def test_blank_strings_are_left_out() -> None:
    talk = Conversation()
    assert talk.warning(" ") == []
    drafts = talk.begin_turn("t", model=" ", effort="")
    assert strict(drafts[0]).payload.model is None
    ended = talk.end_turn(Ending("failed", " ", error_message="\ufeff"))
    assert strict(ended[0]).payload.error_message is None


@pytest.mark.parametrize("text", ["", " \n", "\ufeff", "\u00a0", None, 7])
def test_what_a_trimming_decoder_would_drop_is_blank(text: object) -> None:
    assert nonblank(text) is None


def test_what_is_in_the_background_outlives_the_turn() -> None:
    talk = Conversation()
    talk.begin_turn("t")
    talk.start_item("child", "assistant_message", agent_id="agent-1", background=True)
    opened = talk.open_request("r", "unknown", background=True)
    assert opened[0].turn_id is None
    ended = talk.end_turn(Ending("completed"))
    assert kinds(ended) == ["turn.completed", "session.state.changed"]
    assert said(ended[-1]).state == "waiting"
    assert said(talk.begin_turn("u")[-1]).state == "waiting"
    talk.end_turn(Ending("completed"))
    assert said(talk.resolve_request("r", "accept")[1]).state == "ready"
    (done,) = talk.complete_item("child")
    assert (done.turn_id, said(done).agent_id) == (None, "agent-1")


def test_the_end_of_a_turn_answers_its_questions_with_nothing() -> None:
    talk = Conversation()
    talk.begin_turn("t")
    question = Question(id="q", header="Colour", question="Which one?", options=[])
    talk.open_user_input("r", [question])
    assert talk.resolve_request("r", "accept") == []
    ended = talk.end_turn(Ending("interrupted"))
    assert kinds(ended)[0] == "user-input.resolved"
    assert said(ended[0]).answers == {}


def test_a_question_is_answered_once_and_no_approval_by_answers() -> None:
    talk = Conversation()
    question = Question(id="q", header="Colour", question="Which one?", options=[])
    talk.open_user_input("r", [question])
    talk.open_request("a", "unknown")
    assert talk.resolve_user_input("a", {"q": "red"}) == []
    (answered,) = talk.resolve_user_input("r", {"q": "red"})
    assert said(answered).answers == {"q": "red"}
    assert talk.resolve_user_input("r", {"q": "red"}) == []
    assert talk.open_user_input("r", [question]) == []


def test_each_row_of_a_task_has_its_linkage() -> None:
    talk = Conversation()
    talk.begin_turn("t")
    linkage = Linkage(agent_id="a", title="helper")
    rows = talk.start_task("task", description="look", linkage=linkage)
    rows += talk.progress_task("task", last_tool_name="Bash")
    rows += talk.update_task("task", status="waiting")
    talk.end_turn(Ending("completed"))
    rows += talk.complete_task("task", "completed", summary="done")
    assert {(said(row).agent_id, said(row).title) for row in rows} == {("a", "helper")}
    assert said(rows[1]).description == "look"
    assert talk.complete_task("task") == talk.start_task("task") == []


def test_one_task_too_many_stops_the_oldest() -> None:
    talk = Conversation()
    for number in range(OPEN_TASKS):
        talk.start_task(f"task-{number}")
    drafts = talk.start_task("one-more")
    assert kinds(drafts) == ["task.completed", "task.started"]
    assert said(drafts[0]).status == "stopped"
    assert len(talk.tasks) == OPEN_TASKS
