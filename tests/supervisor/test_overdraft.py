"""A host that says what it has no credit for is stopped before that costs memory."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sidecar.contract.frames import EventFrame, SessionSpec
from sidecar.contract.limits import HOST_CREDIT_BYTES
from sidecar.contract.methods import SessionStartParams
from sidecar.core.framing import ProtocolViolation
from sidecar.core.watch.budget import NO_BUDGET
from sidecar.observe.log import Log
from sidecar.supervisor.deps import Shared
from sidecar.supervisor.generation import OVERDRAFT_BYTES, Generation

PIECE = 1024 * 1024


def generation() -> Generation:
    """Return a generation whose events cost what their body is long, and are never committed."""
    start = SessionStartParams(
        idempotency_key="k", thread_id="t", provider="demo", runtime_mode="auto"
    )
    spec = SessionSpec("t", 1, "demo", "mark", start, data_dir=str(Path.cwd()))
    events = SimpleNamespace(
        ingest=lambda _origin, frames: (1, sum(len(frame.body) for frame in frames))
    )
    pace = SimpleNamespace(said=lambda *_: None)
    shared = SimpleNamespace(
        log=Log(),
        events=events,
        pace=pace,
        host_credit=lambda: HOST_CREDIT_BYTES,
        memory_budget=lambda _start: NO_BUDGET,
    )
    return Generation(cast(Shared, shared), spec)


def frames(size: int) -> list[EventFrame]:
    return [EventFrame(0, "content.delta", cast(Any, b"x" * size))]


def test_an_overdraft_has_a_bound() -> None:
    flooded = generation()
    for _ in range(OVERDRAFT_BYTES // PIECE):
        flooded.on_events(frames(PIECE))
    with pytest.raises(ProtocolViolation, match="credit"):
        flooded.on_events(frames(PIECE))
