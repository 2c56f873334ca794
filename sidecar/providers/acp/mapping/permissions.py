"""ACP permissions: options chosen by `kind`, never by their ids or names, which are arbitrary."""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sidecar.contract.base import Json
from sidecar.contract.events.request import RequestOption
from sidecar.contract.vocabulary import Decision, RequestType, RuntimeMode
from sidecar.providers.acp.mapping.shapes import maps, text

OPTIONS = 64
"""Options of one permission passed on; agents offer two to five."""

_DECISIONS: Final[dict[str, Decision]] = {
    "allow_once": "accept",
    "allow_always": "acceptForSession",
    "reject_once": "decline",
    "reject_always": "decline",
}
_WISHES: Final[dict[Decision, tuple[str, ...]]] = {
    "accept": ("allow_once", "allow_always"),
    "acceptForSession": ("allow_always", "allow_once"),
    "decline": ("reject_once", "reject_always"),
    "cancel": (),
}
"""Kinds that carry a decision out, the best first."""


class Choice(NamedTuple):
    """An answer: the option to select, or None for outcome `cancelled`; and what it decides."""

    option_id: Json
    decision: Decision

    def outcome(self) -> dict[str, Json]:
        """Return the result of the agent's request."""
        if self.option_id is None:
            return {"outcome": {"outcome": "cancelled"}}
        return {"outcome": {"outcome": "selected", "optionId": self.option_id}}

    def resolution(self) -> dict[str, Json]:
        """Return what request.resolved says beside the decision."""
        if self.option_id is None:
            return {"outcome": "cancelled"}
        return {"outcome": "selected", "optionId": text(self.option_id) or "?"}


def granted_by_mode(mode: RuntimeMode, request_type: RequestType) -> bool:
    """Tell whether the session's runtime mode answers such a request without asking a person.

    `auto` leaves it to the agent what it asks, so what it does ask is asked.
    """
    if mode == "full-access":
        return True
    return mode == "auto-accept-edits" and request_type == "file_change_approval"


CANCELLED: Final = Choice(None, "cancel")


@dataclass(frozen=True, slots=True)
class Permission:
    """A permission that the agent waits for. `rpc_id` and option ids go back verbatim."""

    rpc_id: Json
    request_type: RequestType
    options: tuple[dict[str, Any], ...]

    def choose(self, decision: Decision, option_id: str | None = None) -> Choice | None:
        """Return the answer, or None when nothing that the agent offers carries it out.

        An option id is taken verbatim. Declining without a reject option cancels instead: no agent
        may go on with what was declined.
        """
        if option_id is not None:
            return self._named(decision, option_id)
        for kind in _WISHES[decision]:
            for option in self.options:
                if option.get("kind") == kind:
                    return Choice(option["optionId"], decision)
        return Choice(None, decision) if decision in ("decline", "cancel") else None

    def _named(self, decision: Decision, option_id: str) -> Choice | None:
        for option in self.options:
            if text(option["optionId"]) == option_id:
                return Choice(option["optionId"], _DECISIONS.get(str(option.get("kind")), decision))
        return None

    def offered(self) -> list[RequestOption]:
        """Return the options as the contract shows them."""
        offered = []
        for option in self.options:
            kind = text(option.get("kind"))
            offered.append(
                RequestOption(
                    option_id=text(option["optionId"]) or "?",
                    name=text(option.get("name")),
                    kind=kind,
                    decision=_DECISIONS.get(kind or ""),
                )
            )
        return offered


def usable_options(value: object) -> tuple[dict[str, Any], ...]:
    """Return the options that have an id which a client can send back, each with its kind."""
    found = [option for option in maps(value) if text(option.get("optionId"))]
    return tuple(_with_kind(option) for option in found[:OPTIONS])


def _with_kind(option: dict[str, Any]) -> dict[str, Any]:
    """Return an option that has a kind: its own, or the one that its id spells (allow-once)."""
    if "kind" in option:
        return option
    spelt = str(option["optionId"]).lower().replace("-", "_")
    return {**option, "kind": spelt} if spelt in _DECISIONS else option
