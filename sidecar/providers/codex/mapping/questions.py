"""Questions of item/tool/requestUserInput in our words, and their answers in Codex's. Pure."""

from typing import Any, Final

from sidecar.contract.events.request import Question
from sidecar.providers.shapes import DETAIL_CHARS, maps, question_options, text

QUESTIONS = 16
"""Questions of one request; Codex asks up to three."""

OPTIONS = 64
"""Options of one question."""

STRUCK_OUT: Final = "(not shown)"
"""What is journalled in the place of a secret answer."""


def asked_questions(value: object) -> tuple[tuple[Question, ...], frozenset[str]]:
    """Return the questions, and the ids of those whose answers are secret."""
    questions: list[Question] = []
    secrets: set[str] = set()
    for row in maps(value)[:QUESTIONS]:
        id_ = text(row.get("id"))
        words = text(row.get("question"), DETAIL_CHARS) or text(row.get("header"))
        if id_ is None or words is None:
            continue
        header = text(row.get("header")) or words
        question = Question(
            id=id_,
            header=header,
            question=words,
            options=question_options(row.get("options"), OPTIONS),
        )
        questions.append(question)
        if row.get("isSecret") is True:
            secrets.add(id_)
    return tuple(questions), frozenset(secrets)


def given_answers(answers: dict[str, Any], known: set[str]) -> dict[str, Any]:
    """Return answers as Codex wants them: a list of strings by question."""
    return {key: {"answers": as_list(value)} for key, value in answers.items() if key in known}


def shown_answers(answers: dict[str, Any], secrets: frozenset[str]) -> dict[str, Any]:
    """Return answers with secret ones struck out."""
    return {key: STRUCK_OUT if key in secrets else value for key, value in answers.items()}


def as_list(value: object) -> list[str]:
    """Return an answer as the list of its parts."""
    return [str(part) for part in value] if isinstance(value, list) else [str(value)]
