"""Events leave in order, as far as credit goes; without credit neighbours are joined."""

import asyncio

import pytest

from sidecar.contract.events import decode_event
from sidecar.contract.events.side import ToolProgress
from sidecar.contract.events.turn import ContentDelta, TurnStarted
from sidecar.contract.frames import EventFrame, Frame, SessionSpec
from sidecar.contract.methods import SessionStartParams
from sidecar.core.drafts import Draft
from sidecar.host.emitter import Emitter


def spec(coalesce_ms: int | None = None) -> SessionSpec:
    start = SessionStartParams(
        idempotency_key="k",
        thread_id="t",
        provider="demo",
        runtime_mode="full-access",
        coalesce_ms=coalesce_ms,
    )
    return SessionSpec(thread_id="t", generation=3, provider="demo", mark="00", start=start)


def delta(text: str) -> Draft:
    return Draft(
        type="content.delta",
        payload=ContentDelta(stream_kind="assistant_text", delta=text),
        turn_id="turn",
        item_id="item",
    )


TURN = Draft(type="turn.started", payload=TurnStarted(), turn_id="turn")


class Wire:
    """Collects what an emitter sends."""

    def __init__(self) -> None:
        self.frames: list[EventFrame] = []

    def __call__(self, frame: Frame) -> None:
        assert isinstance(frame, EventFrame)
        self.frames.append(frame)

    @property
    def texts(self) -> list[str]:
        events = [decode_event(f.event_type, f.body) for f in self.frames]
        return [getattr(e.payload, "delta", e.type) for e in events]

    @property
    def bytes(self) -> int:
        return sum(len(f.body) for f in self.frames)


async def test_events_carry_the_identity_of_their_generation_and_unique_ids() -> None:
    wire = Wire()
    Emitter(0, spec(), 10_000, wire).emit([TURN, delta("a")])
    events = [decode_event(f.event_type, f.body) for f in wire.frames]
    assert [(e.thread_id, e.generation, e.provider) for e in events] == [("t", 3, "demo")] * 2
    assert events[0].event_id != events[1].event_id
    assert events[0].created_at.endswith("Z")


async def test_without_credit_deltas_are_joined_and_order_is_kept() -> None:
    wire = Wire()
    emitter = Emitter(0, spec(), 1, wire)
    emitter.emit([delta("first")])  # overdraft by one
    emitter.emit([delta("a"), delta("b"), TURN, delta("c"), delta("d")])
    assert wire.texts == ["first"]
    emitter.credit(wire.bytes, 100_000)
    assert wire.texts == ["first", "ab", "turn.started", "cd"]


async def test_the_reader_waits_until_what_it_said_has_left() -> None:
    wire = Wire()
    emitter = Emitter(0, spec(), 1, wire)
    emitter.emit([delta("a")])
    await asyncio.wait_for(emitter.flow(), 1)
    emitter.emit([TURN])
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(emitter.flow(), 0.05)
    emitter.credit(wire.bytes, 100_000)
    await asyncio.wait_for(emitter.flow(), 1)
    assert wire.texts == ["a", "turn.started"]


async def test_an_exit_sends_what_waits_without_credit() -> None:
    wire = Wire()
    emitter = Emitter(0, spec(), 1, wire)
    emitter.emit([delta("a"), TURN, delta("b")])
    emitter.flush()
    assert wire.texts == ["a", "turn.started", "b"]
    await asyncio.wait_for(emitter.flow(), 1)


async def test_events_without_a_sequence_cost_no_credit() -> None:
    wire = Wire()
    emitter = Emitter(0, spec(), 1, wire)
    progress = Draft(type="tool.progress", payload=ToolProgress(tool_name="x"))
    emitter.emit([progress] * 5 + [TURN])
    assert len(wire.frames) == 6


async def test_coalescing_joins_neighbours_and_anything_else_ends_the_wait() -> None:
    wire = Wire()
    emitter = Emitter(0, spec(coalesce_ms=60_000), 100_000, wire)
    for text in "abc":
        emitter.emit([delta(text)])
    assert wire.texts == []
    emitter.emit([TURN])
    assert wire.texts == ["abc", "turn.started"]


async def test_coalesced_text_leaves_by_itself_after_its_time() -> None:
    wire = Wire()
    emitter = Emitter(0, spec(coalesce_ms=1), 100_000, wire)
    emitter.emit([delta("a")])
    emitter.emit([delta("b")])
    async with asyncio.timeout(3):
        while not wire.frames:
            await asyncio.sleep(0.001)
    assert wire.texts == ["ab"]
