"""Questions of the agent to the person, and the way of the answers back. Pure."""

from dataclasses import dataclass
from typing import Any, Final

from sidecar.contract.events.request import Question
from sidecar.providers.shapes import DETAIL_CHARS, maps, question_options, text

QUESTIONS: Final = 32

OPTIONS: Final = 64

HEADER_CHARS: Final = 30
"""A question's beginning stands in for a header that is missing; opencode's own are as long."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Questions that are open; the answers go back as a list, in the order of `ids`."""

    question_id: str
    session_id: str
    questions: tuple[Question, ...]

    def answers(self, given: dict[str, str | list[str]]) -> list[list[str]]:
        """Return the answers as the server takes them: labels or free text, [] for none.

        `given` is keyed by a question's id or by its text.
        """
        found = []
        for question in self.questions:
            answer = given.get(question.id, given.get(question.question, []))
            found.append([answer] if isinstance(answer, str) else list(answer))
        return found

    def given(self, answers: object) -> dict[str, Any]:
        """Return what another client answered, in our form."""
        rows = answers if isinstance(answers, list) else []
        return {
            question.id: [word for word in row if text(word)]
            for question, row in zip(self.questions, rows, strict=False)
            if isinstance(row, list)
        }


def read_questions(properties: dict[str, Any]) -> Asked | None:
    """Return what a question.asked, or a row of GET /question, asks; None for a broken one.

    A blank question cannot be shown, but keeps its place in the answers.
    """
    question_id, session_id = properties.get("id"), properties.get("sessionID")
    rows = maps(properties.get("questions"))
    if not isinstance(question_id, str) or not question_id or not isinstance(session_id, str):
        return None
    if not rows or len(rows) > QUESTIONS:
        return None
    asked = tuple(_question(str(index), row) for index, row in enumerate(rows))
    return Asked(question_id, session_id, asked)


def _question(id_: str, row: dict[str, Any]) -> Question:
    words = text(row.get("question"), DETAIL_CHARS) or "?"
    return Question(
        id=id_,
        header=text(row.get("header")) or text(words, HEADER_CHARS) or "?",
        question=words,
        options=question_options(row.get("options"), OPTIONS),
        multi_select=True if row.get("multiple") is True else None,
    )
