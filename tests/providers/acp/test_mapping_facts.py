"""Plans, titles, cost: facts of session and turn; and failures in the clothes of an answer."""

from typing import Any

import pytest

from sidecar.core.conversation import Conversation, Ending
from sidecar.providers.acp.mapping import AcpMapping
from sidecar.providers.acp.mapping.facts import PLAN_STEPS
from sidecar.providers.acp.mapping.speech import LAST_WORDS_CHARS
from tests.providers.acp.talk import REJECT, Talk, inquiry, types


def test_a_plan_of_items_and_one_in_markdown_are_told_apart() -> None:
    talk = Talk()
    entries = [{"content": "a", "status": "in_progress"}, {"content": " "}, 7]
    (items,) = talk.update("plan_update", plan={"type": "items", "entries": entries})
    assert [(s.step, s.status) for s in items.payload.plan] == [("a", "inProgress")]
    (markdown,) = talk.update("plan_update", plan={"type": "markdown", "content": "# Plan\ud800"})
    assert markdown.payload.plan_markdown == "# Plan\ufffd"


@pytest.mark.parametrize("plan", [None, {}, {"type": "file"}, {"type": "markdown", "content": " "}])
def test_a_plan_that_says_nothing_is_not_told(plan: Any) -> None:
    assert Talk().update("plan_update", plan=plan) == []


def test_a_plan_is_bounded() -> None:
    entries = [{"content": "x"}] * (PLAN_STEPS + 1)
    (event,) = Talk().update("plan", entries=entries)
    assert len(event.payload.plan) == PLAN_STEPS


@pytest.mark.parametrize(
    ("info", "name", "metadata"),
    [
        ({"title": "Login", "updatedAt": "now"}, "Login", {"updatedAt": "now"}),
        ({"title": None, "updatedAt": "now"}, None, {"updatedAt": "now"}),
        ({"title": "Login"}, "Login", None),
    ],
)
def test_a_sessions_title_is_the_threads_name(info: Any, name: Any, metadata: Any) -> None:
    (event,) = Talk().update("session_info_update", **info)
    assert event.type == "thread.metadata.updated"
    assert (event.payload.name, event.payload.metadata) == (name, metadata)


def test_a_session_info_without_content_is_not_told() -> None:
    assert Talk().update("session_info_update", title=" ", updatedAt=None) == []


def test_the_cost_so_far_stands_in_the_turns_end() -> None:
    talk = Talk()
    talk.update("usage_update", used=1, cost={"amount": 0.25, "currency": "USD"})
    talk.update("usage_update", used=2)
    assert talk.end()[-2].payload.total_cost_usd == 0.25


@pytest.mark.parametrize(
    "cost",
    [
        None,
        7,
        {"amount": 1, "currency": "EUR"},
        {"amount": True, "currency": "USD"},
        {"amount": "1", "currency": "USD"},
        {"amount": -1, "currency": "USD"},
        {"amount": float("nan"), "currency": "USD"},
    ],
)
def test_a_cost_that_is_no_amount_of_dollars_is_not_told(cost: Any) -> None:
    talk = Talk()
    talk.update("usage_update", used=1, cost=cost)
    assert talk.end()[-2].payload.total_cost_usd is None


def failing(*failure_texts: str) -> Talk:
    talk = Talk(in_turn=False)
    ids = iter(range(1, 100))
    mapping = AcpMapping(Conversation(), lambda k: f"{k}-{next(ids)}", "none", failure_texts)
    talk.mapping = mapping
    talk.take(mapping.begin_turn("turn"))
    return talk


def test_an_answer_that_begins_as_a_declared_failure_fails_the_turn() -> None:
    talk = failing("API Error")
    talk.say("I will look. ")
    talk.call("c", status="completed")
    talk.say("\nAPI Er")
    talk.say("ror: 500")
    end = talk.end()[-2].payload
    assert (end.state, end.error_message) == ("failed", "API Error: 500")


def test_a_failure_in_an_earlier_message_or_turn_or_an_interrupted_one_is_none() -> None:
    talk = failing("API Error")
    talk.say("API Error: one")
    talk.call("c", status="completed")
    talk.say("it went on")
    assert talk.end()[-2].payload.state == "completed"
    talk.take(talk.mapping.begin_turn("turn-2"))
    talk.say("API Error")
    assert talk.take(talk.mapping.end_turn(Ending("interrupted")))[-2].payload.state == (
        "interrupted"
    )
    talk.take(talk.mapping.begin_turn("turn-3"))
    assert talk.end()[-2].payload.state == "completed"


def test_only_the_beginning_of_a_message_is_kept() -> None:
    talk = failing("x")
    for _ in range(3):
        talk.say("x" * LAST_WORDS_CHARS)
    assert len(talk.mapping._speech.last_message) <= 2 * LAST_WORDS_CHARS


def test_a_cost_that_the_ending_tells_itself_goes_first() -> None:
    talk = Talk()
    talk.update("usage_update", used=1, cost={"amount": 0.25, "currency": "USD"})
    ending = Ending("completed", total_cost_usd=0.5)
    assert talk.take(talk.mapping.end_turn(ending))[-2].payload.total_cost_usd == 0.5


# Calls that are told of late


def test_a_call_that_was_declined_before_it_was_told_of_is_one_item() -> None:
    talk = Talk()
    request_id, events = talk.ask(REJECT, toolCallId="c", kind="execute")
    assert types(events)[0] == "item.started"
    permission = talk.mapping.permissions[request_id]
    choice = permission.choose("decline")
    assert choice is not None
    talk.answer(request_id, choice)
    assert talk.call("c", kind="execute", status="failed") == []
    assert talk.advance("c", status="failed") == []
    talk.end()
    talk.take(talk.mapping.begin_turn("turn-2"))
    assert types(talk.call("c", kind="execute"))[0] == "item.started", "an id used again"


def test_a_call_that_is_told_twice_in_a_turn_is_two() -> None:
    talk = Talk()
    talk.call("c", status="completed")
    assert types(talk.call("c", status="completed"))[0] == "item.started"


# Questions


def test_questions_close_what_was_said_and_stand_by_their_call() -> None:
    talk = Talk("state")
    talk.call("c")
    talk.say("hm")
    request_id, drafts = talk.mapping.inquire(inquiry(call_id="c"))
    events = talk.take(drafts)
    assert types(events) == ["item.completed", "user-input.requested", "session.state.changed"]
    assert events[0].raw is not None
    assert (events[0].raw.source, events[0].raw.method) == ("acp.x.extension", "x/ask")
    assert events[1].item_id == "item-1"
    assert request_id is not None
    (resolved, _) = talk.take(talk.mapping.answer_inquiry(request_id, {"q": "yes"}))
    assert resolved.payload.answers == {"q": "yes"}
    assert talk.mapping.inquiries == {}


def test_questions_over_the_bound_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidecar.core.conversation.parts.OPEN_REQUESTS", 0)
    assert Talk().mapping.inquire(inquiry()) == (None, [])
