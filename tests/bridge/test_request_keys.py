"""Idempotency keys and cancelling over real sockets: once, and answered exactly once."""

import asyncio

import pytest

from sidecar.bridge import bounds
from sidecar.contract import methods
from sidecar.contract.errors import (
    Cancelled,
    InvalidParams,
    OutcomeUnknown,
    Overloaded,
    SessionClosed,
    ValidationFailed,
)
from tests.bridge.conftest import Bridge, BridgeFactory
from tests.bridge.fakes.backend import FakeBackend
from tests.bridge.gate import Gate, turn

# cancelling


@pytest.mark.must("P5.7")
async def test_cancel_answers_cancelled_and_ends_what_only_reads(bridge: Bridge) -> None:
    gate = Gate({})
    bridge.backend.answers["session.get"] = gate
    client = await bridge.connected()
    number = await client.send_request("session.get", {"threadId": "t1"})
    await gate.came()
    await client.notify("cancel", {"id": number})
    with pytest.raises(Cancelled):
        await client.answer_to(number)
    async with asyncio.timeout(5):
        while not bridge.backend.ended:
            await asyncio.sleep(0.01)
    assert bridge.backend.ended == [("session.get", "cancelled")]


@pytest.mark.must("P5.7")
async def test_cancel_lets_go_on_what_has_begun_to_change_something(bridge: Bridge) -> None:
    gate = Gate({"threadId": "t1", "turnId": "u1"})
    bridge.backend.answers["session.sendTurn"] = gate
    client = await bridge.connected()
    number = await client.send_request("session.sendTurn", turn("k1"))
    await gate.came()
    await client.notify("cancel", {"id": number})
    with pytest.raises(Cancelled):
        await client.answer_to(number)
    gate.opened.set()
    again = await client.request("session.sendTurn", turn("k1"))
    assert again["turnId"] == "u1"
    assert len(gate.entered) == 1


@pytest.mark.must("P5.7")
async def test_cancel_takes_back_what_waits_for_its_turn(bridge: Bridge) -> None:
    gate = Gate({})
    bridge.backend.answers["session.sendTurn"] = gate
    client = await bridge.connected()
    first = await client.send_request("session.sendTurn", turn("k1"))
    await gate.came()
    second = await client.send_request("session.sendTurn", turn("k2"))
    third = await client.send_request("session.sendTurn", turn("k3"))
    await client.notify("cancel", {"id": second})
    with pytest.raises(Cancelled):
        await client.answer_to(second)
    gate.opened.set()
    await client.answer_to(first)
    await client.answer_to(third)
    assert [params.idempotency_key for params in gate.entered] == ["k1", "k3"]


@pytest.mark.must("P5.7")
async def test_cancel_of_what_is_not_open_is_ignored(bridge: Bridge) -> None:
    client = await bridge.connected()
    await client.request("session.list")
    for number in (1, 2, 99):
        await client.notify("cancel", {"id": number})
    assert await client.request("session.list") == {}


# keys


@pytest.mark.must("P5.3")
async def test_without_a_key_invalid_params(bridge: Bridge) -> None:
    client = await bridge.connected()
    for name, spec in methods.METHODS.items():
        if spec.idempotent:
            with pytest.raises(InvalidParams) as caught:
                await client.request(name, {"threadId": "t1"})
            assert caught.value.data["path"] == "idempotencyKey"
    with pytest.raises(InvalidParams):
        await client.request("session.sendTurn", turn("k" * (bounds.KEY_CHARS + 1)))
    assert bridge.backend.calls == []


@pytest.mark.parametrize("method", ["session.sendTurn", "session.respondToRequest"])
@pytest.mark.must("P5.4")
async def test_a_repeated_key_joins_the_running_call(bridge: Bridge, method: str) -> None:
    gate = Gate({"threadId": "t1", "turnId": "u1"})
    bridge.backend.answers[method] = gate
    client = await bridge.connected()
    params = turn("k1", requestId="r", decision="accept")
    numbers = [await client.send_request(method, params) for _ in range(5)]
    await gate.came()
    gate.opened.set()
    answers = [await client.answer_to(number) for number in numbers]
    assert all(answer == answers[0] for answer in answers)
    assert len(gate.entered) == 1


@pytest.mark.must("P5.4")
@pytest.mark.must("P5.6")
async def test_a_call_outlives_its_connection_and_is_found_by_its_key(bridge: Bridge) -> None:
    gate = Gate({"threadId": "t1", "turnId": "u1"})
    bridge.backend.answers["session.sendTurn"] = gate
    client = await bridge.connected()
    await client.send_request("session.sendTurn", turn("k1"))
    await gate.came()
    await client.drop()
    await client.connect()
    number = await client.send_request("session.sendTurn", turn("k1"))
    gate.opened.set()
    assert (await client.answer_to(number))["turnId"] == "u1"
    await client.drop()
    await client.connect()
    assert (await client.request("session.sendTurn", turn("k1")))["turnId"] == "u1"
    assert len(gate.entered) == 1


