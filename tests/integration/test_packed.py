"""Several sessions in one host: they share a process and nothing else."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import observer
from tests.support.client import SidecarClient
from tests.support.received import Received
from tests.support.sidecar import RunningSidecar, start_params, turn_params
from tests.support.streams import assert_balanced, assistant_text

PACKED = {"placement": "packed", "packedSessions": 2}


@pytest.fixture
async def packed(tmp_path: Path) -> AsyncIterator[RunningSidecar]:
    async with RunningSidecar(tmp_path / "data", settings=PACKED) as running:
        yield running


@pytest.fixture
async def client(packed: RunningSidecar) -> AsyncIterator[SidecarClient]:
    async with packed.client() as connected:
        yield connected


async def start(client: SidecarClient, *threads: str, **options: Any) -> None:
    for thread in threads:
        await client.request("session.start", start_params(thread, options=options))


async def processes(client: SidecarClient) -> dict[str, dict[str, Any]]:
    nodes = (await client.request("tree.get", {}))["nodes"]
    return {node["id"]: node for node in nodes if node["kind"] == "process"}


def host_of(nodes: dict[str, dict[str, Any]], thread: str) -> int:
    """The host's pid: the parent of the process that belongs to the thread."""
    agent = next(n for n in nodes.values() if n.get("parent") == thread)
    with open(f"/proc/{agent['pid']}/stat", "rb") as file:  # noqa: PTH123
        return int(file.read().rpartition(b")")[2].split()[1])


async def ready_again(client: SidecarClient, thread: str) -> Received:
    return await client.wait_event(
        "session.state.changed",
        thread_id=thread,
        where=lambda e: e["generation"] == 2 and e["payload"]["state"] == "ready",
        timeout_s=20,
    )


async def test_a_host_takes_as_many_as_it_may(client: SidecarClient) -> None:
    await start(client, "a", "b", "c")
    nodes = await processes(client)
    hosts = [host_of(nodes, thread) for thread in "abc"]
    assert hosts[0] == hosts[1] != hosts[2]
    threads = [node.get("parent") for node in nodes.values()]
    assert sorted(t for t in threads if t in ("a", "b", "c")) == ["a", "b", "c"]


async def test_sessions_of_a_host_stream_side_by_side(client: SidecarClient) -> None:
    await start(client, "a", "b")
    for thread in "ab":
        await client.request("session.sendTurn", turn_params(thread, "@@stream 100 5 20"))
    for thread in "ab":
        done = await client.wait_event("turn.completed", thread_id=thread, timeout_s=20)
        assert done.event["payload"]["state"] == "completed"
        events = client.of_thread(thread)
        assert len(assistant_text(events)) >= 100 * 20
        assert_balanced(events, ended=False)


async def test_a_stop_leaves_the_sibling_alone_and_takes_its_own(client: SidecarClient) -> None:
    words = {thread: observer.new_sentinel() for thread in "ab"}
    for thread, word in words.items():
        await start(client, thread, sentinel=word)
    for thread in "ab":
        await client.request("session.sendTurn", turn_params(thread, "@@daemon"))
        await client.wait_event("turn.completed", thread_id=thread)
        await observer.wait_until_seen(words[thread], 2, 5)
    await client.request("session.sendTurn", turn_params("b", "@@stream 100 10 20"))
    before = {seen.pid for seen in observer.seen(words["b"])}
    await client.request("session.stop", {"threadId": "a"})
    assert observer.seen(words["a"]) == []
    assert {seen.pid for seen in observer.seen(words["b"])} == before
    await client.wait_event("session.exited", thread_id="a")
    done = await client.wait_event(
        "turn.completed",
        thread_id="b",
        timeout_s=20,
        after=client.of_thread("a")[-1].seq,
    )
    assert done.event["payload"]["state"] == "completed"
    assert {r.event["generation"] for r in client.of_thread("b")} == {1}
    # and the seat is free again
    nodes = await processes(client)
    host = host_of(nodes, "b")
    await start(client, "d")
    assert host_of(await processes(client), "d") == host


