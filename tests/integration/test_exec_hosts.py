"""The same host by exec of the `host` subcommand, as it runs where there is no zygote."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.client import SidecarClient
from tests.support.sidecar import RunningSidecar, start_params, turn_params
from tests.support.streams import assert_balanced, assistant_text


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[SidecarClient]:
    """A client of a sidecar whose hosts are started by exec."""
    settings = {"hostLaunch": "exec"}
    async with (
        RunningSidecar(tmp_path / "data", settings=settings) as sidecar,
        sidecar.client() as connected,
    ):
        yield connected


async def test_a_turn_a_crash_and_a_resume(client: SidecarClient) -> None:
    await client.request("session.start", start_params("t1"))
    await client.request("session.sendTurn", turn_params("t1", "hello"))
    first = await client.wait_event("turn.completed", thread_id="t1")
    await client.request("session.sendTurn", turn_params("t1", "@@daemon\n@@crash"))
    exited = await client.wait_event("session.exited", thread_id="t1", after=first.seq)
    ready = await client.wait_event(
        "session.state.changed",
        thread_id="t1",
        after=exited.seq,
        where=lambda e: e["payload"]["state"] == "ready",
    )
    await client.request("session.sendTurn", turn_params("t1", "@@recall"))
    await client.wait_event("turn.completed", thread_id="t1", after=ready.seq)
    said = assistant_text([r for r in client.of_thread("t1") if r.seq > ready.seq])
    assert "I remember 3 prompts" in said
    await client.request("session.stop", {"threadId": "t1"})
    await client.wait_event("session.exited", thread_id="t1", after=ready.seq)
    assert_balanced(client.of_thread("t1"))


async def test_a_killed_host_takes_its_tree_with_it(client: SidecarClient) -> None:
    await client.request("session.start", start_params("t1"))
    await client.request("session.sendTurn", turn_params("t1", "@@daemon\n@@stream 500 20 10"))
    await client.wait_event("content.delta", thread_id="t1")
    nodes = (await client.request("tree.get", {"threadId": "t1"}))["nodes"]
    processes = [n for n in nodes if n["kind"] == "process"]
    assert len(processes) >= 3  # host, agent, daemon
    os.kill(next(n["pid"] for n in processes if n["parent"] == "t1"), signal.SIGKILL)
    await client.wait_event("session.exited", thread_id="t1")
    assert not [n for n in processes if Path(f"/proc/{n['pid']}").exists()]
