"""A host's credit: an overdraft has a bound, and what could not be told is told later."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sidecar.contract.frames import CreditFrame, EventFrame, SessionSpec
from sidecar.contract.limits import HOST_CREDIT_BYTES
from sidecar.contract.methods import SessionStartParams
from sidecar.core.framing import ProtocolViolation
from sidecar.core.watch.budget import NO_BUDGET
from sidecar.observe.log import Log
from sidecar.supervisor.crediting import OVERDRAFT_BYTES
from sidecar.supervisor.deps import Shared
from sidecar.supervisor.generation import Generation

PIECE = 1024 * 1024


class Seat:
    """A seat whose channel has no memory for the first frames."""

    slot = 0

    def __init__(self, fails: int = 0) -> None:
        self.fails = fails
        self.sent: list[CreditFrame] = []

    def send(self, frame: CreditFrame) -> None:
        if self.fails:
            self.fails -= 1
            raise MemoryError
        self.sent.append(frame)


def generation(head: int = 0) -> Generation:
    """Return a generation whose events cost what their body is long; `head` is committed."""
    start = SessionStartParams(
        idempotency_key="k", thread_id="t", provider="demo", runtime_mode="auto"
    )
    spec = SessionSpec("t", 1, "demo", "mark", start, data_dir=str(Path.cwd()))
    events = SimpleNamespace(
        ingest=lambda _origin, frames: (1, sum(len(frame.body) for frame in frames)),
        journal=SimpleNamespace(state="ok", head=head),
    )
    pace = SimpleNamespace(said=lambda *_: None, holds=lambda _who: False)
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


def test_credit_that_could_not_be_told_is_told_the_next_time_and_once() -> None:
    poor = generation(head=1)
    seat = Seat(fails=1)
    vars(poor)["_seat"] = seat
    poor.on_events(frames(HOST_CREDIT_BYTES))
    with pytest.raises(MemoryError):
        poor.go_on()
    assert poor.held_back
    poor.go_on()
    poor.go_on()
    assert [frame.acked for frame in seat.sent] == [HOST_CREDIT_BYTES]
    assert not poor.held_back
