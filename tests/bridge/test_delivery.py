"""Delivery over real sockets: nothing lost, doubled or out of order, whatever clients do."""

import asyncio
import random

import pytest

from sidecar.bridge import Timings
from sidecar.contract.errors import ValidationFailed
from sidecar.contract.limits import CREDIT_MIN_BYTES, MESSAGE_BYTES, MIB
from sidecar.contract.results import Done
from tests.bridge.conftest import Bridge, BridgeFactory
from tests.bridge.fakes.backend import FakeBackend, event_body, session
from tests.bridge.fakes.journal import FakeJournal
from tests.support.client import SidecarClient, seqs


async def caught_up(client: SidecarClient, seq: int) -> None:
    await client.wait_for(lambda: client.cursor >= seq, f"seq {seq}")


async def settled(bridge: Bridge) -> None:
    """Wait until the server has nothing more to do for anybody."""
    async with asyncio.timeout(5):
        while True:
            reads = bridge.backend.journal.reads
            await asyncio.sleep(0.1)
            if reads == bridge.backend.journal.reads:
                return


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


# slow clients


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


# filters


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


# journal, heartbeats, ephemera


@pytest.mark.must("P4.14")
async def test_the_journals_state_is_told_at_once_and_in_heartbeats(
    start_bridge: BridgeFactory,
) -> None:
    bridge = await start_bridge(heartbeat_ms=50)
    client = await bridge.connected(beat_s=0.05)
    await client.wait_for(lambda: client.controls("heartbeat"))
    assert "journal" not in client.controls("heartbeat")[0]
    bridge.backend.journal.set_state("full", "no room on the disk")
    await client.wait_for(lambda: client.controls("journal"))
    assert client.controls("journal") == [{"state": "full", "message": "no room on the disk"}]
    await client.wait_for(lambda: client.controls("heartbeat")[-1].get("journal") == "full")
    late = await bridge.connected("late", beat_s=0.05)
    await late.wait_for(lambda: late.controls("journal"))
    assert late.order[0] == "response"
    bridge.backend.journal.set_state("ok")
    await client.wait_for(lambda: client.controls("journal")[-1] == {"state": "ok"})


async def test_a_journal_that_is_gone_leaves_requests_answered(bridge: Bridge) -> None:
    client = await bridge.connected()
    await client.wait_for(lambda: client.synchronized)
    journal = bridge.backend.journal
    journal.hold()
    bridge.backend.emit(1)
    late = await bridge.connected("late")  # waits for the commit of its snapshot
    await journal.close()
    assert await client.request("session.get", {"threadId": "t1"}) == {}
    assert await late.request("session.get", {"threadId": "t1"}) == {}


@pytest.mark.must("P4.15")
async def test_heartbeats_tell_head_and_sent(start_bridge: BridgeFactory) -> None:
    bridge = await start_bridge(heartbeat_ms=50)
    client = await bridge.connected(beat_s=0.05)
    last = bridge.backend.emit(5)
    await client.wait_for(
        lambda: any(beat["sent"] == last for beat in client.controls("heartbeat"))
    )
    beat = client.controls("heartbeat")[-1]
    assert (beat["head"], beat["sent"]) == (last, last)
    assert beat["monoMs"] > 0
    assert beat["wallMs"] > 1_700_000_000_000


@pytest.mark.must("P4.16")
async def test_three_silent_intervals_close_with_4408(start_bridge: BridgeFactory) -> None:
    bridge = await start_bridge(heartbeat_ms=100)
    silent = await bridge.connected("silent", beat_s=60.0)
    alive = await bridge.connected("alive", beat_s=0.1)
    assert await silent.wait_closed(timeout_s=3 * 0.4) == 4408
    assert silent.controls("goodbye") == [{"reason": "silent"}]
    assert alive.close_code is None


@pytest.mark.must("P4.15")
async def test_any_message_is_a_sign_of_life(start_bridge: BridgeFactory) -> None:
    bridge = await start_bridge(heartbeat_ms=100)
    client = await bridge.connected(beat_s=60.0)
    for _ in range(12):
        await client.request("session.list")
        await asyncio.sleep(0.05)
    assert client.close_code is None


@pytest.mark.must("P4.13")
async def test_ephemera_reach_those_who_may_see_them(bridge: Bridge) -> None:
    everything = await bridge.connected("everything")
    filtered = await bridge.connected("filtered", threads=["t2"])
    await everything.wait_for(lambda: everything.synchronized)
    await filtered.wait_for(lambda: filtered.synchronized)
    bridge.backend.tell({"topic": "event", "event": event_body(1, "t1")})
    bridge.backend.tell({"topic": "metrics", "data": {"x": 1}})
    await everything.wait_for(lambda: len(everything.controls("ephemeral")) == 2)
    await filtered.wait_for(lambda: filtered.controls("ephemeral"))
    assert [e["topic"] for e in everything.controls("ephemeral")] == ["event", "metrics"]
    assert [e["topic"] for e in filtered.controls("ephemeral")] == ["metrics"]


# retention


async def test_cursors_of_clients_hold_retention_back_until_their_lease_ends(
    start_bridge: BridgeFactory,
) -> None:
    bridge = await start_bridge(timings=Timings(lease_s=0.1))
    journal: FakeJournal = bridge.backend.journal
    client = await bridge.connected()
    last = bridge.backend.emit(5)
    await caught_up(client, last)
    await client.request("session.list")
    assert journal.pins == {"c1": last}
    await client.drop()
    async with asyncio.timeout(5):
        while journal.pins:
            await asyncio.sleep(0.02)


async def test_a_client_that_comes_back_keeps_its_lease(start_bridge: BridgeFactory) -> None:
    bridge = await start_bridge(timings=Timings(lease_s=0.2))
    client = await bridge.connected()
    await client.drop()
    await client.connect()
    await asyncio.sleep(0.4)
    assert "c1" in bridge.backend.journal.pins


# the end


@pytest.mark.must("P5.15")
async def test_a_shutdown_delivers_the_last_events_says_goodbye_and_closes(
    bridge: Bridge,
) -> None:
    client = await bridge.connected()
    await client.wait_for(lambda: client.synchronized)
    last = bridge.backend.emit(3_000, filler_bytes=1_000)
    await bridge.server.stop("asked")
    assert await client.wait_closed() == 1001
    assert client.cursor == last
    assert client.controls("goodbye") == [{"reason": "shutdown"}]
    assert client.order[-1] == "goodbye"


@pytest.mark.must("P5.15")
async def test_a_shutdown_waits_for_nobody_beyond_its_deadlines(
    start_bridge: BridgeFactory,
) -> None:
    bridge = await start_bridge(timings=Timings(drain_s=0.2, close_s=0.2))
    deaf = await bridge.connected(auto_ack=False)
    deaf.stop_reading()
    silent = await bridge.raw()
    bridge.backend.emit(30_000, filler_bytes=1_000)
    async with asyncio.timeout(3 * (0.2 + 3 * 0.2)):
        await bridge.server.stop()
    assert await silent.closed() in (1001, 1006)


async def test_a_result_may_be_a_struct(bridge: Bridge) -> None:
    async def stop(_params: object) -> Done:
        return Done()

    bridge.backend.answers["session.stop"] = stop
    bridge.backend.emit(4)
    client = await bridge.connected()
    assert await client.request("session.stop", {"threadId": "t1"}) == {"at": 4}
