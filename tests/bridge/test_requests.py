"""Requests over real sockets: order, deadlines, keys, cancelling, and answers exactly once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from sidecar.bridge import bounds, calls
from sidecar.contract import methods
from sidecar.contract.errors import (
    Cancelled,
    InternalError,
    InvalidParams,
    LimitExceeded,
    OutcomeUnknown,
    Overloaded,
    ProviderRequestFailed,
    SessionClosed,
    ShuttingDown,
    ValidationFailed,
)
from sidecar.contract.limits import MIB, OPEN_REQUESTS, TRANSFER_BYTES
from sidecar.contract.results import SendTurnResult
from tests.bridge.conftest import Bridge, BridgeFactory
from tests.bridge.fakes.backend import FakeBackend

Answer = Callable[[Any], Awaitable[Any]]


class Gate:
    """A method that waits until the test opens it, and remembers who came in which order."""

    def __init__(self, result: Any = None, error: Exception | None = None) -> None:
        self.entered: list[Any] = []
        self.opened = asyncio.Event()
        self._came = asyncio.Event()
        self._result = result
        self._error = error

    async def __call__(self, params: Any) -> Any:
        self.entered.append(params)
        self._came.set()
        await self.opened.wait()
        if self._error is not None:
            raise self._error
        return self._result

    async def came(self, count: int = 1) -> None:
        """Wait until so many have entered."""
        async with asyncio.timeout(5):
            while len(self.entered) < count:
                self._came.clear()
                await self._came.wait()


def turn(key: str, thread_id: str = "t1", **extra: Any) -> dict[str, Any]:
    return {"idempotencyKey": key, "threadId": thread_id, "input": "x", **extra}


async def shortened(monkeypatch: pytest.MonkeyPatch, method: str, deadline_s: float) -> None:
    spec = msgspec.structs.replace(methods.METHODS[method], deadline_s=deadline_s)
    monkeypatch.setitem(methods.METHODS, method, spec)


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


# the end


@pytest.mark.must("P5.15")
async def test_new_work_during_a_shutdown_is_refused(bridge: Bridge) -> None:
    gate = Gate({})
    bridge.backend.answers["session.get"] = gate
    client = await bridge.connected()
    number = await client.send_request("session.get", {"threadId": "t1"})
    await gate.came()
    stopping = asyncio.create_task(bridge.server.stop())
    await asyncio.sleep(0.05)
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
