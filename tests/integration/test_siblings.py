"""What one session does wrong, others do not notice."""

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from sidecar.contract.errors import ValidationFailed
from tests.support import observer
from tests.support.client import SidecarClient
from tests.support.sidecar import RunningSidecar, start_params, turn_params
from tests.support.streams import assert_balanced, assistant_text, types


async def start_sibling(client: SidecarClient, count: int = 150) -> None:
    """Start the session `calm` and a turn of `count` deltas, 10 ms apart."""
    await client.request("session.start", start_params("calm"))
    await client.request("session.sendTurn", turn_params("calm", f"@@stream {count} 10 20"))
    await client.wait_event("content.delta", thread_id="calm")


async def assert_sibling_untouched(client: SidecarClient, count: int = 150) -> None:
    """The sibling's one generation streamed its whole turn."""
    done = await client.wait_event("turn.completed", thread_id="calm", timeout_s=30)
    assert done.event["payload"]["state"] == "completed"
    events = client.of_thread("calm")
    assert {r.event["generation"] for r in events} == {1}
    assert len(assistant_text(events)) >= count * 20
    assert_balanced(events, ended=False)


async def test_a_crash_in_mid_turn_resumes_by_itself(
    client: SidecarClient, sidecar: RunningSidecar
) -> None:
    await client.request("session.start", start_params("wild"))
    await client.request("session.sendTurn", turn_params("wild", "first words"))
    first = await client.wait_event("turn.completed", thread_id="wild")
    await start_sibling(client)
    await client.request("session.sendTurn", turn_params("wild", "@@stream 5 1 10\n@@crash"))
    cut = await client.wait_event("turn.completed", thread_id="wild", after=first.seq)
    assert cut.event["payload"]["state"] == "failed"
    exited = await client.wait_event("session.exited", thread_id="wild")
    assert exited.event["payload"]["exitKind"] == "error"
    assert exited.event["payload"]["recoverable"] is True
    ready = await client.wait_event(
        "session.state.changed",
        thread_id="wild",
        after=exited.seq,
        where=lambda e: e["payload"]["state"] == "ready",
    )
    assert ready.event["generation"] == 2
    await client.request("session.sendTurn", turn_params("wild", "@@recall"))
    await client.wait_event("turn.completed", thread_id="wild", after=ready.seq)
    said = assistant_text([r for r in client.of_thread("wild") if r.seq > ready.seq])
    assert "I remember 3 prompts" in said
    restarting = [
        r.event["payload"]["detail"]
        for r in client.of_thread("wild")
        if (r.event["payload"].get("detail") or {}).get("kind") == "restarting"
    ]
    assert [d["count"] for d in restarting] == [1]
    await assert_sibling_untouched(client)


async def test_crashes_beyond_the_intensity_give_up_visibly(client: SidecarClient) -> None:
    restart = {"policy": "transient", "maxRestarts": 1, "maxSeconds": 60}
    await client.request("session.start", start_params("wild", restart=restart))
    seen = 0
    for _ in range(2):
        await client.wait_event(
            "session.state.changed",
            thread_id="wild",
            after=seen,
            where=lambda e: e["payload"]["state"] == "ready",
        )
        await client.request("session.sendTurn", turn_params("wild", "@@crash"))
        seen = (await client.wait_event("session.exited", thread_id="wild", after=seen)).seq
    gave_up = [
        r
        for r in client.of_thread("wild")
        if (r.event["payload"].get("detail") or {}).get("kind") == "gave-up"
    ]
    assert len(gave_up) == 1
    session = await client.request("session.get", {"threadId": "wild"})
    assert session["status"] == "error"
    assert_balanced(client.of_thread("wild"))
    again = await client.request(
        "session.restart", {"threadId": "wild", "idempotencyKey": "by-hand"}
    )
    assert again["status"] == "ready"


async def test_a_temporary_session_stays_down(client: SidecarClient) -> None:
    params = start_params("wild", restart={"policy": "temporary"})
    await client.request("session.start", params)
    await client.request("session.sendTurn", turn_params("wild", "@@crash"))
    await client.wait_event("session.exited", thread_id="wild")
    await client.request("session.start", start_params("other"))
    assert {r.event["generation"] for r in client.of_thread("wild")} == {1}


async def test_a_slow_start_delays_nobody(client: SidecarClient) -> None:
    await start_sibling(client)
    slow = asyncio.create_task(
        client.request(
            "session.start",
            start_params("slow", options={"startDelayMs": 8_000}),
            timeout_s=40,
        )
    )
    await assert_sibling_untouched(client)
    assert not slow.done()
    started = await client.request("session.start", start_params("third"))
    assert started["status"] == "ready"
    assert not slow.done()
    assert (await slow)["status"] == "ready"


async def test_a_call_waits_for_a_start_that_is_under_way(client: SidecarClient) -> None:
    """The client may know of `ready` before the supervisor does: that must not be an error."""
    params = start_params("slow", options={"startDelayMs": 500})
    starting = await client.send_request("session.start", params)
    await client.wait_event("session.state.changed", thread_id="slow")
    await client.request("session.interrupt", {"threadId": "slow"})
    assert (await client.answer_to(starting))["status"] == "ready"


async def test_a_stop_overtakes_a_start(client: SidecarClient) -> None:
    starting = await client.send_request(
        "session.start", start_params("slow", options={"startDelayMs": 60_000})
    )
    await client.wait_event("session.state.changed", thread_id="slow")
    await client.request("session.stop", {"threadId": "slow"})
    with pytest.raises(Exception, match="stopped"):
        await client.answer_to(starting)
    exited = await client.wait_event("session.exited", thread_id="slow")
    assert exited.event["payload"]["exitKind"] == "graceful"


