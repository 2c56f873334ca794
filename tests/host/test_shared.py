"""Services that sessions share: one start for all who wait, one stop when nobody does."""

import asyncio
import os
from collections.abc import AsyncIterator

import pytest

from sidecar.contract.errors import ProviderProcessFailed
from sidecar.host import shared
from sidecar.host.processes import Processes
from sidecar.host.shared import ServiceContext, ServiceLease, SharedServices
from sidecar.process import Ladder, OrphanReaper, marks_in, new_mark, stop_session_tree
from sidecar.process.linux import environment_of
from sidecar.providers.base import ProviderProcess, SharedContext, SharedService
from tests.host.conftest import misbehave
from tests.support import observer

pytestmark = pytest.mark.usefixtures("adopting")


class Service(SharedService):
    """A service whose every step is given by the test."""

    idle_s = 60.0
    made = 0

    def __init__(self, context: SharedContext, host: "Host") -> None:
        super().__init__(context)
        self.host = host
        self.started = 0
        self.stopped = 0
        self.process: ProviderProcess | None = None
        host.made.append(self)

    async def start(self) -> None:
        self.started += 1
        await self.host.gate.wait()
        if self.host.failure is not None:
            raise self.host.failure
        if self.host.mode:
            self.process = await self.context.spawn(misbehave(self.host.mode, self.host.sentinel))
            assert await self.process.read() == b"ready\n"

    async def stop(self) -> None:
        self.stopped += 1
        if self.host.stop_failure is not None:
            raise self.host.stop_failure


class Host:
    """What a host lends to its sessions."""

    def __init__(self, sentinel: str) -> None:
        self.sentinel = sentinel
        self.mark = new_mark()
        self.gate = asyncio.Event()
        self.gate.set()
        self.failure: Exception | None = None
        self.stop_failure: Exception | None = None
        self.mode = ""
        self.made: list[Service] = []
        self.logs: list[str] = []
        self.changes = 0
        self.services = SharedServices(self.log, self.change)

    def log(self, _level: str, event: str, **_fields: object) -> None:
        self.logs.append(event)

    def change(self) -> None:
        self.changes += 1

    async def lease(self, key: str = "a") -> ServiceLease:
        return await self.services.lease(
            key, self.create, mark=self.mark, environment=lambda _: dict(os.environ)
        )

    def create(self, context: ServiceContext) -> Service:
        return Service(context, self)

    async def reap(self) -> None:
        reaper = OrphanReaper()
        reaper._look()
        reaper._look()
        reaper.close()


@pytest.fixture
async def host(sentinel: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Host]:
    monkeypatch.setattr(shared, "SERVICE_STOP_S", 1.0)
    one = Host(sentinel)
    yield one
    one.stop_failure = None
    await one.services.close(1.0)
    assert not one.services.busy
    await one.reap()


async def test_all_who_lease_a_key_share_one_start(host: Host) -> None:
    host.gate.clear()
    waiting = [asyncio.create_task(host.lease()) for _ in range(3)]
    other = asyncio.create_task(host.lease("b"))
    await asyncio.sleep(0)
    host.gate.set()
    leases = await asyncio.gather(*waiting)
    assert len({id(lease.service) for lease in leases}) == 1
    assert leases[0].service is not (await other).service
    assert [service.started for service in host.made] == [1, 1]
    assert host.services.busy


async def test_a_failed_start_is_told_to_all_and_the_next_lease_tries_again(host: Host) -> None:
    host.gate.clear()
    host.failure = ProviderProcessFailed("no such program")
    waiting = [asyncio.create_task(host.lease()) for _ in range(2)]
    await asyncio.sleep(0)
    host.gate.set()
    for answer in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(answer, ProviderProcessFailed)
    host.failure = None
    assert (await host.lease()).service is host.made[1]
    assert host.made[0].stopped == 0, "what never started is not stopped"


async def test_what_a_failed_start_left_is_killed(host: Host, sentinel: str) -> None:
    class Half(Service):
        async def start(self) -> None:
            process = await self.context.spawn(misbehave("daemon", sentinel))
            await process.read()
            raise ValueError("a defect")

    with pytest.raises(ValueError, match="a defect"):
        await host.services.lease(
            "a", lambda ctx: Half(ctx, host), mark=host.mark, environment=lambda _: dict(os.environ)
        )
    assert await observer.wait_until_none(sentinel, 5) == []


async def test_a_start_that_hangs_is_given_up(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "SERVICE_START_S", 0.05)
    host.gate.clear()
    with pytest.raises(ProviderProcessFailed, match=r"not up within 0\.05 s"):
        await host.lease()


