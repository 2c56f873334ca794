"""No descriptor of one host is open elsewhere; a start for which there is none fails alone."""

import sys
from itertools import combinations, count
from pathlib import Path
from typing import Any

import psutil
import pytest

from sidecar.contract.errors import Overloaded
from tests.support.client import SidecarClient
from tests.support.observer import inodes
from tests.support.sidecar import RunningSidecar, start_params, turn_params

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")


FEW = 24
"""Descriptors with which a supervisor serves one client, and launches no host."""


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


def lowest_free(pid: int) -> int:
    """Return the number that the next descriptor of a process would get."""
    taken = {int(fd.name) for fd in Path(f"/proc/{pid}/fd").iterdir()}
    return next(number for number in count() if number not in taken)


@pytest.mark.parametrize("launch", ["zygote", "exec"])
async def test_a_start_without_descriptors_says_so_and_a_later_one_does(
    tmp_path: Path, launch: str
) -> None:
    settings = {"hostLaunch": launch}
    async with (
        RunningSidecar(tmp_path, settings=settings) as sidecar,
        sidecar.client() as client,
    ):
        await client.request("session.start", start_params("first"))
        supervisor = psutil.Process(sidecar.pid)
        before = supervisor.rlimit(psutil.RLIMIT_NOFILE)
        supervisor.rlimit(psutil.RLIMIT_NOFILE, (lowest_free(sidecar.pid), before[1]))
        try:
            with pytest.raises(Overloaded, match="Too many open files"):
                for number in range(3):  # a host may wait, or be on its way, since the first
                    await client.request("session.start", start_params(f"next{number}"))
            exited = await client.wait_event("session.exited")
            assert "Too many open files" in exited.event["payload"]["reason"]
        finally:
            supervisor.rlimit(psutil.RLIMIT_NOFILE, before)
        again = start_params(exited.event["threadId"])
        assert (await client.request("session.start", again))["status"] == "ready"


async def test_a_session_that_finds_no_descriptor_comes_back_when_there_is_one(
    tmp_path: Path,
) -> None:
    command = ["sh", "-c", f'ulimit -Sn {FEW}; exec "$0" -m sidecar "$@"', sys.executable]
    first, second = RunningSidecar(tmp_path), RunningSidecar(tmp_path, command=command)
    async with first, first.client() as client:
        await client.request("session.start", start_params("it"))
        first.kill()
        await client.wait_closed()
    async with second, second.client() as client:
        poor = await client.wait_event(
            "session.exited", where=lambda e: "Too many open files" in e["payload"]["reason"]
        )
        _soft, hard = psutil.Process(second.pid).rlimit(psutil.RLIMIT_NOFILE)
        psutil.Process(second.pid).rlimit(psutil.RLIMIT_NOFILE, (hard, hard))
        await client.wait_event(
            "session.state.changed",
            after=poor.seq,
            where=lambda e: e["payload"]["state"] == "ready",
            timeout_s=30,
        )
