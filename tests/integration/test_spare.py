"""The host that waits for the next session: taken, killed, left over, and gone with its sidecar."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import pytest

from tests.support import observer
from tests.support.client import SidecarClient
from tests.support.sidecar import RunningSidecar, start_params, turn_params

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs a zygote")

SEEN_S = 30.0
GONE_S = 3.0
"""Promised: with the supervisor killed nothing lives that long (ARCHITECTURE, invariant 6)."""


async def hosts(client: SidecarClient) -> tuple[int, int | None]:
    """Return how many hosts there are, and the pid of the one that waits."""
    facts = (await client.request("diagnostics.get", {}))["diagnostics"]["hosts"]
    return facts["count"], facts["sparePid"]


async def spare_after_start(client: SidecarClient, thread_id: str) -> int:
    """Start a session, and others until one is over when the zygote is warm; the spare's pid."""
    await client.request("session.start", start_params(thread_id))
    async with asyncio.timeout(SEEN_S):
        for number in range(1_000):
            for _ in range(20):
                if (spare := (await hosts(client))[1]) is not None and lives(spare):
                    return spare
                await asyncio.sleep(0.01)
            await client.request("session.start", start_params(f"{thread_id}-{number}"))
    raise AssertionError("no host waits")


async def host_of(client: SidecarClient, thread_id: str) -> int:
    nodes = (await client.request("tree.get", {"threadId": thread_id}))["nodes"]
    pid: int = next(node["pid"] for node in nodes if node["kind"] == "process")
    return pid


def children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def prepared_by(spare: int) -> int:
    """Return the pid of the process that a waiting host has prepared, once it has a session."""
    async with asyncio.timeout(SEEN_S):
        while not (found := children_of(spare)) or os.getsid(found[0]) != found[0]:
            await asyncio.sleep(0.01)
    return found[0]


async def speaks(client: SidecarClient, thread_id: str) -> None:
    """Have the session make a turn."""
    await client.request("session.sendTurn", turn_params(thread_id, "hello"))
    await client.wait_event("turn.completed", thread_id=thread_id)