async def test_what_only_reads_ends_with_its_connection(bridge: Bridge) -> None:
    gate = Gate({})
    bridge.backend.answers["session.get"] = gate
    client = await bridge.connected()
    await client.send_request("session.get", {"threadId": "t1"})
    await gate.came()
    await client.drop()
    async with asyncio.timeout(5):
        while not bridge.backend.ended:
            await asyncio.sleep(0.01)
    assert bridge.backend.ended == [("session.get", "cancelled")]


@pytest.mark.must("P5.4")
async def test_an_error_is_an_answer_too(bridge: Bridge) -> None:
    gate = Gate(error=SessionClosed("Cannot: stopped", threadId="t1"))
    gate.opened.set()
    bridge.backend.answers["session.sendTurn"] = gate
    client = await bridge.connected()
    for _ in range(3):
        with pytest.raises(SessionClosed) as caught:
            await client.request("session.sendTurn", turn("k1"))
        assert caught.value.data == {"threadId": "t1"}
    assert len(gate.entered) == 1


@pytest.mark.must("P5.4")
async def test_an_error_that_says_come_again_is_not_kept(bridge: Bridge) -> None:
    failing = Gate(error=Overloaded("Cannot: no room"))
    failing.opened.set()
    bridge.backend.answers["session.sendTurn"] = failing
    client = await bridge.connected()
    with pytest.raises(Overloaded):
        await client.request("session.sendTurn", turn("k1"))
    del bridge.backend.answers["session.sendTurn"]
    assert await client.request("session.sendTurn", turn("k1")) == {"at": 0}
    assert len(bridge.backend.calls) == 2


@pytest.mark.must("P5.5")
async def test_other_params_under_a_key_are_validation(bridge: Bridge) -> None:
    gate = Gate({})
    bridge.backend.answers["session.sendTurn"] = gate
    client = await bridge.connected()
    number = await client.send_request("session.sendTurn", turn("k1"))
    await gate.came()
    with pytest.raises(ValidationFailed):  # while it runs
        await client.request("session.sendTurn", turn("k1", input="y"))
    gate.opened.set()
    await client.answer_to(number)
    with pytest.raises(ValidationFailed):  # and when it has its answer
        await client.request("session.sendTurn", turn("k1", input="y"))
    assert len(gate.entered) == 1


@pytest.mark.must("P5.5")
async def test_keys_belong_to_a_client_and_a_method(bridge: Bridge) -> None:
    one, two = await bridge.connected("one"), await bridge.connected("two")
    await one.request("session.sendTurn", turn("k1"))
    await two.request("session.sendTurn", turn("k1"))
    await one.request("session.restart", {"idempotencyKey": "k1", "threadId": "t1"})
    assert len(bridge.backend.calls) == 3


@pytest.mark.must("P5.4")
@pytest.mark.must("P5.6")
async def test_answers_and_intents_outlive_the_sidecar(start_bridge: BridgeFactory) -> None:
    backend = FakeBackend()
    gate = Gate({})
    first = await start_bridge(backend)
    client = first.client()
    await client.connect()
    answered = await client.request("session.sendTurn", turn("done"))
    backend.answers["session.sendTurn"] = gate
    await client.send_request("session.sendTurn", turn("cut"))
    await gate.came()
    await client.drop()
    await first.server.stop()  # the call is cut: its intent is written, its answer is not
    backend.journal.restart()
    calls_before = len(backend.calls)
    second = await start_bridge(backend)
    client.url = second.url
    second.stack.push_async_callback(client.close)
    await client.connect()
    assert await client.request("session.sendTurn", turn("done")) == answered
    with pytest.raises(OutcomeUnknown):
        await client.request("session.sendTurn", turn("cut"))
    assert len(backend.calls) == calls_before


@pytest.mark.must("P5.6")
async def test_no_call_without_its_intent_in_the_journal(bridge: Bridge) -> None:
    bridge.backend.journal.set_state("full")
    client = await bridge.connected()
    with pytest.raises(Overloaded) as caught:
        await client.request("session.sendTurn", turn("k1"))
    assert caught.value.data["journal"] == "full"
    assert bridge.backend.calls == []
    await client.request("session.stop", {"threadId": "t1"})  # stopping works without a journal
    bridge.backend.journal.set_state("ok")
    assert await client.request("session.sendTurn", turn("k1")) == {"at": 0}
