"""AskUserQuestion: its questions as the contract shows them, and the answers as Claude takes them.

Claude knows a question by its text; one text asked twice in a call is asked once.
"""

from typing import Any

from sidecar.contract.base import Json
from sidecar.contract.events.request import Question
from sidecar.providers.shapes import DETAIL_CHARS, maps, question_options, text
from sidecar.providers.text import portable

QUESTIONS = 16
OPTIONS = 32
"""Questions of a call and options of a question passed on; Claude asks up to four with four."""


def questions_of(input_: dict[str, Any]) -> dict[str, Question]:
    """Return the questions of a call by their texts, which are what Claude wants answered."""
    asked: dict[str, Question] = {}
    for row in maps(input_.get("questions"))[:QUESTIONS]:
        words = text(row.get("question"), DETAIL_CHARS)
        if words is None or row["question"] in asked:
            continue
        asked[row["question"]] = Question(
            id=f"q{len(asked) + 1}",
            header=text(row.get("header")) or "Question",
            question=words,
            options=question_options(row.get("options"), OPTIONS),
            multi_select=True if row.get("multiSelect") is True else None,
        )
    return asked


def answered(input_: dict[str, Any], answers: dict[str, str | list[str]]) -> dict[str, Any]:
    """Return the input with its answers; `answers` are by question id, or by the question's text.

    Several choices are one string, as Claude's own dialog gives them.
    """
    found: dict[str, str] = {}
    for words, question in questions_of(input_).items():
        answer = answers.get(question.id, answers.get(question.question))
        if answer:
            found[words] = answer if isinstance(answer, str) else ", ".join(answer)
    return {**input_, "answers": found}


def shown(answers: dict[str, str | list[str]]) -> dict[str, Json]:
    """Return the answers as user-input.resolved says them."""
    value = portable(answers)
    return value if isinstance(value, dict) else {}
