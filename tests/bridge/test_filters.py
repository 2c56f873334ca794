"""Clients that want some threads alone: what they get, and how far they are told to be."""

import pytest

from sidecar.contract.errors import ValidationFailed
from tests.bridge.conftest import Bridge, BridgeFactory
from tests.bridge.waits import caught_up
from tests.support.received import seqs


@pytest.mark.must("P4.2")
@pytest.mark.must("P4.4")
async def test_a_filtered_client_gets_its_threads_alone(bridge: Bridge) -> None:
    client = await bridge.connected(threads=["t2"])
    await client.wait_for(lambda: client.synchronized)
    assert set(client.snapshots[0]["state"]["sessions"]) == {"t2"}
    for _ in range(10):
        bridge.backend.emit(3, "t1")
        last = bridge.backend.emit(2, "t2")
    await caught_up(client, last)
    assert len(client.events) == 20
    assert {received.event["threadId"] for received in client.events} == {"t2"}


@pytest.mark.must("P4.5")
async def test_a_filtered_client_is_told_how_far_it_is(start_bridge: BridgeFactory) -> None:
    bridge = await start_bridge(heartbeat_ms=50)
    client = await bridge.connected(threads=["t2"])
    await client.wait_for(lambda: client.synchronized)
    last = bridge.backend.emit(50, "t1")
    await client.wait_for(lambda: client.advances and client.advances[-1] == last)
    await client.request("session.list")
    assert bridge.backend.journal.pins["c1"] == last
    await client.drop()
    bridge.backend.emit(50, "t1")
    last = bridge.backend.emit(1, "t2")
    assert (await client.connect())["resumed"] is True
    await client.wait_for(lambda: client.events)
    assert seqs(client.events) == [last]


@pytest.mark.must("P4.10")
async def test_the_advance_over_a_filtered_backlog_precedes_synchronized(bridge: Bridge) -> None:
    bridge.backend.emit(50, "t1")
    client = bridge.client(threads=["t2"])
    await client.connect(resume={"logId": "log-1", "epoch": 1, "cursor": 10})
    await client.wait_for(lambda: client.synchronized)
    assert client.order == ["response", "advance", "synchronized"]
    assert client.advances == [50]


@pytest.mark.must("P4.4")
async def test_subscribe_is_in_force_at_its_response(bridge: Bridge) -> None:
    client = await bridge.connected(threads=["t1"])
    await client.wait_for(lambda: client.synchronized)
    bridge.backend.emit(2_000, "t1", filler_bytes=500)
    await client.request("subscribe", {"threads": ["t2"]})
    before = len(client.events)
    client.threads = ["t2"]
    bridge.backend.emit(5, "t1")
    last = bridge.backend.emit(1, "t2")
    await caught_up(client, last)
    assert {received.event["threadId"] for received in client.events[before:]} == {"t2"}
    await client.request("subscribe", {"threads": None})
    last = bridge.backend.emit(1, "t1")
    await caught_up(client, last)
    assert client.events[-1].event["threadId"] == "t1"


@pytest.mark.must("P4.4")
async def test_subscribe_with_after_goes_on_behind_it(bridge: Bridge) -> None:
    client = await bridge.connected(threads=["t1"])
    await client.wait_for(lambda: client.synchronized)
    bridge.backend.emit(3, "t1")
    bridge.backend.emit(3, "t2")
    last = bridge.backend.emit(1, "t1")
    await caught_up(client, last)
    client.threads, client.cursor = ["t2"], 3
    await client.request("subscribe", {"threads": ["t2"], "after": 3})
    await client.wait_for(lambda: len(client.synchronized) == 2)
    assert seqs(client.events[-3:]) == [4, 5, 6]
    with pytest.raises(ValidationFailed) as caught:
        await client.request("subscribe", {"after": last + 1})
    assert caught.value.data["head"] == last


@pytest.mark.must("P4.4")
async def test_subscribe_behind_what_is_gone_is_a_gap_and_a_snapshot(bridge: Bridge) -> None:
    client = await bridge.connected()
    last = bridge.backend.emit(100)
    await caught_up(client, last)
    bridge.backend.journal.drop_before(50)
    await client.request("subscribe", {"after": 10})
    await client.wait_for(lambda: len(client.snapshots) == 2)
    assert client.gaps == [{"from": 11, "to": 100, "reason": "too_old"}]
