"""Requests over real sockets: results, order, bounds and deadlines, and the end."""

import asyncio
from typing import Any

import msgspec
import pytest

from sidecar.bridge import calls
from sidecar.contract import methods
from sidecar.contract.errors import (
    InternalError,
    LimitExceeded,
    Overloaded,
    ProviderRequestFailed,
    SessionClosed,
    ShuttingDown,
    ValidationFailed,
)
from sidecar.contract.limits import MIB, OPEN_REQUESTS, TRANSFER_BYTES
from sidecar.contract.results import SendTurnResult
from tests.bridge.conftest import Bridge
from tests.bridge.gate import Gate, shortened, turn

# results


@pytest.mark.must("P5.2")
async def test_a_mutating_result_carries_the_committed_seq(bridge: Bridge) -> None:
    async def send_turn(_params: Any) -> SendTurnResult:
        bridge.backend.emit(3)
        return SendTurnResult("t1", "u1")

    bridge.backend.answers["session.sendTurn"] = send_turn
    client = await bridge.connected()
    answer = await client.request("session.sendTurn", turn("k1"))
    assert answer == {"threadId": "t1", "turnId": "u1", "at": 3}
    assert "at" not in await client.request("session.list")


@pytest.mark.must("P5.2")
async def test_the_answer_waits_for_the_commit_of_what_it_did(bridge: Bridge) -> None:
    async def interrupt(_params: Any) -> None:
        bridge.backend.journal.hold()
        bridge.backend.emit(1)

    bridge.backend.answers["session.interrupt"] = interrupt
    client = await bridge.connected()
    number = await client.send_request("session.interrupt", {"threadId": "t1"})
    await client.request("session.list")
    assert not client._waiting[number].done()
    bridge.backend.journal.release()
    assert await client.answer_to(number) == {"at": 1}


async def test_a_full_journal_keeps_no_answer_back(bridge: Bridge) -> None:
    async def stop(_params: Any) -> None:
        bridge.backend.emit(1)

    bridge.backend.answers["session.stop"] = stop
    bridge.backend.journal.hold()
    bridge.backend.journal.set_state("full")
    client = await bridge.connected()
    assert await client.request("session.stop", {"threadId": "t1"}, timeout_s=2) == {"at": 0}


async def test_every_method_of_the_table_reaches_the_backend_or_is_answered(
    bridge: Bridge,
) -> None:
    client = await bridge.connected()
    params: dict[str, Any] = {
        "idempotencyKey": "k",
        "threadId": "t1",
        "provider": "p",
        "runtimeMode": "auto",
        "requestId": "r",
        "decision": "accept",
        "answers": {},
        "key": "k",
        "value": 1,
        "numTurns": 1,
        "after": 0,
    }
    for name, spec in methods.METHODS.items():
        known = {
            field.encode_name: params[field.encode_name]
            for field in msgspec.structs.fields(spec.params)
            if field.encode_name in params and field.required
        }
        result = await client.request(name, known)
        assert ("at" in result) == (spec.mutating or name == "snapshot.get"), name
    own = {"snapshot.get", "events.read", "subscribe"}
    assert {name for name, _ in bridge.backend.calls} == set(methods.METHODS) - own


