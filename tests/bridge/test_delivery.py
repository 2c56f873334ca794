"""Delivery over real sockets: nothing lost, doubled or out of order, within what credit allows."""

import random

import pytest

from sidecar.contract.limits import CREDIT_MIN_BYTES, MESSAGE_BYTES, MIB
from tests.bridge.conftest import Bridge, BridgeFactory
from tests.bridge.fakes.backend import FakeBackend, session
from tests.bridge.waits import caught_up, settled
from tests.support.received import seqs

# the beginning of a stream


@pytest.mark.must("P3.6")
@pytest.mark.must("P3.12")
@pytest.mark.must("P3.14")
@pytest.mark.must("P4.1")
@pytest.mark.must("P4.11")
async def test_a_new_client_gets_hello_snapshot_synchronized_then_events(bridge: Bridge) -> None:
    bridge.backend.emit(7)
    client = await bridge.connected()
    await client.wait_for(lambda: client.synchronized)
    assert client.order == ["response", "snapshot", "synchronized"]
    assert client.hello["resumed"] is False
    assert "reason" not in client.hello
    snapshot = client.snapshots[0]
    assert (snapshot["at"], snapshot["epoch"]) == (7, 1)
    assert set(snapshot["state"]["sessions"]) == {"t1", "t2"}
    last = bridge.backend.emit(3)
    await caught_up(client, last)
    assert seqs(client.events) == [8, 9, 10]
    assert client.gaps == []


@pytest.mark.must("P3.10")
@pytest.mark.must("P3.11")
@pytest.mark.must("P4.3")
async def test_a_client_that_comes_back_gets_every_event_once(bridge: Bridge) -> None:
    client = await bridge.connected()
    await client.wait_for(lambda: client.synchronized)
    last = 0
    for _ in range(5):
        last = bridge.backend.emit(400, filler_bytes=500)
        await caught_up(client, last - random.Random(last).randint(0, 300))
        await client.drop()
        last = bridge.backend.emit(600)
        hello = await client.connect()
        assert hello["resumed"] is True
    await caught_up(client, last)
    assert seqs(client.events) == list(range(1, last + 1))
    bodies = {entry.seq: entry.body for entry in bridge.backend.journal._entries}
    assert all(received.body == bodies[received.seq] for received in client.events)
    assert len(client.snapshots) == 1


@pytest.mark.must("P3.10")
async def test_a_cursor_outlives_a_restart_of_the_sidecar(start_bridge: BridgeFactory) -> None:
    backend = FakeBackend()
    first = await start_bridge(backend)
    backend.emit(5)
    client = first.client()
    await client.connect()
    await client.wait_for(lambda: client.synchronized)
    last = backend.emit(5)
    await caught_up(client, last)
    await first.stop()
    backend.journal.restart()
    last = backend.emit(5)
    second = await start_bridge(backend)
    client.url = second.url
    second.stack.push_async_callback(client.close)
    hello = await client.connect()
    assert (hello["resumed"], hello["epoch"]) == (True, 2)
    await caught_up(client, last)
    assert seqs(client.events) == list(range(6, last + 1))


@pytest.mark.must("P3.10")
async def test_cursor_zero_is_from_the_beginning(bridge: Bridge) -> None:
    last = bridge.backend.emit(5)
    client = bridge.client()
    await client.connect(resume={"logId": "log-1", "epoch": 1, "cursor": 0})
    await caught_up(client, last)
    assert seqs(client.events) == [1, 2, 3, 4, 5]
    assert client.snapshots == []


@pytest.mark.parametrize("reason", ["other_log", "too_old", "rewound"])
@pytest.mark.must("P3.13")
async def test_a_cursor_that_cannot_be_served_gets_one_gap_and_a_snapshot(
    bridge: Bridge, reason: str
) -> None:
    journal = bridge.backend.journal
    bridge.backend.emit(100)
    resume = {"logId": "log-1", "epoch": 1, "cursor": 50}
    if reason == "other_log":
        resume["logId"] = "another"
    elif reason == "too_old":
        journal.drop_before(80)
    else:
        journal.lose_tail(40)
        bridge.backend.emit(100)
    client = bridge.client()
    hello = await client.connect(resume=resume)
    assert (hello["resumed"], hello["reason"]) == (False, reason)
    await client.wait_for(lambda: client.synchronized)
    assert client.order == ["response", "gap", "snapshot", "synchronized"]
    assert [gap["reason"] for gap in client.gaps] == [reason]
    assert client.gaps[0]["from"] <= client.gaps[0]["to"]
    assert client.snapshots[0]["at"] == journal.head
    await caught_up(client, bridge.backend.emit(3))


