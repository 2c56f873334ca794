"""Clients that do not read, or read slowly: they cost a window, and nobody else waits."""

import asyncio

import pytest

from sidecar.bridge import Timings
from sidecar.contract.limits import CREDIT_MIN_BYTES
from sidecar.journal.errors import JournalUnavailable
from tests.bridge.conftest import Bridge, BridgeFactory
from tests.bridge.fakes.backend import FakeBackend, session
from tests.bridge.waits import caught_up, settled
from tests.support.received import seqs


async def test_a_client_that_never_reads_costs_one_window(bridge: Bridge) -> None:
    deaf = await bridge.connected("deaf", auto_ack=False)
    await deaf.wait_for(lambda: deaf.synchronized)
    deaf.stop_reading()
    other = await bridge.connected("other")
    for _ in range(20):
        last = bridge.backend.emit(1_000, filler_bytes=1_000)
        await caught_up(other, last)
    await settled(bridge)
    connection = next(c for c in bridge.server._clients if c.client_id == "deaf")
    assert connection._delivery is not None
    assert connection._delivery.sent_seq < last / 2
    assert bridge.backend.journal.largest_read_bytes <= 512 * 1024
    deaf.auto_ack = True
    deaf.resume_reading()
    await deaf.ack(0)
    await deaf.wait_for(lambda: deaf.events)
    await deaf.ack()
    await caught_up(deaf, last)
    assert seqs(deaf.events) == list(range(1, last + 1))


@pytest.mark.must("P3.15")
async def test_snapshot_get_under_backlog_is_answered_and_nothing_is_lost(bridge: Bridge) -> None:
    bridge.backend.sessions = {f"s{n}": session(f"s{n}", "x" * 200_000) for n in range(20)}
    last = bridge.backend.emit(30_000, filler_bytes=200)
    client = bridge.client()
    await client.connect(resume={"logId": "log-1", "epoch": 1, "cursor": 0})
    for _ in range(10):
        answer = await client.request("snapshot.get")
        assert answer["at"] == last
    assert not client.synchronized or client.cursor == last
    await caught_up(client, last)
    assert seqs(client.events) == list(range(1, last + 1))


@pytest.mark.must("P4.10")
async def test_answers_overtake_events_that_wait_for_credit(bridge: Bridge) -> None:
    client = await bridge.connected(credit_bytes=CREDIT_MIN_BYTES, auto_ack=False)
    bridge.backend.emit(1_000, filler_bytes=1_000)
    await client.wait_for(lambda: client.events)
    await settled(bridge)
    assert await client.request("session.get", {"threadId": "t1"}) == {}


async def test_responses_that_nobody_reads_close_with_4413(start_bridge: BridgeFactory) -> None:
    backend = FakeBackend()
    backend.sessions = {f"s{n}": session(f"s{n}", "x" * 200_000) for n in range(20)}
    bridge = await start_bridge(backend, timings=Timings(stall_s=0.3, close_s=0.3))
    other = await bridge.connected("other")
    deaf = await bridge.connected("deaf")
    await deaf.wait_for(lambda: deaf.synchronized)
    deaf.stop_reading()
    for _ in range(20):
        await deaf.send_request("snapshot.get")
    async with asyncio.timeout(10):
        while len(bridge.server._clients) > 1:
            await asyncio.sleep(0.02)
    assert await other.request("session.get", {"threadId": "t1"}) == {}
    deaf.resume_reading()
    # the close frame could not overtake what the client does not read
    assert await deaf.wait_closed() in (4413, 1006)


async def test_retention_that_passes_a_slow_client_is_one_gap_and_a_snapshot(
    bridge: Bridge,
) -> None:
    client = await bridge.connected(credit_bytes=CREDIT_MIN_BYTES, auto_ack=False)
    await client.wait_for(lambda: client.synchronized)
    bridge.backend.emit(1_000, filler_bytes=1_000)
    await client.wait_for(lambda: client.events)
    await settled(bridge)
    bridge.backend.journal.drop_before(900)
    client.auto_ack = True
    await client.ack()
    await client.wait_for(lambda: len(client.synchronized) == 2)
    assert [gap["reason"] for gap in client.gaps] == ["too_old"]
    assert client.snapshots[-1]["at"] == 1_000
    await caught_up(client, bridge.backend.emit(3))


async def test_a_read_that_fails_ends_the_connection_and_the_client_comes_back(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await bridge.connected()
    await client.wait_for(lambda: client.synchronized)
    with monkeypatch.context() as patch:

        async def fails(*_args: object, **_options: object) -> None:
            raise JournalUnavailable("unable to open database file")

        patch.setattr(bridge.backend.journal, "read", fails)
        last = bridge.backend.emit(3)
        assert await client.wait_closed() == 1011
    hello = await client.connect()
    assert hello["resumed"] is True
    await caught_up(client, last)
    assert seqs(client.events) == [1, 2, 3]
