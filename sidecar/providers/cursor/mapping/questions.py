"""cursor/ask_question: multiple-choice questions, answered by the ids of options."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sidecar.contract.base import Json
from sidecar.contract.events.request import Question, QuestionOption
from sidecar.providers.acp.mapping.inquiries import OPTIONS, QUESTIONS, Answers, Inquiry
from sidecar.providers.acp.mapping.shapes import DETAIL_CHARS, maps, text

CANCELLED: Final = {"outcome": {"outcome": "cancelled"}}
SKIPPED: Final = {"outcome": {"outcome": "skipped", "reason": "Nobody answered"}}

_HEADER: Final = "Question"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it is shown, with what goes back: its id verbatim, label → option id."""

    question: Question
    own_id: Json
    options: tuple[tuple[str, Json], ...]

    def chosen(self, answers: Answers) -> list[Json]:
        """Return the ids of the chosen options; a label or an id names one. Raises ValueError."""
        given = answers.get(self.question.id, [])
        words = [given] if isinstance(given, str) else given
        chosen = [self._option(word) for word in words if word.strip()]
        if len(chosen) > 1 and not self.question.multi_select:
            raise ValueError(f"{self.question.question} takes one answer")
        return chosen

    def _option(self, word: str) -> Json:
        for label, id_ in self.options:
            if word in (label, id_):
                return id_
        offered = ", ".join(label for label, _ in self.options)
        raise ValueError(f"{word} is none of the answers on offer: {offered}")


def inquiry_of(params: dict[str, Any], rpc_id: Json, *, source: str, method: str) -> Inquiry | None:
    """Return the inquiry, None if nothing of it can be asked."""
    asked = [
        found
        for row in maps(params.get("questions"))[:QUESTIONS]
        if (found := _asked(row, text(params.get("title")))) is not None
    ]
    if not asked:
        return None
    return Inquiry(
        rpc_id=rpc_id,
        questions=[one.question for one in asked],
        answer=_answerer(asked),
        cancelled=CANCELLED,
        source=source,
        method=method,
        params=params,
        call_id=text(params.get("toolCallId")),
    )


def _asked(row: dict[str, Any], title: str | None) -> Asked | None:
    words, id_ = text(row.get("prompt"), DETAIL_CHARS), text(row.get("id"))
    options = [
        (text(option.get("label")) or str(option["id"]), option["id"])
        for option in maps(row.get("options"))[:OPTIONS]
        if text(option.get("id"))
    ]
    if words is None or id_ is None or not options:
        return None
    shown = [QuestionOption(label=label, description=label) for label, _ in options]
    question = Question(
        id=id_,
        header=title or _HEADER,
        question=words,
        options=shown,
        multi_select=row.get("allowMultiple") is True or None,
    )
    return Asked(question, row["id"], tuple(options))


def _answerer(asked: list[Asked]) -> Callable[[Answers], Json]:
    def answer(answers: Answers) -> Json:
        chosen = [(one.own_id, one.chosen(answers)) for one in asked]
        if not any(ids for _, ids in chosen):
            return SKIPPED
        rows = [{"questionId": id_, "selectedOptionIds": ids} for id_, ids in chosen]
        return {"outcome": {"outcome": "answered", "answers": rows}}

    return answer
