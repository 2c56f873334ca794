"""What has ended is kept as a few bytes, and a client cannot tell.

The supervisor packs what has ended when another session starts, so each test starts one.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sidecar.contract.errors import SessionClosed
from tests.support.client import SidecarClient
from tests.support.sidecar import RunningSidecar, start_params, turn_params
from tests.support.trees import START_S, Tree


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[SidecarClient]:
    async with RunningSidecar(tmp_path) as sidecar, sidecar.client() as connected:
        yield connected


async def end(client: SidecarClient, *threads: str) -> None:
    """Stop sessions by themselves, and have them packed."""
    for thread in threads:
        params = {"threadId": thread, "cascade": False}
        await client.request("session.stop", params, timeout_s=START_S)
    await client.request("session.start", start_params("another"), timeout_s=START_S)


async def test_it_is_listed_and_got_and_counted_as_before(client: SidecarClient) -> None:
    await client.request("session.start", start_params("t1", cwd="/tmp"))
    await client.request("session.stop", {"threadId": "t1"})
    before = await client.request("session.get", {"threadId": "t1"})
    await client.request("session.start", start_params("another"))
    assert await client.request("session.get", {"threadId": "t1"}) == before
    listed = (await client.request("session.list"))["sessions"]
    assert [session["threadId"] for session in listed] == ["t1", "another"]
    metrics = (await client.request("metrics.get"))["metrics"]
    assert metrics['sidecar_sessions{phase="stopped"}'] == 1
    assert metrics['sidecar_sessions{phase="live"}'] == 1
    with pytest.raises(SessionClosed) as closed:
        await client.request("session.sendTurn", turn_params("t1", "hello"))
    assert closed.value.data["provider"] == "demo"
    await client.request("session.stop", {"threadId": "t1"})


async def test_a_restart_gives_it_all_that_it_was_started_with(client: SidecarClient) -> None:
    tree = Tree(client, {"t1": None})
    secret = {"DEMO_PASSWORD": "a-secret-of-the-session"}
    await tree.start(t1={"env": secret, "cwd": "/tmp"})
    await end(client, "t1")
    params = {"threadId": "t1", "idempotencyKey": "again"}
    again = await client.request("session.restart", params, timeout_s=START_S)
    assert (again["status"], again["cwd"]) == ("ready", "/tmp")
    environment = Path(f"/proc/{tree.pid('t1')}/environ").read_text().split("\0")
    assert "DEMO_PASSWORD=a-secret-of-the-session" in environment


async def test_a_stop_goes_through_those_in_the_middle_that_have_ended(
    client: SidecarClient,
) -> None:
    tree = Tree(client, {"root": None, "m1": "root", "m2": "root", "x2": "m2", "x1": "m1"})
    await tree.start()
    await end(client, "m1", "m2")
    head = client.events[-1].seq
    await client.request("session.stop", {"threadId": "root"}, timeout_s=START_S)
    assert tree.exits(head) == ["x2", "x1", "root"]  # by the order in which m1 and m2 were started


async def test_stopping_all_reaches_what_lives_below_an_ended_root(client: SidecarClient) -> None:
    tree = Tree(client, {"root": None, "mid": "root", "leaf": "mid", "alone": None})
    await tree.start()
    await end(client, "root", "mid", "alone")
    stopped = (await client.request("session.stopAll", timeout_s=START_S))["stopped"]
    assert sorted(stopped) == ["another", "leaf"]


async def test_one_that_is_started_while_its_tree_is_stopped_is_stopped_with_it(
    client: SidecarClient,
) -> None:
    tree = Tree(client, {"root": None, "leaf": "root"})
    await tree.start(leaf={"options": {"ignoreStop": True}, "restart": {"shutdownMs": 40_000}})
    await client.request("session.sendTurn", turn_params("leaf", "@@hang"))
    await end(client, "root")
    head = client.events[-1].seq
    stopping = await client.send_request("session.stop", {"threadId": "root"})
    await client.request("session.start", start_params("other"), timeout_s=START_S)
    await client.request("session.start", start_params("root"), timeout_s=START_S)
    tree.kill("leaf")
    await client.answer_to(stopping, timeout_s=START_S)
    assert tree.exits(head) == ["leaf", "root"]
