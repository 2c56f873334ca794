"""Forms that an MCP server wants filled in, as questions; and the answers as a form. Pure.

A form is a JSON schema of one level: strings, numbers, booleans, choices.
"""

from typing import Any, Final

from sidecar.contract.base import Json
from sidecar.contract.events.request import Question, QuestionOption
from sidecar.providers.codex.mapping.questions import OPTIONS, QUESTIONS, as_list
from sidecar.providers.shapes import DETAIL_CHARS, a_map, maps, text

YES: Final = "Yes"
NO: Final = "No"


def form_questions(params: dict[str, Any]) -> list[Question]:
    """Return a question for each field; [] for what is no form, or one without fields."""
    fields = a_map(a_map(params.get("requestedSchema")).get("properties"))
    message = text(params.get("message"), DETAIL_CHARS)
    questions: list[Question] = []
    for name, field in list(fields.items())[:QUESTIONS]:
        id_ = text(name)
        if id_ is None:
            continue
        said = a_map(field)
        header = text(said.get("title")) or id_
        words = text(said.get("description"), DETAIL_CHARS) or message or header
        questions.append(
            Question(
                id=id_,
                header=header,
                question=words,
                options=[
                    QuestionOption(label=label, description=label) for label, _ in _choices(said)
                ],
                multi_select=True if said.get("type") == "array" else None,
            )
        )
    return questions


def form_content(schema: Json, answers: dict[str, Any]) -> Json:
    """Return the result that fills the form in; without any answer it is declined."""
    fields = a_map(a_map(schema).get("properties"))
    content: dict[str, Json] = {}
    for name, answer in answers.items():
        said = a_map(fields.get(name))
        value = _value(said, answer)
        if name in fields and value is not None:
            content[name] = value
    if not content:
        return {"action": "decline", "content": None}
    return {"action": "accept", "content": content}


def _choices(field: dict[str, Any]) -> list[tuple[str, Json]]:
    """Return labels and values of a field with choices."""
    if field.get("type") == "boolean":
        return [(YES, True), (NO, False)]
    source = a_map(field.get("items")) if field.get("type") == "array" else field
    titled = maps(source.get("oneOf")) or maps(source.get("anyOf"))
    rows: list[tuple[Any, Any]] = [
        (row.get("title") or row.get("const"), row.get("const")) for row in titled
    ]
    if not rows:
        values = source.get("enum")
        names = source.get("enumNames")
        values = values if isinstance(values, list) else []
        names = names if isinstance(names, list) and len(names) == len(values) else values
        rows = list(zip(names, values, strict=True))
    found = [(text(str(label)), value) for label, value in rows[:OPTIONS]]
    return [(label, value) for label, value in found if label is not None]


def _value(field: dict[str, Any], answer: Any) -> Json | None:
    """Return an answer as the field's type wants it; None if it cannot be that."""
    choices = dict(_choices(field))
    if field.get("type") == "array":
        return [choices.get(part, part) for part in as_list(answer)]
    words = ", ".join(as_list(answer))
    if words in choices:
        return choices[words]
    if field.get("type") in ("number", "integer"):
        try:
            return int(words) if field["type"] == "integer" else float(words)
        except ValueError:
            return None
    if field.get("type") == "boolean":
        return {"true": True, "false": False}.get(words.strip().lower())
    return words