def lives(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


async def until_gone(pid: int, deadline_s: float = SEEN_S) -> None:
    async with asyncio.timeout(deadline_s):
        while lives(pid):
            await asyncio.sleep(0.01)


async def test_the_next_session_lives_in_it_and_another_waits_then(client: SidecarClient) -> None:
    spare = await spare_after_start(client, "one")
    await client.request("session.start", start_params("two"))
    assert await host_of(client, "two") == spare
    await speaks(client, "two")
    nodes = (await client.request("tree.get", {}))["nodes"]
    assert await spare_after_start(client, "three") != spare
    waiting = (await hosts(client))[1]
    assert waiting is not None
    assert waiting not in [node.get("pid") for node in nodes], "it is nobody's process"


async def test_it_shares_no_descriptor_with_a_host_and_prepares_one_process_alone(
    client: SidecarClient,
) -> None:
    spare = await spare_after_start(client, "one")
    pid = await prepared_by(spare)
    for waiting in (spare, pid):
        assert not observer.inodes(waiting) & observer.inodes(await host_of(client, "one"))
    assert children_of(spare) == [pid]
    assert children_of(pid) == []


async def test_the_first_process_of_the_session_is_the_one_that_was_prepared(
    client: SidecarClient,
) -> None:
    spare = await spare_after_start(client, "one")
    pid = await prepared_by(spare)
    await client.request("session.start", start_params("two"))
    assert await host_of(client, "two") == spare
    assert children_of(spare) == [pid]
    assert b"demo-agent" in Path(f"/proc/{pid}/cmdline").read_bytes()
    await speaks(client, "two")
    stopped = {"threadId": "two", "idempotencyKey": "stop"}
    await client.request("session.stop", stopped)
    await until_gone(pid)
    await until_gone(spare)


async def test_a_prepared_process_that_was_killed_is_nobody_s_loss(client: SidecarClient) -> None:
    spare = await spare_after_start(client, "one")
    pid = await prepared_by(spare)
    os.kill(pid, signal.SIGKILL)
    await until_gone(pid)
    await client.request("session.start", start_params("two"))
    assert await host_of(client, "two") == spare
    assert pid not in children_of(spare)
    await speaks(client, "two")


@pytest.mark.parametrize("end", ["killed", "stopped"])
async def test_a_prepared_process_goes_with_its_host(client: SidecarClient, end: str) -> None:
    spare = await spare_after_start(client, "one")
    pid = await prepared_by(spare)
    if end == "killed":
        os.kill(spare, signal.SIGKILL)
    else:
        await client.request("session.stopAll", {"idempotencyKey": "stop"})
    await until_gone(spare)
    await until_gone(pid, GONE_S)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_the_next_start_needs_none_when_it_was_killed(
    client: SidecarClient, number: int
) -> None:
    spare = await spare_after_start(client, "one")
    os.kill(spare, number)
    await client.request("session.start", start_params("two"))
    assert await host_of(client, "two") != spare
    await speaks(client, "two")
    await speaks(client, "one")


async def test_one_that_hangs_costs_a_start_time_but_never_the_session(tmp_path: Path) -> None:
    settings = {"hostBeatMs": 300}
    async with RunningSidecar(tmp_path, settings=settings) as sidecar, sidecar.client() as client:
        spare = await spare_after_start(client, "one")
        os.kill(spare, signal.SIGSTOP)
        await client.request("session.start", start_params("two"), timeout_s=SEEN_S)
        assert await host_of(client, "two") != spare
        await speaks(client, "two")
        await until_gone(spare)


async def test_one_of_a_zygote_that_died_serves_nobody(
    sidecar: RunningSidecar, client: SidecarClient
) -> None:
    spare = await spare_after_start(client, "one")
    zygote = zygote_of(sidecar, spare)
    os.kill(zygote, signal.SIGKILL)
    async with asyncio.timeout(SEEN_S):
        while Path(f"/proc/{zygote}").is_dir():  # until the supervisor knows
            await asyncio.sleep(0.01)
    await client.request("session.start", start_params("two"))
    assert await host_of(client, "two") != spare
    await until_gone(spare)
    await speaks(client, "one")


async def test_it_does_not_outlive_a_supervisor_that_is_killed(
    sidecar: RunningSidecar, client: SidecarClient
) -> None:
    spare = await spare_after_start(client, "one")
    sidecar.kill(signal.SIGKILL)
    await until_gone(spare, GONE_S)
    await sidecar.wait()


async def test_one_that_hangs_does_not_outlive_its_supervisor_either(
    sidecar: RunningSidecar, client: SidecarClient
) -> None:
    spare = await spare_after_start(client, "one")
    os.kill(spare, signal.SIGSTOP)
    sidecar.kill(signal.SIGKILL)
    await until_gone(spare, GONE_S)
    await sidecar.wait()


async def test_one_that_was_left_by_all_is_swept_at_the_next_start(
    sidecar: RunningSidecar, client: SidecarClient
) -> None:
    spare = await spare_after_start(client, "one")
    zygote = zygote_of(sidecar, spare)
    os.kill(spare, signal.SIGSTOP)
    os.kill(zygote, signal.SIGKILL)
    sidecar.kill(signal.SIGKILL)
    await sidecar.wait()
    assert lives(spare)
    async with RunningSidecar(sidecar.data_dir):
        await until_gone(spare)


async def test_who_stops_everything_leaves_none_behind(client: SidecarClient) -> None:
    spare = await spare_after_start(client, "one")
    await client.request("session.stopAll", {"idempotencyKey": "stop"})
    await until_gone(spare)
    async with asyncio.timeout(SEEN_S):
        while await hosts(client) != (0, None):
            await asyncio.sleep(0.01)


async def test_it_is_gone_when_the_sidecar_has_stopped(tmp_path: Path) -> None:
    async with RunningSidecar(tmp_path) as sidecar, sidecar.client() as client:
        spare = await spare_after_start(client, "one")
        await client.request("session.stop", {"idempotencyKey": "s", "threadId": "one"})
        assert (await hosts(client))[1] == spare, "who stops one often starts another"
        await sidecar.stop()
        assert not lives(spare)


def zygote_of(sidecar: RunningSidecar, spare: int) -> int:
    parent = int(Path(f"/proc/{spare}/stat").read_text().rpartition(")")[2].split()[1])
    assert parent != sidecar.pid
    return parent
