"""Questions of Codex and forms of MCP servers: what a person is asked, and the answers."""

from typing import Any

import pytest

from sidecar.providers.codex.mapping.questions import STRUCK_OUT
from sidecar.providers.codex.mapping.requests import ELICITATION, USER_INPUT, Asked, asked
from tests.providers.codex.talk import Talk


def form(**fields: Any) -> Asked:
    params = {"mode": "form", "message": "Fill in", "requestedSchema": {"properties": fields}}
    found = asked(0, ELICITATION, params)
    assert found is not None
    return found


def test_questions_are_asked_and_answered() -> None:
    row = {
        "id": "c",
        "header": "Colour",
        "question": "Which?",
        "options": [{"label": "Red", "description": " "}, {"label": ""}, {"label": "Blue"}],
    }
    talk = Talk()
    request_id, events = talk.ask(USER_INPUT, questions=[row, {"id": "n"}, {"question": "x"}])
    (question,) = events[0].payload.questions
    assert (question.id, question.header, question.question) == ("c", "Colour", "Which?")
    assert [(o.label, o.description) for o in question.options] == [
        ("Red", "Red"),
        ("Blue", "Blue"),
    ]
    found = talk.mapping.asks[request_id]
    assert found.answer({"c": "Blue", "other": "x"}) == {"answers": {"c": {"answers": ["Blue"]}}}
    assert found.answer({"c": ["Red", "Blue"]}) == {"answers": {"c": {"answers": ["Red", "Blue"]}}}
    resolved = talk.take(talk.mapping.given(request_id, {"c": "Blue"}))
    assert resolved[0].payload.answers == {"c": "Blue"}


def test_a_question_may_have_a_header_alone() -> None:
    found = asked(0, USER_INPUT, {"questions": [{"id": "q", "header": "Name"}]})
    assert found is not None
    assert (found.questions[0].header, found.questions[0].question) == ("Name", "Name")


def test_a_secret_answer_is_not_journalled() -> None:
    talk = Talk()
    rows = [{"id": "key", "question": "Key?", "isSecret": True}, {"id": "n", "question": "Name?"}]
    request_id, _ = talk.ask(USER_INPUT, questions=rows)
    answers = {"key": "hunter2", "n": "x"}
    assert "hunter2" in str(talk.mapping.asks[request_id].answer(answers))
    resolved = talk.take(talk.mapping.given(request_id, answers))
    assert resolved[0].payload.answers == {"key": STRUCK_OUT, "n": "x"}


def test_answers_that_nobody_waits_for_change_nothing() -> None:
    assert Talk().mapping.given("unknown", {"a": "b"}) == []


def test_questions_that_are_cancelled_are_answered_empty() -> None:
    found = asked(0, USER_INPUT, {"questions": [{"id": "q", "question": "?"}]})
    assert found is not None
    assert found.cancelled() == {"answers": {}}
    assert found.decide("decline") == {"answers": {}}


FIELDS = {
    "name": {"type": "string", "title": "Your name", "description": "As it is written"},
    "size": {"type": "integer"},
    "rate": {"type": "number"},
    "sure": {"type": "boolean"},
    "old": {"type": "string", "enum": ["a", "b"], "enumNames": ["First", "Second"]},
    "odd": {"type": "string", "enum": ["a"], "enumNames": ["x", "y"]},
    "one": {"type": "string", "oneOf": [{"const": "r", "title": "Red"}, {"const": "b"}]},
    "many": {"type": "array", "items": {"anyOf": [{"const": "x", "title": "X"}]}},
    "lost": "no schema",
}


def test_a_form_is_one_question_a_field() -> None:
    questions = {q.id: q for q in form(**FIELDS).questions}
    assert list(questions) == list(FIELDS)
    assert questions["name"].header == "Your name"
    assert questions["name"].question == "As it is written"
    assert questions["size"].question == "Fill in"
    labels = {id_: [option.label for option in q.options] for id_, q in questions.items()}
    assert labels["sure"] == ["Yes", "No"]
    assert labels["old"] == ["First", "Second"]
    assert labels["odd"] == ["a"]
    assert labels["one"] == ["Red", "b"]
    assert questions["many"].multi_select is True


def test_a_form_is_filled_in_with_the_types_of_its_fields() -> None:
    answers = {
        "name": "Ada",
        "size": "3",
        "rate": "0.5",
        "sure": "Yes",
        "old": "Second",
        "one": "Red",
        "many": ["X", "y"],
        "unknown": "x",
    }
    assert form(**FIELDS).answer(answers) == {
        "action": "accept",
        "content": {
            "name": "Ada",
            "size": 3,
            "rate": 0.5,
            "sure": True,
            "old": "b",
            "one": "r",
            "many": ["x", "y"],
        },
    }


@pytest.mark.parametrize(("answer", "value"), [("true", True), ("FALSE", False), ("No", False)])
def test_a_boolean_may_be_spelt_out(answer: str, value: bool) -> None:
    result = form(sure={"type": "boolean"}).answer({"sure": answer})
    assert result == {"action": "accept", "content": {"sure": value}}


@pytest.mark.parametrize(
    ("field", "answer"),
    [({"type": "integer"}, "three"), ({"type": "boolean"}, "perhaps"), ({"type": "string"}, None)],
)
def test_a_form_without_an_answer_that_fits_is_declined(field: Any, answer: str | None) -> None:
    answers = {} if answer is None else {"f": answer}
    assert form(f=field).answer(answers) == {"action": "decline", "content": None}


def test_a_cancelled_form_is_cancelled() -> None:
    assert form(f={"type": "string"}).cancelled() == {"action": "cancel", "content": None}


def test_a_field_without_a_name_and_a_form_without_words_are_no_trouble() -> None:
    found = asked(0, ELICITATION, {"requestedSchema": {"properties": {" ": {}, "f": {}}}})
    assert found is not None
    assert [q.question for q in found.questions] == ["f"]
    blank = form(f={"enum": [" ", "x"]})
    assert [option.label for option in blank.questions[0].options] == ["x"]
