"""Cursor's extensions to drafts, each shape by itself, malformed ones included."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from sidecar.contract.events import Event
from sidecar.core.conversation import Conversation
from sidecar.providers.acp.extension import Told
from sidecar.providers.acp.mapping import AcpMapping
from sidecar.providers.acp.mapping.facts import PLAN_STEPS
from sidecar.providers.cursor.mapping import CursorExtension
from sidecar.providers.cursor.mapping.questions import CANCELLED, SKIPPED
from tests.providers.context import strict


class Talk:
    def __init__(self) -> None:
        ids = count(1)
        self.mapping = AcpMapping(Conversation(), lambda kind: f"{kind}-{next(ids)}")
        self.extension = CursorExtension(self.mapping)
        self.mapping.begin_turn("turn-1")

    def tell(self, method: str, rpc_id: Any = 1, **params: Any) -> Told:
        told = self.extension.heard(f"cursor/{method}", params, rpc_id)
        assert told is not None
        return told

    def events(self, method: str, **params: Any) -> list[Event[Any]]:
        return [strict(draft) for draft in self.tell(method, **params).drafts]

    def steps(self, method: str, **params: Any) -> list[tuple[str, str]]:
        plan = self.events(method, **params)[-1].payload.plan
        return [(step.step, step.status) for step in plan]


@pytest.fixture
def talk() -> Iterator[Talk]:
    yield Talk()


def question(**fields: Any) -> dict[str, Any]:
    return {"id": "q", "prompt": "Which?", "options": [{"id": "a", "label": "A"}], **fields}


def test_a_method_of_somebody_else_is_not_taken(talk: Talk) -> None:
    assert talk.extension.heard("session/update", {}, None) is None
    assert talk.extension.refusal("session/update") is None
    assert talk.extension.refusal("cursor/create_plan") == CANCELLED


@pytest.mark.parametrize(
    "questions",
    [
        None,
        "which?",
        [],
        [7],
        [question(prompt=" ")],
        [question(id=None)],
        [question(options=[])],
        [question(options=[{"label": "no id"}, "x", {"id": ""}])],
    ],
)
def test_questions_that_cannot_be_asked_are_skipped(talk: Talk, questions: Any) -> None:
    told = talk.tell("ask_question", questions=questions)
    assert (told.drafts, told.answer, told.inquiry) == ([], SKIPPED, None)


def test_questions_in_a_notification_are_not_asked_as_nobody_takes_the_answer(talk: Talk) -> None:
    assert talk.tell("ask_question", rpc_id=None, questions=[question()]).inquiry is None


def test_a_question_without_a_title_or_labels_has_words_all_the_same(talk: Talk) -> None:
    told = talk.tell("ask_question", questions=[question(options=[{"id": "a"}])])
    assert told.inquiry is not None
    (asked,) = told.inquiry.questions
    assert (asked.header, asked.options[0].label) == ("Question", "a")
    assert told.inquiry.call_id is None


def test_one_question_of_several_may_stay_unanswered(talk: Talk) -> None:
    told = talk.tell("ask_question", questions=[question(), question(id="r")])
    assert told.inquiry is not None
    answer = told.inquiry.answer({"q": "A", "r": " "})
    assert answer["outcome"]["answers"] == [
        {"questionId": "q", "selectedOptionIds": ["a"]},
        {"questionId": "r", "selectedOptionIds": []},
    ]


def test_a_plan_of_phases_has_the_steps_of_all(talk: Talk) -> None:
    phases = [{"todos": [{"title": "one"}]}, {"todos": [{"content": "two"}]}, 7]
    events = talk.events("create_plan", plan="# P", phases=phases)
    assert [event.type for event in events] == ["turn.proposed.completed", "turn.plan.updated"]
    assert [step.step for step in events[1].payload.plan] == ["one", "two"]


def test_a_plan_without_text_shows_its_overview_and_one_without_either_nothing(
    talk: Talk,
) -> None:
    (event,) = talk.events("create_plan", plan=" ", overview="Soon")
    assert event.payload.plan_markdown == "Soon"
    assert talk.events("create_plan", plan=7) == []


def test_todos_are_merged_by_id_and_replaced_without_merge(talk: Talk) -> None:
    todos = [{"id": "1", "content": "a"}, {"content": "b"}]
    assert talk.steps("update_todos", todos=todos) == [("a", "pending"), ("b", "pending")]
    done = [{"id": "1", "status": "completed"}, {"id": "3", "content": "c"}]
    merged = [("a", "completed"), ("b", "pending"), ("c", "pending")]
    assert talk.steps("update_todos", todos=done, merge=True) == merged
    assert talk.steps("update_todos", todos=[{"content": "d"}]) == [("d", "pending")]
    assert talk.steps("update_todos", todos="x") == []


def test_todos_are_bounded(talk: Talk) -> None:
    for start in (0, PLAN_STEPS):
        todos = [{"id": str(start + n), "content": "x"} for n in range(PLAN_STEPS)]
        steps = talk.steps("update_todos", todos=todos, merge=True)
    assert len(steps) == PLAN_STEPS


def test_a_sub_agent_without_an_id_is_named_by_its_call_and_one_without_either_not_told(
    talk: Talk,
) -> None:
    started, ended = talk.events("task", toolCallId="call", subagentType={"custom": "mine"})
    assert started.payload.task_id == "call"
    assert (started.payload.role, ended.payload.status) == ("mine", "completed")
    assert talk.events("task", prompt="x") == []


def test_nobodys_answer_skips_and_one_that_is_not_on_offer_is_refused(talk: Talk) -> None:
    told = talk.tell("ask_question", questions=[question()])
    assert told.inquiry is not None
    assert told.inquiry.answer({}) == SKIPPED
    with pytest.raises(ValueError, match="B is none of the answers on offer: A"):
        told.inquiry.answer({"q": "B"})
    with pytest.raises(ValueError, match="takes one answer"):
        told.inquiry.answer({"q": ["A", "a"]})
    several = talk.tell("ask_question", questions=[question(allowMultiple=True)]).inquiry
    assert several is not None
    assert several.answer({"q": ["A", "a"]})["outcome"]["outcome"] == "answered"
