"""Questions of an agent to a person, whatever method they come by, and how they are answered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sidecar.contract.base import Json
from sidecar.contract.events.request import Question

QUESTIONS = 32
"""Questions of one inquiry passed on; agents ask one to four."""

OPTIONS = 64
"""Answers offered to one question."""

Answers = Mapping[str, str | list[str]]
"""Question id → what the person said: one answer or several."""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What is asked at once. `rpc_id` goes back verbatim.

    `answer` returns the result of the agent's request for a person's answers; {} means that nobody
    answered. It raises ValueError, with the reason, for answers that the agent could not take.
    `cancelled` is the result when the turn is cancelled. `call_id` names the tool call that asks.
    `source`, `method` and `params` are the message itself, for `raw`.
    """

    rpc_id: Json
    questions: list[Question]
    answer: Callable[[Answers], Json]
    cancelled: Json
    source: str
    method: str
    params: Json
    call_id: str | None = None
