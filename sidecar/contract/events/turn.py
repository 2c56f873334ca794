"""Payloads of turn.*, item.* and content.delta: what happens inside one turn."""

from typing import Any

from sidecar.contract.base import Chunk, Count, NonBlank, Wire
from sidecar.contract.vocabulary import (
    ItemStatus,
    ItemType,
    PlanStepStatus,
    StreamKind,
    TurnState,
)


class TurnStarted(Wire, frozen=True):
    model: NonBlank | None = None
    effort: NonBlank | None = None


class TurnCompleted(Wire, frozen=True):
    state: TurnState
    stop_reason: NonBlank | None = None
    usage: Any = None
    model_usage: dict[str, Any] | None = None
    total_cost_usd: float | None = None
    error_message: NonBlank | None = None


class TurnAborted(Wire, frozen=True):
    reason: NonBlank


class PlanStep(Wire, frozen=True):
    step: NonBlank
    status: PlanStepStatus


class TurnPlanUpdated(Wire, frozen=True):
    plan: list[PlanStep]
    explanation: NonBlank | None = None


class TurnProposedDelta(Wire, frozen=True):
    delta: Chunk


class TurnProposedCompleted(Wire, frozen=True):
    plan_markdown: NonBlank


class TurnDiffUpdated(Wire, frozen=True):
    unified_diff: str


class ItemLifecycle(Wire, frozen=True):
    """Payload of item.started, item.updated and item.completed."""

    item_type: ItemType
    status: ItemStatus | None = None
    title: NonBlank | None = None
    detail: NonBlank | None = None
    data: Any = None
    agent_id: NonBlank | None = None
    parent_tool_use_id: NonBlank | None = None


class ContentDelta(Wire, frozen=True):
    stream_kind: StreamKind
    delta: Chunk
    content_index: Count | None = None
    summary_index: Count | None = None
