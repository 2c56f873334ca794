"""The three bugs that the host app's own review found in its lifecycles: none of them here.

A sequence never regresses, `session.exited` is never lost by a stop, a client that comes back is
never deaf.
"""

import asyncio
import contextlib
import itertools
import random
from collections import Counter
from pathlib import Path

import pytest

from sidecar.contract.errors import SidecarError
from tests.support import observer
from tests.support.client import SidecarClient
from tests.support.sidecar import RunningSidecar, start_params, turn_params
from tests.support.streams import assert_balanced
from tests.support.trees import START_S, Tree, settled

ROUNDS = [2, pytest.param(12, marks=pytest.mark.long)]
"""How often a stop is tried at a moment of chance."""


async def test_a_sequence_never_regresses(tmp_path: Path) -> None:
    """Over a crash, a reconnect, a stop and a death of the sidecar: one count upwards."""
    sidecar = RunningSidecar(tmp_path)
    await sidecar.start()
    client = sidecar.client()
    try:
        await client.connect()
        tree = Tree(client, {"t1": None})
        await tree.start()
        await client.request("session.sendTurn", turn_params("t1", "@@stream 200 2 10"))
        await client.wait_event("content.delta", thread_id="t1")
        await client.drop()
        await client.connect()
        head = tree.kill("t1")
        await tree.wait_ready({"t1"}, head)
        await client.request("session.stop", {"threadId": "t1"})
        await client.request("session.start", start_params("t1"))
        before, epoch = client.events[-1].seq, client.epoch
        sidecar.kill()
        await sidecar.wait()
        await client.close()
        await sidecar.start()
        client.url = sidecar.ready["url"]
        hello = await client.connect()
        assert hello["resumed"]
        assert hello["epoch"] > epoch
        await tree.wait_ready({"t1"}, before, generation=4)
        seqs = [received.seq for received in client.events]
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
        assert_balanced(client.of_thread("t1"), ended=False)
        generations = {received.event["generation"] for received in client.of_thread("t1")}
        assert generations == {1, 2, 3, 4}
    finally:
        await client.close()
        await sidecar.stop()


async def assert_every_generation_exited(client: SidecarClient) -> None:
    """Whatever began has its one exit, and nothing behind it."""
    await settled(client)
    begun = {(r.event["threadId"], r.event["generation"]) for r in client.events}
    exits = Counter(
        (r.event["threadId"], r.event["generation"])
        for r in client.events
        if r.event["type"] == "session.exited"
    )
    assert dict(exits) == dict.fromkeys(begun, 1)
    for thread in {thread for thread, _ in begun}:
        assert_balanced(client.of_thread(thread))


@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize("at", ["crash", "restart", "suspend", "start", "stop"])
async def test_an_exit_is_never_lost_by_a_stop(client: SidecarClient, at: str, rounds: int) -> None:
    """Stops at random moments around whatever else ends or begins a generation."""
    chance = random.Random(at)
    for number in range(rounds):
        tree = Tree(
            client, {f"p{number}": None, f"x{number}": f"p{number}", f"y{number}": f"p{number}"}
        )
        parent, x, y = tree.shape
        await tree.start(**{parent: {"restart": {"strategy": "one_for_all"}}})
        await client.request("session.sendTurn", turn_params(x, "@@stream 1000 2 10"))
        restarting = False
        if at in ("crash", "restart", "suspend"):
            head = tree.kill(y if at == "suspend" else x)
            if at == "restart":
                await tree.wait_exits({x}, head)
                restarting = True
        asked = []
        if at == "start":
            asked.append(
                await client.send_request("session.start", start_params(f"z{number}", parent=x))
            )
        if at == "stop":
            asked.append(await client.send_request("session.stop", {"threadId": x}))
        await asyncio.sleep(chance.uniform(0, 0.8 if restarting else 0.1))
        await client.request("session.stop", {"threadId": parent}, timeout_s=START_S)
        for request in asked:
            with contextlib.suppress(SidecarError):
                await client.answer_to(request, timeout_s=START_S)
        for thread in tree.shape:
            assert observer.seen(tree.words[thread]) == []
    await assert_every_generation_exited(client)


async def test_a_client_that_comes_back_is_never_deaf(
    sidecar: RunningSidecar, client: SidecarClient
) -> None:
    """Cut at random moments of a flood, with snapshots asked for under backlog: it hears all."""
    chance = random.Random(7)
    threads = ["t1", "t2", "t3"]
    for thread in threads:
        await client.request("session.start", start_params(thread))
    async with sidecar.client("app", credit_bytes=64 * 1024) as other:
        for thread in threads:
            await client.request("session.sendTurn", turn_params(thread, "@@stream 1500 1 300"))
        for cut in range(6):
            await asyncio.sleep(chance.uniform(0, 0.2))
            if cut % 2:
                asked = await other.send_request("snapshot.get", {})
                with contextlib.suppress(ConnectionError):
                    await other.answer_to(asked)
            await other.drop()
            assert (await other.connect())["resumed"]
        for thread in threads:
            await other.wait_event("turn.completed", thread_id=thread, timeout_s=START_S)
        before = other.events[-1].seq
        await client.request("session.sendTurn", turn_params("t1", "live"))
        await other.wait_event("turn.completed", thread_id="t1", after=before)
    heard = {received.seq: received.body for received in other.events}
    said = {received.seq: received.body for received in client.events if received.seq in heard}
    assert heard == said
    seqs = sorted(heard)
    assert all(b - a == 1 for a, b in itertools.pairwise(seqs))


async def test_a_client_that_is_taken_over_and_comes_back_hears_everything(
    sidecar: RunningSidecar, client: SidecarClient
) -> None:
    await client.request("session.start", start_params("t1"))
    async with sidecar.client("app") as first:
        await client.request("session.sendTurn", turn_params("t1", "@@stream 300 2 50"))
        await first.wait_event("content.delta", thread_id="t1")
        async with sidecar.client("app") as second:
            assert await first.wait_closed() == 4409
            await second.wait_for(lambda: second.events, "live events")
        await first.connect()
        await first.wait_event("turn.completed", thread_id="t1", timeout_s=START_S)
    seqs = [received.seq for received in first.events]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
