"""Updates that tell a fact about the session or the turn, each as the events that it makes."""

from typing import Any, Final

from sidecar.contract.base import Wire
from sidecar.contract.events.session import (
    SessionConfigured,
    ThreadMetadataUpdated,
    ThreadTokenUsageUpdated,
)
from sidecar.contract.events.turn import PlanStep, TurnPlanUpdated, TurnProposedCompleted
from sidecar.contract.vocabulary import PlanStepStatus
from sidecar.core.conversation import nonblank
from sidecar.providers.acp.mapping import usage as token_usage
from sidecar.providers.acp.mapping.shapes import a_map, maps, text
from sidecar.providers.text import portable, whole

PLAN_STEPS = 256
"""Steps of a plan passed on."""

PLAN_CHARS = 256 * 1024
"""Longest plan in Markdown passed on: a long document."""

_STEP_STATUSES: Final[dict[str, PlanStepStatus]] = {
    "in_progress": "inProgress",
    "inProgress": "inProgress",
    "completed": "completed",
}
_CONFIG_KEYS: Final[dict[str, str]] = {
    "available_commands_update": "availableCommands",
    "current_mode_update": "currentModeId",
    "current_model_update": "currentModelId",
    "config_option_update": "configOptions",
}
"""Updates that say a setting, with the key that they carry it under."""

Fact = tuple[str, Wire]
"""An event's type and payload."""


def facts_of(kind: str, update: dict[str, Any]) -> list[Fact]:
    """Return what an update of `kind` tells; nothing for kinds that say nothing to us."""
    if kind == "plan":
        return [plan_of(update.get("entries"))]
    if kind == "plan_update":
        return _plan_update(a_map(update.get("plan")))
    if kind == "usage_update":
        usage = token_usage.of_update(update)
        said = None if usage is None else ThreadTokenUsageUpdated(usage=usage)
        return [] if said is None else [("thread.token-usage.updated", said)]
    if kind == "session_info_update":
        return _session_info(update)
    key = _CONFIG_KEYS.get(kind, "")
    value = update.get(key)
    return [] if value is None else [configured({key: value})]


def configured(config: dict[str, Any]) -> Fact:
    """Return what says settings."""
    return "session.configured", SessionConfigured(config=portable(config))


def plan_of(entries: object) -> Fact:
    """Return what says the steps of a plan; `content` or `title` words one."""
    steps = []
    for entry in maps(entries)[:PLAN_STEPS]:
        step = text(entry.get("content")) or text(entry.get("title"))
        if step is not None:
            status = _STEP_STATUSES.get(str(entry.get("status")), "pending")
            steps.append(PlanStep(step=step, status=status))
    return "turn.plan.updated", TurnPlanUpdated(plan=steps)


def proposal_of(markdown: object) -> list[Fact]:
    """Return what proposes a plan in Markdown; nothing for a blank one."""
    found = nonblank(markdown)
    plan = None if found is None else nonblank(whole(found)[:PLAN_CHARS])
    if plan is None:
        return []
    return [("turn.proposed.completed", TurnProposedCompleted(plan_markdown=plan))]


def _plan_update(plan: dict[str, Any]) -> list[Fact]:
    if plan.get("type") == "items":
        return [plan_of(plan.get("entries"))]
    return proposal_of(plan.get("content")) if plan.get("type") == "markdown" else []


def _session_info(update: dict[str, Any]) -> list[Fact]:
    name = text(update.get("title"))
    updated_at = text(update.get("updatedAt"))
    metadata = None if updated_at is None else {"updatedAt": updated_at}
    if name is None and metadata is None:
        return []
    said = ThreadMetadataUpdated(name=name, metadata=metadata)
    return [("thread.metadata.updated", said)]