@pytest.mark.must("P2.11")
async def test_large_requests_and_results_are_joined(bridge: Bridge) -> None:
    async def echo(params: Any) -> dict[str, Any]:
        return {"config": {"value": params.value}}

    bridge.backend.answers["session.setConfig"] = echo
    client = await bridge.connected()
    value = bytes(range(256)) * (5 * MIB // 256)
    answer = await client.request(
        "session.setConfig", {"threadId": "t1", "key": "k", "value": value}
    )
    assert answer["config"]["value"] == value


async def test_a_result_that_no_transfer_holds_is_an_error(bridge: Bridge) -> None:
    async def huge(_params: Any) -> dict[str, Any]:
        return {"metrics": {"x": bytes(TRANSFER_BYTES)}}

    async def strange(_params: Any) -> dict[str, Any]:
        return {"metrics": {"x": object()}}

    bridge.backend.answers["metrics.get"] = huge
    bridge.backend.answers["session.list"] = strange
    client = await bridge.connected()
    with pytest.raises(LimitExceeded) as caught:
        await client.request("metrics.get")
    assert caught.value.data["limit"] == "transferBytes"
    with pytest.raises(InternalError):
        await client.request("session.list")
    assert await client.request("session.get", {"threadId": "t1"}) == {}


@pytest.mark.must("P6.1")
@pytest.mark.must("P6.2")
async def test_errors_cross_with_code_key_and_data(bridge: Bridge) -> None:
    async def closed(_params: Any) -> None:
        raise SessionClosed("Cannot interrupt t1: it has stopped", threadId="t1", provider="p")

    bridge.backend.answers["session.interrupt"] = closed
    client = await bridge.connected()
    with pytest.raises(SessionClosed) as caught:
        await client.request("session.interrupt", {"threadId": "t1"})
    assert caught.value.data == {"threadId": "t1", "provider": "p"}
    assert caught.value.message == "Cannot interrupt t1: it has stopped"


# order


@pytest.mark.must("P5.9")
async def test_one_session_in_order_and_others_at_once(bridge: Bridge) -> None:
    gates = {"t1": Gate({}), "t2": Gate({})}

    async def by_thread(params: Any) -> Any:
        return await gates[params.thread_id](params)

    bridge.backend.answers["session.sendTurn"] = by_thread
    bridge.backend.answers["session.setConfig"] = by_thread
    client, other = await bridge.connected("one"), await bridge.connected("two")
    first = await client.send_request("session.sendTurn", turn("k1"))
    await gates["t1"].came()
    second = await other.send_request(
        "session.setConfig", {"threadId": "t1", "key": "k", "value": 1}
    )
    third = await client.send_request("session.sendTurn", turn("k2", "t2"))
    await gates["t2"].came()
    await client.request("session.interrupt", {"threadId": "t1"})
    await client.request(
        "session.respondToRequest",
        {"idempotencyKey": "k", "threadId": "t1", "requestId": "r", "decision": "accept"},
    )
    await client.request("session.stop", {"threadId": "t1"})
    await client.request("session.get", {"threadId": "t1"})
    assert len(gates["t1"].entered) == 1
    gates["t1"].opened.set()
    gates["t2"].opened.set()
    for asker, number in ((client, first), (other, second), (client, third)):
        await asker.answer_to(number)
    names = [name for name, params in bridge.backend.calls if params.thread_id == "t1"]
    assert names.index("session.setConfig") == len(names) - 1


@pytest.mark.must("P5.9")
async def test_a_burst_to_one_session_runs_in_the_order_of_its_messages(bridge: Bridge) -> None:
    client = await bridge.connected()
    numbers = []
    for value in range(60):
        if value % 3 == 0:
            numbers.append(await client.send_request("session.sendTurn", turn(f"k{value}")))
        else:
            params = {"threadId": "t1", "key": "k", "value": value}
            numbers.append(await client.send_request("session.setConfig", params))
    for number in numbers:
        await client.answer_to(number)
    seen = [
        int(params.idempotency_key[1:]) if name == "session.sendTurn" else params.value
        for name, params in bridge.backend.calls
    ]
    assert seen == list(range(60))


# bounds and deadlines


@pytest.mark.must("P5.10")
async def test_more_than_the_open_requests_are_overloaded(bridge: Bridge) -> None:
    gate = Gate({})
    bridge.backend.answers["session.get"] = gate
    client = await bridge.connected()
    numbers = [
        await client.send_request("session.get", {"threadId": "t1"}) for _ in range(OPEN_REQUESTS)
    ]
    with pytest.raises(Overloaded) as caught:
        await client.request("session.list")
    assert caught.value.retryable
    gate.opened.set()
    for number in numbers:
        assert await client.answer_to(number) == {}
    assert await client.request("session.list") == {}


async def test_calls_of_all_connections_have_a_bound(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "CALLS", 3)
    gate = Gate({})
    bridge.backend.answers["session.get"] = gate
    one, two = await bridge.connected("one"), await bridge.connected("two")
    for _ in range(3):
        await one.send_request("session.get", {"threadId": "t1"})
    await gate.came(3)
    with pytest.raises(Overloaded):
        await two.request("session.list")
    gate.opened.set()


@pytest.mark.must("P5.8")
async def test_a_request_that_runs_into_its_deadline_is_answered(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shortened(monkeypatch, "session.readThread", 0.1)
    bridge.backend.answers["session.readThread"] = Gate()
    client = await bridge.connected()
    with pytest.raises(ProviderRequestFailed) as caught:
        await client.request("session.readThread", {"threadId": "t1"})
    assert caught.value.data["deadlineMs"] == 100
    assert bridge.backend.ended == [("session.readThread", "cancelled")]


@pytest.mark.must("P5.8")
async def test_waiting_for_its_turn_counts_towards_the_deadline(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shortened(monkeypatch, "session.readThread", 0.1)
    gate = Gate({})
    bridge.backend.answers["session.sendTurn"] = gate
    client = await bridge.connected()
    number = await client.send_request("session.sendTurn", turn("k1"))
    await gate.came()
    with pytest.raises(ProviderRequestFailed):
        await client.request("session.readThread", {"threadId": "t1"})
    gate.opened.set()
    await client.answer_to(number)
    assert [name for name, _ in bridge.backend.calls] == ["session.sendTurn"]


async def test_a_timeout_of_the_backend_is_not_taken_for_the_deadline(bridge: Bridge) -> None:
    async def impatient(_params: Any) -> None:
        raise TimeoutError

    bridge.backend.answers["session.list"] = impatient
    client = await bridge.connected()
    with pytest.raises(InternalError):
        await client.request("session.list")


# the end


@pytest.mark.must("P5.15")
async def test_new_work_during_a_shutdown_is_refused(bridge: Bridge) -> None:
    gate = Gate({})
    bridge.backend.answers["session.get"] = gate
    client = await bridge.connected()
    number = await client.send_request("session.get", {"threadId": "t1"})
    await gate.came()
    stopping = asyncio.create_task(bridge.server.stop())
    await asyncio.sleep(0)  # its first step says that it stops
    with pytest.raises(ShuttingDown):
        await client.request("session.list")
    gate.opened.set()
    assert await client.answer_to(number) == {}  # what was under way is answered
    await stopping
    assert await client.wait_closed() == 1001


async def test_a_call_that_ignores_everything_does_not_hold_a_shutdown(bridge: Bridge) -> None:
    gate = Gate({})
    bridge.backend.answers["session.sendTurn"] = gate
    client = await bridge.connected()
    await client.send_request("session.sendTurn", turn("k1"))
    await gate.came()
    async with asyncio.timeout(10):
        await bridge.server.stop()
    assert bridge.backend.ended == [("session.sendTurn", "cancelled")]


# reading


async def test_events_read_pages_to_the_head(bridge: Bridge) -> None:
    last = bridge.backend.emit(25)
    client = await bridge.connected()
    after, seen = 0, []
    while True:
        page = await client.request("events.read", {"after": after, "limit": 10})
        assert page["head"] == last
        seen += [seq for seq, _ in page["events"]]
        if page["next"] == after:
            break
        after = page["next"]
    assert seen == list(range(1, last + 1))


async def test_events_read_filters_and_is_bounded_in_bytes(bridge: Bridge) -> None:
    for _ in range(10):
        bridge.backend.emit(1, "t1", filler_bytes=MIB)
        bridge.backend.emit(1, "t2")
    client = await bridge.connected()
    page = await client.request("events.read", {"after": 0, "limit": 100, "threads": ["t2"]})
    assert [seq for seq, _ in page["events"]] == list(range(2, 21, 2))
    page = await client.request("events.read", {"after": 0, "limit": 100})
    assert 3 * MIB < sum(len(body) for _, body in page["events"]) < 6 * MIB
    assert page["next"] == page["events"][-1][0]


async def test_events_read_behind_what_is_gone_or_not_there(bridge: Bridge) -> None:
    last = bridge.backend.emit(10)
    bridge.backend.journal.drop_before(5)
    client = await bridge.connected()
    with pytest.raises(ValidationFailed) as caught:
        await client.request("events.read", {"after": 2})
    assert caught.value.data["oldest"] == 5
    with pytest.raises(ValidationFailed):
        await client.request("events.read", {"after": last + 1})
    page = await client.request("events.read", {"after": last})
    assert (page["events"], page["next"]) == ([], last)


async def test_snapshot_get_is_the_committed_fold(bridge: Bridge) -> None:
    last = bridge.backend.emit(3)
    client = await bridge.connected()
    answer = await client.request("snapshot.get", {"threads": ["t2"]})
    assert (answer["at"], answer["epoch"]) == (last, 1)
    assert set(answer["state"]["sessions"]) == {"t2"}