async def test_a_crash_of_one_leaves_the_other_in_their_host_alone(client: SidecarClient) -> None:
    await start(client, "a", "b")
    host = host_of(await processes(client), "a")
    await client.request("session.sendTurn", turn_params("b", "@@stream 150 10 20"))
    await client.request("session.sendTurn", turn_params("a", "@@crash"))
    await client.wait_event("session.exited", thread_id="a")
    await ready_again(client, "a")
    assert host_of(await processes(client), "a") == host
    done = await client.wait_event("turn.completed", thread_id="b", timeout_s=20)
    assert done.event["payload"]["state"] == "completed"
    assert {r.event["generation"] for r in client.of_thread("b")} == {1}


async def test_a_killed_host_s_sessions_resume_together_and_no_others(
    client: SidecarClient,
) -> None:
    word = observer.new_sentinel()
    await start(client, "a", "b", "other", "full", sentinel=word)
    nodes = await processes(client)
    host, other = host_of(nodes, "a"), host_of(nodes, "other")
    old = {seen.pid for seen in observer.seen(word)}
    await client.request("session.sendTurn", turn_params("other", "@@stream 150 10 20"))
    for thread in "ab":
        await client.request("session.sendTurn", turn_params(thread, "@@stream 500 10 20"))
        await client.wait_event("content.delta", thread_id=thread)
    os.kill(host, signal.SIGKILL)
    for thread in "ab":
        exited = await client.wait_event("session.exited", thread_id=thread)
        assert exited.event["payload"]["exitKind"] == "error"
        assert exited.event["payload"]["recoverable"] is True
    for thread in "ab":
        await ready_again(client, thread)
        assert_balanced(client.of_thread(thread), ended=False)
    nodes = await processes(client)
    assert host_of(nodes, "a") == host_of(nodes, "b") not in (host, other)
    assert host_of(nodes, "other") == other
    done = await client.wait_event("turn.completed", thread_id="other", timeout_s=20)
    assert done.event["payload"]["state"] == "completed"
    assert {r.event["generation"] for r in client.of_thread("other")} == {1}
    alive = {seen.pid for seen in observer.seen(word)}
    assert len(alive) == 4
    assert len(alive & old) == 2
    await client.request("session.stopAll", {})
    assert observer.seen(word) == []


async def test_the_launcher_s_end_ends_packed_sessions_with_all_they_have(
    tmp_path: Path,
) -> None:
    word = observer.new_sentinel()
    async with RunningSidecar(tmp_path / "data", settings=PACKED) as running:
        async with running.client() as client:
            await start(client, "a", "b", "c", sentinel=word)
            assert len(observer.seen(word)) == 3
        running.kill(signal.SIGKILL)
        assert await observer.wait_until_none(word, 9) == []
        await running.wait()
        await running.start()
        async with running.client() as again:
            for thread in "abc":
                await ready_again(again, thread)
            nodes = await processes(again)
            assert len({host_of(nodes, thread) for thread in "abc"}) == 2
        await asyncio.wait_for(running.stop(), 20)
    assert observer.seen(word) == []


async def test_a_tree_whose_host_dies_is_told_that_it_died_each_of_it(tmp_path: Path) -> None:
    """The fall of the root asks its children to end: those whose host is dead cannot have."""
    threads = ("root", "left", "right", "below")
    parents = {"left": "root", "right": "root", "below": "right"}
    settings = {"placement": "tree"}
    running = RunningSidecar(tmp_path / "data", settings=settings)
    async with running as sidecar, sidecar.client() as client:
        for thread in threads:
            more = {"parent": parents[thread]} if thread in parents else {}
            await client.request("session.start", start_params(thread, **more))
            await client.request("session.sendTurn", turn_params(thread, "@@hang"))
            await client.wait_event("turn.started", thread_id=thread)
        os.kill(host_of(await processes(client), "below"), signal.SIGKILL)
        for thread in threads:
            exited = await client.wait_event("session.exited", thread_id=thread, timeout_s=20)
            assert exited.event["payload"]["exitKind"] == "error"
            assert "SIGKILL" in exited.event["payload"]["reason"]
            ended = await client.wait_event("turn.completed", thread_id=thread)
            assert ended.event["payload"]["state"] == "failed"
        for thread in threads:
            await ready_again(client, thread)
