"""No descriptor of one host is open in another, in the zygote or in another session's agent."""

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import SidecarClient
from tests.support.observer import inodes
from tests.support.sidecar import RunningSidecar, start_params, turn_params

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")


async def processes(client: SidecarClient, thread_id: str) -> list[dict[str, Any]]:
    nodes = (await client.request("tree.get", {"threadId": thread_id}))["nodes"]
    return [n for n in nodes if n["kind"] == "process"]


@pytest.mark.parametrize("launch", ["zygote", "exec"])
async def test_sessions_share_no_socket_and_no_pipe(tmp_path: Path, launch: str) -> None:
    settings = {"hostLaunch": launch}
    async with (
        RunningSidecar(tmp_path, settings=settings) as sidecar,
        sidecar.client() as client,
    ):
        threads = ["one", "two", "three"]
        for thread in threads:
            await client.request("session.start", start_params(thread))
            await client.request("session.sendTurn", turn_params(thread, "@@daemon"))
            await client.wait_event("turn.completed", thread_id=thread)
        trees = {t: [n["pid"] for n in await processes(client, t)] for t in threads}
        assert all(len(pids) >= 3 for pids in trees.values())  # host, agent, daemon
        opened = {
            thread: {inode for pid in pids for inode in inodes(pid)}
            for thread, pids in trees.items()
        }
        assert all(opened.values())
        for one, other in combinations(threads, 2):
            assert not opened[one] & opened[other], (one, other)
        hosts = {pids[0] for pids in trees.values()}
        children = Path(f"/proc/{sidecar.pid}/task/{sidecar.pid}/children").read_text().split()
        for zygote in {int(pid) for pid in children} - hosts:
            for thread in threads:
                assert not inodes(zygote) & opened[thread], (zygote, thread)
