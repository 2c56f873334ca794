"""What is told beside events: journal, heartbeats, ephemera; leases; the last words."""

import asyncio

import pytest

from sidecar.bridge import Timings
from sidecar.contract.results import Done
from tests.bridge.conftest import Bridge, BridgeFactory
from tests.bridge.fakes.backend import event_body
from tests.bridge.fakes.journal import FakeJournal
from tests.bridge.waits import caught_up

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