@pytest.mark.must("P4.3")
async def test_nothing_is_delivered_before_it_is_committed(bridge: Bridge) -> None:
    journal = bridge.backend.journal
    client = await bridge.connected()
    await client.wait_for(lambda: client.synchronized)
    journal.hold()
    bridge.backend.emit(5)
    late = bridge.client("late")
    await late.connect()
    await client.request("session.list")
    await late.request("session.list")
    assert client.events == []
    assert late.snapshots == []
    journal.release()
    await caught_up(client, 5)
    await late.wait_for(lambda: late.synchronized)
    assert late.snapshots[0]["at"] == 5


# credit


@pytest.mark.must("P4.6")
@pytest.mark.must("P4.8")
async def test_without_acks_the_window_closes_and_an_ack_opens_it(bridge: Bridge) -> None:
    client = await bridge.connected(credit_bytes=CREDIT_MIN_BYTES, auto_ack=False)
    await client.wait_for(lambda: client.synchronized)
    await client.ack()
    last = bridge.backend.emit(400, filler_bytes=1_000)
    await client.wait_for(lambda: client.events)
    await settled(bridge)
    held = sum(len(received.body) for received in client.events)
    assert CREDIT_MIN_BYTES <= held <= 2 * CREDIT_MIN_BYTES
    assert client.cursor < last
    client.auto_ack = True
    await client.ack()
    await caught_up(client, last)
    assert seqs(client.events) == list(range(1, last + 1))


@pytest.mark.must("P4.8")
@pytest.mark.must("P2.17")
async def test_an_event_larger_than_the_window_passes_alone(bridge: Bridge) -> None:
    client = await bridge.connected(credit_bytes=CREDIT_MIN_BYTES)
    await client.wait_for(lambda: client.synchronized)
    bridge.backend.emit(3)
    bridge.backend.emit(1, filler_bytes=3 * MIB)
    last = bridge.backend.emit(3)
    await caught_up(client, last)
    assert seqs(client.events) == list(range(1, last + 1))
    assert max(len(received.body) for received in client.events) > 3 * MIB


@pytest.mark.must("P2.11")
async def test_events_around_the_size_of_a_message_all_arrive(bridge: Bridge) -> None:
    client = await bridge.connected()
    await client.wait_for(lambda: client.synchronized)
    for delta in range(-400, 100, 100):
        bridge.backend.emit(1, filler_bytes=MESSAGE_BYTES + delta)
    last = bridge.backend.emit(1)
    await caught_up(client, last)
    assert seqs(client.events) == list(range(1, last + 1))


@pytest.mark.must("P4.7")
async def test_an_old_ack_is_ignored(bridge: Bridge) -> None:
    client = await bridge.connected()
    await client.wait_for(lambda: client.synchronized)
    await caught_up(client, bridge.backend.emit(5))
    for seq in (5, 2, 0, 5):
        await client.ack(seq)
    await caught_up(client, bridge.backend.emit(1))


@pytest.mark.must("P4.9")
async def test_a_snapshot_larger_than_the_window_passes_and_is_acked_by_its_seq(
    bridge: Bridge,
) -> None:
    bridge.backend.sessions["big"] = session("big", "x" * 200_000)
    bridge.backend.emit(4)
    client = await bridge.connected(credit_bytes=CREDIT_MIN_BYTES, auto_ack=False)
    await client.wait_for(lambda: client.synchronized)
    await client.ack(4)
    await client.request("session.list")
    assert bridge.backend.journal.pins["c1"] == 4
    await caught_up(client, bridge.backend.emit(1))


@pytest.mark.must("P2.11")
async def test_a_snapshot_over_the_size_of_a_message_is_joined(bridge: Bridge) -> None:
    bridge.backend.sessions = {f"s{n}": session(f"s{n}", "é" * 100_000) for n in range(20)}
    client = await bridge.connected()
    await client.wait_for(lambda: client.synchronized)
    sessions = client.snapshots[0]["state"]["sessions"]
    assert set(sessions) == set(bridge.backend.sessions)
    item = sessions["s3"]["activeTurn"]["items"][0]
    assert item["text"]["assistant_text"] == "é" * 100_000


@pytest.mark.must("P2.15")
async def test_a_snapshot_that_no_transfer_holds_comes_without_text(bridge: Bridge) -> None:
    text = "x" * (16 * MIB)
    bridge.backend.sessions = {f"s{n}": session(f"s{n}", text) for n in range(5)}
    client = await bridge.connected()
    await client.wait_for(lambda: client.synchronized)
    turn = client.snapshots[0]["state"]["sessions"]["s0"]["activeTurn"]
    assert turn["truncated"] is True
    assert not turn["items"][0].get("text")
    answer = await client.request("snapshot.get")
    assert answer["state"]["sessions"]["s0"]["activeTurn"]["truncated"] is True
