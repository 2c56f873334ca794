"""A service that sessions of a host share: it outlives a session, and nothing outlives it."""

import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import observer
from tests.support.client import SidecarClient
from tests.support.sidecar import RunningSidecar, start_params, turn_params
from tests.support.streams import assistant_text

FAKES = Path(__file__).parents[1] / "fakes"
SETTINGS = {"placement": "packed", "packedSessions": 3}


class World:
    """A sidecar with the drop-in, its client, and the word that the service's processes carry."""

    def __init__(self, sidecar: RunningSidecar, client: SidecarClient) -> None:
        self.sidecar = sidecar
        self.client = client
        self.word = observer.new_sentinel()

    async def start(self, *threads: str, mode: str = "daemon", **options: Any) -> None:
        command = [sys.executable, "-S", str(FAKES / "misbehave.py"), mode, self.word]
        for thread in threads:
            params = start_params(thread, "leaser", options={"command": command, **options})
            await self.client.request("session.start", params)

    async def service_pid(self, thread: str) -> int:
        before = len(self.client.of_thread(thread))
        await self.client.request("session.sendTurn", turn_params(thread, "who?"))
        after = self.client.of_thread(thread)[before - 1].seq
        await self.client.wait_event("turn.completed", thread_id=thread, after=after)
        said = assistant_text([r for r in self.client.of_thread(thread) if r.seq > after])
        return int(said.removeprefix("pid "))


@pytest.fixture(params=["zygote", "exec"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    shutil.copytree(FAKES / "plugins", tmp_path / "data" / "plugins")
    settings = SETTINGS | {"hostLaunch": request.param}
    running = RunningSidecar(tmp_path / "data", settings=settings)
    async with running as sidecar, sidecar.client() as client:
        made = World(sidecar, client)
        yield made
    assert await observer.wait_until_none(made.word, 9) == []


async def test_sessions_share_one_process_which_a_session_s_stop_spares(world: World) -> None:
    await world.start("a", "b", "c")
    pids = {await world.service_pid(thread) for thread in "abc"}
    assert len(pids) == 1
    seen = await observer.wait_until_seen(world.word, 2, 5)
    assert len(seen) == 2, "the process and its daemon"
    await world.client.request("session.stop", {"threadId": "a"})
    assert len(observer.seen(world.word)) == 2
    assert {await world.service_pid("b")} == pids
    nodes = (await world.client.request("tree.get", {}))["nodes"]
    shared = next(n for n in nodes if n.get("pid") in pids)
    host = next(n for n in nodes if n["id"] == shared["parent"])
    assert host.get("parent") is None, "the service is the host's, and no session's"


async def test_an_idle_service_goes_even_if_a_session_forgot_to_give_it_back(
    world: World,
) -> None:
    await world.start("a", "b", idle_s=0.1, giveBack=False)
    await observer.wait_until_seen(world.word, 2, 5)
    for thread in "ab":
        await world.client.request("session.stop", {"threadId": thread})
    assert await observer.wait_until_none(world.word, 9) == []


async def test_a_killed_service_s_sessions_resume_with_a_new_one(world: World) -> None:
    await world.start("a", "b")
    old = await world.service_pid("a")
    os.kill(old, signal.SIGKILL)
    for thread in "ab":
        await world.client.wait_event(
            "session.state.changed",
            thread_id=thread,
            where=lambda e: e["generation"] == 2 and e["payload"]["state"] == "ready",
            timeout_s=20,
        )
    new = {await world.service_pid(thread) for thread in "ab"}
    assert len(new) == 1
    assert old not in new


async def test_a_killed_host_takes_its_service_along(world: World) -> None:
    await world.start("a", "b")
    old = await world.service_pid("a")
    with open(f"/proc/{old}/stat", "rb") as file:  # noqa: PTH123
        host = int(file.read().rpartition(b")")[2].split()[1])
    before = {seen.pid for seen in await observer.wait_until_seen(world.word, 2, 5)}
    os.kill(host, signal.SIGKILL)
    for thread in "ab":
        await world.client.wait_event(
            "session.state.changed",
            thread_id=thread,
            where=lambda e: e["generation"] == 2 and e["payload"]["state"] == "ready",
            timeout_s=20,
        )
    assert before.isdisjoint({seen.pid for seen in observer.seen(world.word)})


async def test_the_supervisor_s_death_is_the_service_s_too(world: World) -> None:
    await world.start("a", "b")
    await observer.wait_until_seen(world.word, 2, 5)
    world.sidecar.kill(signal.SIGKILL)
    assert await observer.wait_until_none(world.word, 9) == []
    await world.client.wait_closed()
    await world.sidecar.wait()


async def test_an_orderly_end_stops_it(world: World) -> None:
    await world.start("a", mode="stubborn")
    await observer.wait_until_seen(world.word, 1, 5)
    await world.sidecar.stop()
    assert observer.seen(world.word) == []


async def test_everything_at_once_is_swept_at_the_next_start(world: World) -> None:
    """Supervisor, zygote and hosts die together: only marks and tags tell what was theirs."""
    await world.start("a", "b")
    pid = await world.service_pid("a")
    await observer.wait_until_seen(world.word, 2, 5)
    for victim in (world.sidecar.pid, *ancestors(pid)):
        os.kill(victim, signal.SIGSTOP)
    for victim in (*ancestors(pid), world.sidecar.pid):
        os.kill(victim, signal.SIGKILL)
    await world.client.wait_closed()
    await world.sidecar.wait()
    await world.sidecar.start()
    assert observer.seen(world.word) == []


def ancestors(pid: int) -> list[int]:
    """The host and the zygote above a service's process, as far as they are the sidecar's."""
    found: list[int] = []
    while True:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123
            pid = int(file.read().rpartition(b")")[2].split()[1])
        with open(f"/proc/{pid}/cmdline", "rb") as file:  # noqa: PTH123
            line = file.read()
        if b"sidecar" not in line or b"serve" in line.split(b"\0"):
            return found
        found.append(pid)
