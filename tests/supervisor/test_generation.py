"""A generation's way to its host: what is in the journal before the host hears of the session."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from sidecar.contract.errors import InternalError, Overloaded, ProviderProcessFailed, SidecarError
from sidecar.contract.frames import CallFrame, ExitFrame, OpenFrame, ReplyFrame
from sidecar.contract.limits import HOST_CREDIT_BYTES
from sidecar.core.watch.budget import NO_BUDGET
from sidecar.journal import JournalUnavailable
from sidecar.observe.log import null_log
from sidecar.supervisor.calls import OPENING_CALL
from sidecar.supervisor.deps import Shared
from sidecar.supervisor.generation import Generation
from tests.supervisor.hosts_world import FakeHost, FakeJournal, World, spec, until


class SlowJournal(FakeJournal):
    """A journal whose commits of marks are made by the test."""

    state = "ok"
    head = 0

    def __init__(self) -> None:
        super().__init__()
        self.commit: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def add_mark(self, mark: str, _thread: str) -> Awaitable[None]:  # type: ignore[override]
        return asyncio.ensure_future(self._add(mark))

    async def _add(self, mark: str) -> None:
        await asyncio.shield(self.commit)
        self.marks.add(mark)

    def subscribe(self, _callback: object) -> object:
        return lambda: None

    on_state = subscribe


class Start:
    """A generation that is being opened in a host of its own."""

    def __init__(self, world: World | None = None, journal: SlowJournal | None = None) -> None:
        self.world = world or World("one")
        self.journal = journal or SlowJournal()
        settings = SimpleNamespace(memory=SimpleNamespace(host_bytes=None), stop_ms=1000)
        shared = SimpleNamespace(
            log=null_log(),
            live=set(),
            hosts=self.world.hosts,
            settings=settings,
            events=SimpleNamespace(journal=self.journal),
            pace=SimpleNamespace(forget=lambda _: None),
            host_credit=lambda: HOST_CREDIT_BYTES,
            memory_budget=lambda _start: NO_BUDGET,
        )
        own = spec("t", cwd=str(Path.cwd()))
        self.generation = Generation(cast(Shared, shared), own)
        self.opening = asyncio.create_task(self.generation.open())

    def another(self) -> "Start":
        """Open another one beside it."""
        return Start(self.world, self.journal)

    async def host_is_up(self) -> FakeHost:
        await until(self.world.hosts.up)
        return self.world.launcher.hosts[0]

    async def failure(self) -> SidecarError:
        with pytest.raises(SidecarError) as raised:
            await self.opening
        await self.generation.ended()
        return raised.value


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    made = Start()
    yield made
    await made.world.close()


async def test_a_host_comes_up_meanwhile_but_hears_of_no_session_before_its_mark_is_journalled(
    start: Start,
) -> None:
    host = await start.host_is_up()
    for _ in range(10):
        await asyncio.sleep(0)
    assert host.heard() == []
    start.journal.commit.set_result(None)
    await until(host.heard)
    (frame,) = host.heard()
    assert isinstance(frame, OpenFrame)
    assert start.journal.marks == {frame.spec.mark}
    host.die()
    assert isinstance(await start.failure(), ProviderProcessFailed)


async def test_a_host_whose_session_could_not_be_journalled_is_not_kept(start: Start) -> None:
    host = await start.host_is_up()
    start.journal.commit.set_exception(JournalUnavailable("the disk is full"))
    assert isinstance(await start.failure(), Overloaded)
    assert host.dead


async def test_a_host_that_waited_and_dies_before_it_says_a_word_is_replaced(start: Start) -> None:
    start.world.launcher.is_warm = True
    start.journal.commit.set_result(None)
    first = await start.host_is_up()
    await until(first.heard)
    start.world.hosts.keep_spare()
    await until(lambda: start.world.hosts.spare_pid)
    other = start.another()
    _, spare = start.world.launcher.hosts
    await until(lambda: any(isinstance(frame, OpenFrame) for frame in spare.heard()))
    other.generation.fail("its host has not answered", {"kind": "wedged"}, host=True)
    await until(lambda: len(start.world.launcher.hosts) == 3)
    third = start.world.launcher.hosts[2]
    await until(third.heard)
    assert isinstance(third.heard()[0], OpenFrame)
    third.say(ReplyFrame(0, OPENING_CALL, None, None))
    await other.opening
    third.die()
    end = await other.generation.ended()
    assert "has not answered" not in end.reason
    first.die()
    await start.failure()


async def test_a_host_that_comes_too_late_for_a_session_without_a_mark_is_not_kept(
    start: Start,
) -> None:
    start.world.launcher.gate.clear()
    await asyncio.sleep(0)
    start.journal.commit.set_exception(JournalUnavailable("the disk is full"))
    assert isinstance(await start.failure(), Overloaded)
    start.world.launcher.gate.set()
    await until(lambda: start.world.launcher.hosts)
    await until(lambda: start.world.launcher.hosts[0].dead)


async def test_a_call_that_crosses_the_exit_is_answered_by_the_end_and_not_by_the_empty_slot(
    start: Start,
) -> None:
    start.journal.commit.set_result(None)
    host = await start.host_is_up()
    await until(host.heard)
    host.say(ReplyFrame(0, OPENING_CALL, None, None))
    await start.opening
    call = asyncio.create_task(start.generation.call("session.sendTurn", {}, 5.0))
    await until(lambda: isinstance(host.heard()[-1], CallFrame))
    asked = host.heard()[-1]
    assert isinstance(asked, CallFrame)
    empty = InternalError("nobody is here").body()
    host.say(
        ExitFrame(0, "error", "it broke", True, "", 1, None), ReplyFrame(0, asked.id, empty, None)
    )
    ended = asyncio.create_task(start.generation.ended())
    await until(lambda: start.generation._exit)
    host.die()
    await ended
    with pytest.raises(ProviderProcessFailed, match="ended before it answered") as raised:
        await call
    assert raised.value.data["detail"] == "it broke"


async def test_one_that_has_ended_is_kept_by_nothing(start: Start) -> None:
    start.journal.commit.set_result(None)
    host = await start.host_is_up()
    await until(host.heard)
    host.say(
        ReplyFrame(0, OPENING_CALL, None, None), ExitFrame(0, "graceful", "", True, "", 0, None)
    )
    await start.opening
    await until(lambda: start.generation._exit)
    host.die()
    await start.generation.ended()
    kept = weakref.ref(start.generation)
    del start.generation, start.opening
    await asyncio.sleep(0)
    gc.collect()
    assert kept() is None, "a timer, say, has it for a while"