@pytest.mark.parametrize(
    "directive", ["@@garbage", "@@surrogate", "@@huge 3000000", "@@flood 5000"]
)
async def test_odd_output_is_survived_and_noticed_by_nobody_else(
    client: SidecarClient, directive: str
) -> None:
    await start_sibling(client)
    await client.request("session.start", start_params("odd"))
    await client.request("session.sendTurn", turn_params("odd", directive))
    done = await client.wait_event("turn.completed", thread_id="odd", timeout_s=30)
    assert done.event["payload"]["state"] == "completed"
    text = assistant_text(client.of_thread("odd"))
    expected: dict[str, Any] = {
        "@@garbage": lambda: "runtime.warning" in types(client.of_thread("odd")),
        "@@surrogate": lambda: any(ord(c) > 0xFFFF for c in text) and "�" not in text,
        "@@huge 3000000": lambda: len(text) >= 3_000_000,
        "@@flood 5000": lambda: len(text) > 0,
    }
    assert expected[directive]()
    await client.request("session.sendTurn", turn_params("odd", "still here"))
    await client.wait_event("turn.completed", thread_id="odd", after=done.seq)
    await assert_sibling_untouched(client)


async def test_a_hung_provider_can_be_stopped(client: SidecarClient) -> None:
    await start_sibling(client)
    await client.request("session.start", start_params("hung", options={"ignoreStop": True}))
    await client.request("session.sendTurn", turn_params("hung", "@@hang"))
    await client.request("session.stop", {"threadId": "hung", "deadlineMs": 2_000}, timeout_s=9)
    events = client.of_thread("hung")
    await client.wait_event("session.exited", thread_id="hung")
    assert_balanced(client.of_thread("hung"))
    assert events
    await assert_sibling_untouched(client)


async def test_a_killed_host_takes_its_tree_and_its_session_resumes(client: SidecarClient) -> None:
    await start_sibling(client)
    await client.request("session.start", start_params("hurt"))
    await client.request("session.sendTurn", turn_params("hurt", "@@daemon\n@@stream 500 20 10"))
    await client.wait_event("content.delta", thread_id="hurt")
    before = await processes(client, "hurt")
    calm = await processes(client, "calm")
    host = next(n for n in before if n["parent"] == "hurt")
    os.kill(host["pid"], signal.SIGKILL)
    exited = await client.wait_event("session.exited", thread_id="hurt")
    assert not [n for n in before if Path(f"/proc/{n['pid']}").exists()]
    await client.wait_event(
        "session.state.changed",
        thread_id="hurt",
        after=exited.seq,
        where=lambda e: e["payload"]["state"] == "ready",
    )
    assert [n["pid"] for n in await processes(client, "calm")] == [n["pid"] for n in calm]
    await assert_sibling_untouched(client)
    await client.request("session.stopAll")
    assert_balanced(client.of_thread("hurt"))


async def processes(client: SidecarClient, thread_id: str) -> list[dict[str, Any]]:
    """Return the process nodes of a session."""
    nodes = (await client.request("tree.get", {"threadId": thread_id}))["nodes"]
    return [n for n in nodes if n["kind"] == "process"]


async def test_a_host_that_hangs_while_it_starts_is_given_up(client: SidecarClient) -> None:
    params = start_params("slow", options={"startDelayMs": 500}, limits={"startMs": 700})
    starting = await client.send_request("session.start", params)
    await client.wait_event("session.state.changed", thread_id="slow")
    async with asyncio.timeout(5):
        while not (nodes := await processes(client, "slow")):
            await asyncio.sleep(0.01)
    os.kill(next(n["pid"] for n in nodes if n["parent"] == "slow"), signal.SIGSTOP)
    await client.request("session.stop", {"threadId": "slow", "deadlineMs": 200})
    with pytest.raises(Exception, match=r"stopped|died|answer"):
        await client.answer_to(starting)
    await client.wait_event("session.exited", thread_id="slow")


async def test_nothing_is_started_below_a_tree_that_goes_down(client: SidecarClient) -> None:
    stubborn = {"ignoreStop": True}
    await client.request("session.start", start_params("p"))
    await client.request("session.start", start_params("c1", parent="p", options=stubborn))
    stopping = await client.send_request("session.stop", {"threadId": "p", "deadlineMs": 3_000})
    with pytest.raises(ValidationFailed, match="being stopped"):
        await client.request("session.start", start_params("c2", parent="p"))
    with pytest.raises(ValidationFailed) as caught:
        await client.request("session.start", start_params("c1", parent="p"))
    assert caught.value.data["issue"] == "stopping"
    await client.answer_to(stopping)
    sessions = (await client.request("session.list"))["sessions"]
    assert {s["threadId"]: s["status"] for s in sessions} == {"p": "closed", "c1": "closed"}


async def test_the_wedged_of_a_tree_share_one_grace(client: SidecarClient) -> None:
    """Each host that does not even turn its loop is killed; not each a second after the last."""
    await client.request("session.start", start_params("root"))
    for number in range(4):
        await client.request("session.start", start_params(f"c{number}", parent="root"))
    nodes = (await client.request("tree.get", {}))["nodes"]
    hosts = [
        n["pid"] for n in nodes if n["kind"] == "process" and not n["parent"].startswith("pid")
    ]
    assert len(hosts) == 5
    for pid in hosts:
        os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    await client.request("session.stop", {"threadId": "root", "deadlineMs": 500})
    assert time.monotonic() - began < 3 * (0.5 + 1.0)
    exits = [r.event["threadId"] for r in client.events if r.event["type"] == "session.exited"]
    assert exits == ["c3", "c2", "c1", "c0", "root"]
    assert await observer.wait_until_ended(hosts, 5) == []
