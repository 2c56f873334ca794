"""The bridge on the real journal: the same promises when events come from the disk."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from sidecar.contract.errors import OutcomeUnknown
from sidecar.contract.limits import CREDIT_MIN_BYTES, MIB
from sidecar.journal import Journal, JournalOptions
from tests.bridge.conftest import Bridge, BridgeFactory
from tests.bridge.fakes.backend import FakeBackend
from tests.bridge.fakes.journal import FakeJournal
from tests.support.received import seqs

SMALL_TAIL = JournalOptions(tail_bytes=64 * 1024)
"""So little in memory that a client that is behind reads the disk."""


class Machine:
    """Sidecars that follow one another on one journal file."""

    def __init__(self, path: Path, start_bridge: BridgeFactory) -> None:
        self._path = path
        self._start_bridge = start_bridge
        self.journal: Journal | None = None
        self.backend = FakeBackend()
        self.bridge: Bridge | None = None

    async def start(self) -> Bridge:
        """Open the journal and serve it."""
        self.journal = Journal.open(self._path, SMALL_TAIL)
        await self.journal.start()
        self.backend.journal = cast(FakeJournal, self.journal)
        self.bridge = await self._start_bridge(self.backend)
        return self.bridge

    async def stop(self) -> None:
        """End the sidecar; the file stays."""
        if self.bridge is not None:
            await self.bridge.server.stop()
        if self.journal is not None:
            await self.journal.close()


@pytest.fixture
async def machine(tmp_path: Path, start_bridge: BridgeFactory) -> AsyncIterator[Machine]:
    """Give sidecars on one journal file."""
    machine = Machine(tmp_path / "journal.db", start_bridge)
    yield machine
    await machine.stop()


@pytest.mark.must("P3.10")
@pytest.mark.must("P3.11")
@pytest.mark.must("P4.2")
@pytest.mark.must("P4.3")
async def test_over_drops_and_restarts_every_event_comes_once(machine: Machine) -> None:
    bridge = await machine.start()
    client = bridge.client(credit_bytes=CREDIT_MIN_BYTES)
    await client.connect()
    epochs = []
    for round_ in range(4):
        await client.wait_for(lambda: client.synchronized)
        target = machine.backend.emit(500, filler_bytes=800)
        await client.wait_for(lambda seq=target: client.cursor > seq - 300)  # type: ignore[misc]
        await client.drop()
        machine.backend.emit(500, filler_bytes=800)
        if round_ % 2:
            await machine.stop()
            bridge = await machine.start()
            bridge.stack.push_async_callback(client.close)
            client.url = bridge.url
        client.synchronized.clear()
        hello = await client.connect()
        assert hello["resumed"] is True
        epochs.append(hello["epoch"])
    await client.wait_for(lambda: client.cursor == 4_000)
    assert seqs(client.events) == list(range(1, 4_001))
    assert epochs == [1, 2, 2, 3]
    page = await client.request("events.read", {"after": 1_990, "limit": 20})
    held = {received.seq: received.body for received in client.events}
    assert [seq for seq, _ in page["events"]] == list(range(1_991, 2_011))
    assert all(held[seq] == body for seq, body in page["events"])


async def test_a_large_event_on_the_disk_is_delivered_among_small_ones(machine: Machine) -> None:
    bridge = await machine.start()
    machine.backend.emit(5)
    machine.backend.emit(1, filler_bytes=20 * MIB)
    last = machine.backend.emit(2_000, filler_bytes=200)  # pushes the large one out of memory
    assert machine.journal is not None
    await machine.journal.committed(last)
    client = bridge.client()
    resume = {"logId": machine.journal.log_id, "epoch": 1, "cursor": 0}
    await client.connect(resume=resume)
    await client.wait_for(lambda: client.cursor == last)
    assert seqs(client.events) == list(range(1, last + 1))


@pytest.mark.must("P4.5")
async def test_a_filtered_client_passes_over_what_is_not_its_own(machine: Machine) -> None:
    bridge = await machine.start()
    for _ in range(20):
        machine.backend.emit(200, "t1", filler_bytes=500)
        last = machine.backend.emit(1, "t2")
    assert machine.journal is not None
    await machine.journal.committed(last)
    client = bridge.client(threads=["t2"])
    resume = {"logId": machine.journal.log_id, "epoch": 1, "cursor": 0}
    await client.connect(resume=resume)
    await client.wait_for(lambda: client.cursor == last)
    assert seqs(client.events) == [201 * n for n in range(1, 21)]


@pytest.mark.must("P3.13")
async def test_a_cursor_of_another_journal_is_a_gap(machine: Machine) -> None:
    bridge = await machine.start()
    machine.backend.emit(10)
    client = bridge.client()
    hello = await client.connect(resume={"logId": "gone", "epoch": 9, "cursor": 77})
    assert hello["reason"] == "other_log"
    await client.wait_for(lambda: client.synchronized)
    assert client.snapshots[0]["at"] == 10


@pytest.mark.must("P5.4")
@pytest.mark.must("P5.6")
async def test_keys_outlive_the_sidecar(machine: Machine) -> None:
    entered = asyncio.Event()

    async def hang(_params: Any) -> None:
        entered.set()
        await asyncio.Event().wait()

    bridge = await machine.start()
    client = bridge.client()
    await client.connect()
    done = {"idempotencyKey": "done", "threadId": "t1", "input": "x"}
    cut = {"idempotencyKey": "cut", "threadId": "t1", "input": "x"}
    answered = await client.request("session.sendTurn", done)
    machine.backend.answers["session.sendTurn"] = hang
    await client.send_request("session.sendTurn", cut)
    await entered.wait()
    await client.drop()
    await machine.stop()
    bridge = await machine.start()
    bridge.stack.push_async_callback(client.close)
    client.url = bridge.url
    await client.connect()
    assert await client.request("session.sendTurn", done) == answered
    with pytest.raises(OutcomeUnknown):
        await client.request("session.sendTurn", cut)