async def test_it_stays_up_without_a_lease_for_its_idle_time(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Service, "idle_s", 0.05)
    first, second = await host.lease(), await host.lease()
    first.release()
    first.release()
    await asyncio.sleep(0.1)
    assert host.made[0].stopped == 0, "a second release of one lease is no release of another"
    second.release()
    third = await host.lease()
    assert third.service is host.made[0]
    third.release()
    async with asyncio.timeout(5):
        while host.services.busy:
            await asyncio.sleep(0.01)
    assert host.made[0].stopped == 1
    assert (await host.lease()).service is host.made[1]


async def test_one_whose_waiters_all_left_goes_when_idle(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Service, "idle_s", 0.0)
    host.gate.clear()
    waiting = asyncio.create_task(host.lease())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    host.gate.set()
    async with asyncio.timeout(5):
        while host.services.busy:
            await asyncio.sleep(0.01)
    assert host.made[0].stopped == 1


async def test_a_service_that_died_is_replaced_by_the_next_lease(host: Host, sentinel: str) -> None:
    host.mode = "daemon"
    lease = await host.lease()
    process = host.made[0].process
    assert process is not None
    await observer.wait_until_seen(sentinel, 2, 5)
    os.kill(process.pid, 9)
    async with asyncio.timeout(5):
        while lease.service.usable:
            await asyncio.sleep(0.01)
    assert len(observer.seen(sentinel)) == 1, "its daemon lives on"
    host.sentinel = observer.new_sentinel()
    again = await host.lease()
    assert again.service is host.made[1]
    assert observer.seen(sentinel) == [], "what it left is dead before the next one starts"
    lease.release()
    assert again.service.usable


async def test_a_broken_one_that_is_given_back_is_brought_down_at_once(
    host: Host, sentinel: str
) -> None:
    host.mode = "daemon"
    lease = await host.lease()
    process = host.made[0].process
    assert process is not None
    os.kill(process.pid, 9)
    async with asyncio.timeout(5):
        while lease.service.usable:
            await asyncio.sleep(0.01)
    lease.release()
    assert await observer.wait_until_none(sentinel, 5) == []


async def test_a_session_s_stop_spares_the_service(host: Host, sentinel: str) -> None:
    host.mode = "daemon"
    await host.lease()
    word = observer.new_sentinel()
    mark = new_mark()
    processes = Processes(mark, lambda _: dict(os.environ), host.log)
    agent = await processes.spawn(misbehave("daemon", word))
    assert await agent.read() == b"ready\n"
    await observer.wait_until_seen(sentinel, 2, 5)
    await stop_session_tree(processes.children, mark=mark, ladder=Ladder(0.1, 0.1, 0.1, 2.0))
    assert observer.seen(word) == []
    assert len(observer.seen(sentinel)) == 2


async def test_a_service_s_stop_spares_sessions_and_other_services(
    host: Host, sentinel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.mode = "daemon"
    await host.lease("a")
    host.sentinel, word = observer.new_sentinel(), host.sentinel
    await host.lease("b")
    await observer.wait_until_seen(host.sentinel, 2, 5)
    host.made[0].idle_s = 0.0
    (await host.lease("a")).release()
    (entry,) = [e for e in host.services._entries.values() if e.service is host.made[0]]
    entry.leases = 0
    host.services._rest(entry)
    assert await observer.wait_until_none(word, 5) == []
    assert len(observer.seen(host.sentinel)) == 2


async def test_its_processes_carry_the_host_s_shared_mark(host: Host) -> None:
    host.mode = "quiet"
    await host.lease()
    process = host.made[0].process
    assert process is not None
    assert host.mark in marks_in(environment_of(process.pid))


@pytest.mark.parametrize("failure", [ValueError("oops"), ProviderProcessFailed("oops")])
async def test_a_stop_that_fails_leaves_nothing(
    host: Host, sentinel: str, failure: Exception
) -> None:
    host.mode = "stubborn"
    host.stop_failure = failure
    await host.lease()
    await host.services.close(0.5)
    assert observer.seen(sentinel) == []
    assert "service.stop-failed" in host.logs


async def test_a_host_that_ends_shares_nothing_any_more(host: Host) -> None:
    host.gate.clear()
    waiting = asyncio.create_task(host.lease())
    await asyncio.sleep(0)
    await host.services.close(0.5)
    with pytest.raises(ProviderProcessFailed, match="ending"):
        await waiting
    with pytest.raises(ProviderProcessFailed, match="ending"):
        await host.lease()
