"""Seats in hosts: who joins whom, and a host's end that no session can run into."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import pytest

from sidecar.contract.errors import Overloaded, ProviderProcessFailed
from sidecar.contract.frames import (
    EndFrame,
    EventFrame,
    Frame,
    HostIdleFrame,
    HostReadyFrame,
    LogFrame,
    OpenFrame,
    SessionSpec,
    ToHost,
)
from sidecar.contract.limits import FRAME_BYTES
from sidecar.contract.methods import SessionStartParams
from sidecar.core.framing import FrameDecoder, encode_frame
from sidecar.core.placement import PlacementRules, Policy
from sidecar.journal import JournalUnavailable
from sidecar.observe.log import null_log
from sidecar.process import Exit, ProcessKey
from sidecar.supervisor import placement
from sidecar.supervisor.launch import HostExit, HostLauncher, HostProcess
from sidecar.supervisor.launch.base import Role
from sidecar.supervisor.placement import Hosts, Seat

_DECODER: msgspec.msgpack.Decoder[ToHost] = msgspec.msgpack.Decoder(ToHost)


class FakeHost:
    """What a launch gives: the other end of a host's channel, and its death at will."""

    def __init__(self, number: int) -> None:
        ours, self.socket = socket.socketpair()
        ours.setblocking(False)
        self.socket.setblocking(False)
        read, self.stderr = os.pipe()
        self.process = HostProcess(ProcessKey(2**22 + number, 0), ours, read, None)
        self.process.kill = self.die  # type: ignore[method-assign]  # there is no process
        self._decoder = FrameDecoder(FRAME_BYTES)
        self._heard: list[ToHost] = []
        self.dead = False

    def say(self, *frames: Frame) -> None:
        self.socket.sendall(b"".join(encode_frame(msgspec.msgpack.encode(f)) for f in frames))

    def heard(self) -> list[ToHost]:
        with contextlib.suppress(BlockingIOError):  # which says that this was all
            while data := self.socket.recv(65_536):
                self._heard += [_DECODER.decode(p) for p in self._decoder.feed(data)]
        return self._heard

    def die(self, survivors: int = 0) -> None:
        if not self.dead:
            self.dead = True
            self.socket.close()
            os.close(self.stderr)
            self.process.set_end(HostExit(Exit(signal=9), survivors=survivors))


class FakeLauncher(HostLauncher):
    mark = "0" * 32

    def __init__(self) -> None:
        self.hosts: list[FakeHost] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.failure: Exception | None = None
        self.is_warm = False
        self.zygote: int | None = None

    async def start(self) -> None: ...

    async def launch(self, role: Role = "host", module: str = "") -> HostProcess:
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        host = FakeHost(len(self.hosts))
        self.hosts.append(host)
        host.say(HostReadyFrame(host.process.pid))
        return host.process

    async def close(self, deadline_s: float) -> None:
        for host in self.hosts:
            host.die()

    @property
    def warm(self) -> bool:
        return self.is_warm

    @property
    def zygote_pid(self) -> int | None:
        return self.zygote


class FakeJournal:
    """Marks alone."""

    def __init__(self) -> None:
        self.marks: set[str] = set()
        self.full = False

    async def add_mark(self, mark: str, _thread: str) -> None:
        if self.full:
            raise JournalUnavailable("the disk is full")
        self.marks.add(mark)

    async def drop_marks(self, marks: Sequence[str]) -> None:
        self.marks.difference_update(marks)


class Nobody:
    """A SlotHandler that keeps what it gets."""

    def __init__(self) -> None:
        self.frames: list[Any] = []

    def on_events(self, frames: list[EventFrame]) -> None:
        self.frames += frames

    def on_frame(self, frame: Frame) -> None:
        self.frames.append(frame)


class Cells:
    """A containment that says of every cell what `figures` are."""

    def __init__(self) -> None:
        self.limits: dict[int, int | None] = {}
        self.figures: dict[str, Any] | None = None
        self.closed = 0

    def enter(self, pid: int, limit_bytes: int | None) -> "Cells":
        self.limits[pid] = limit_bytes
        return self

    def verdict(self) -> dict[str, Any] | None:
        return self.figures

    def close(self) -> None:
        self.closed += 1


class World:
    """Hosts on a fake launcher."""

    def __init__(self, policy: Policy = "packed") -> None:
        self.launcher = FakeLauncher()
        self.journal = FakeJournal()
        self.parents: dict[str, str] = {}
        self.cells = Cells()
        self.hosts = Hosts(
            self.launcher,
            self.journal,  # type: ignore[arg-type]
            PlacementRules(policy, packed=2, cores=1),
            null_log(),
            parent_of=self.parents.get,
            sharing_module={"sharing": "tests.fakes.sharing"}.get,
            containment=self.cells,
        )

    def seat(self, thread_id: str = "t", provider: str = "demo", **start: Any) -> Seat:
        return self.hosts.seat(spec(thread_id, provider, **start))

    async def opened(self, thread_id: str = "t", **more: Any) -> Seat:
        """Return a seat whose session is open."""
        seat = self.seat(thread_id, **more)
        await seat.up()
        seat.open(Nobody(), spec(thread_id), 1)
        return seat

    async def close(self) -> None:
        await self.launcher.close(0)
        await until(lambda: self.hosts.count == 0)


def spec(thread_id: str, provider: str = "demo", **start: Any) -> SessionSpec:
    params = SessionStartParams(
        idempotency_key="k",
        thread_id=thread_id,
        provider=provider,
        runtime_mode="full-access",
        **start,
    )
    return SessionSpec(
        thread_id=thread_id, generation=1, provider=provider, mark="1" * 32, start=params
    )


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Two sessions a host."""
    made = World()
    yield made
    await made.close()


async def until(test: Any) -> None:
    async with asyncio.timeout(5):
        while not test():
            await asyncio.sleep(0.001)


def pids(*seats: Seat) -> list[int | None]:
    return [seat.host_pid for seat in seats]


async def test_seats_fill_a_host_while_it_is_still_on_its_way(world: World) -> None:
    world.launcher.gate.clear()
    seats = [world.seat(thread) for thread in "abc"]
    assert [seat.joined for seat in seats] == [False, True, False]
    world.launcher.gate.set()
    for seat in seats:
        await seat.up()
    first, second, third = pids(*seats)
    assert first == second != third
    assert [seat.slot for seat in seats] == [0, 1, 0]
    assert len(world.launcher.hosts) == 2


async def test_a_seat_that_was_left_is_given_again_but_never_its_slot(world: World) -> None:
    first, second = await world.opened("a"), await world.opened("b")
    first.leave()
    first.leave()
    third = await world.opened("c")
    assert pids(third) == pids(second)
    assert third.slot == 2


async def test_sessions_alone_get_a_host_each_without_a_shared_mark() -> None:
    world = World("one")
    seats = [await world.opened(thread) for thread in "ab"]
    assert len(set(pids(*seats))) == 2
    assert world.journal.marks == set()
    assert not any(seat.shared for seat in seats)
    await world.close()


async def test_a_shared_host_s_mark_is_journalled_before_it_is_launched(world: World) -> None:
    seat = await world.opened()
    (mark,) = world.journal.marks
    host = world.launcher.hosts[0]
    await until(host.heard)
    (frame,) = host.heard()
    assert isinstance(frame, OpenFrame)
    assert frame.spec.shared_mark == mark
    host.die()
    await seat.host_end()
    await until(lambda: not world.journal.marks)


async def test_the_mark_of_what_survived_is_kept_for_the_sweep(world: World) -> None:
    seat = await world.opened()
    world.launcher.hosts[0].die(survivors=1)
    assert (await seat.host_end()).survivors == 1
    assert world.journal.marks


async def test_without_a_journal_no_shared_host_is_launched(world: World) -> None:
    world.journal.full = True
    with pytest.raises(Overloaded):
        await world.seat().up()
    assert not world.launcher.hosts


async def test_a_launch_that_fails_is_told_to_all_who_wait_and_forgotten(world: World) -> None:
    world.launcher.failure = ProviderProcessFailed("no more processes")
    seats = [world.seat(thread) for thread in "ab"]
    for seat in seats:
        with pytest.raises(ProviderProcessFailed, match="no more processes"):
            await seat.up()
    world.launcher.failure = None
    assert not (await world.opened("c")).joined


async def test_an_idle_host_is_told_to_end_and_joined_no_more(world: World) -> None:
    seat = await world.opened()
    host = world.launcher.hosts[0]
    seat.leave()
    host.say(HostIdleFrame(1))
    await until(lambda: any(isinstance(f, EndFrame) for f in host.heard()))
    assert not world.seat("late").joined


async def test_a_host_with_a_session_on_its_way_is_not_told_to_end(world: World) -> None:
    seat = await world.opened("a")
    host = world.launcher.hosts[0]
    seat.leave()
    late = world.seat("b")
    host.say(HostIdleFrame(1))
    barrier = Nobody()
    late.open(barrier, spec("b"), 1)
    host.say(LogFrame(late.slot, "info", "x", {}))
    await until(lambda: barrier.frames)
    late.leave()
    host.say(HostIdleFrame(1))  # said before it saw the second session
    again = await world.opened("c")
    assert pids(again) == [host.process.pid]
    assert not any(isinstance(f, EndFrame) for f in host.heard())


async def test_a_host_that_does_not_end_when_told_is_killed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placement, "HOST_END_S", 0.02)
    monkeypatch.setattr(placement, "END_GRACE_S", 0.02)
    seat = await world.opened()
    seat.leave()
    world.launcher.hosts[0].say(HostIdleFrame(1))
    await until(lambda: world.launcher.hosts[0].dead)


async def test_a_host_that_died_is_not_joined_and_ends_all_its_seats(world: World) -> None:
    seats = [await world.opened(thread) for thread in "ab"]
    world.launcher.hosts[0].die()
    ends = await asyncio.gather(*(seat.host_end() for seat in seats))
    assert ends[0] is ends[1]
    assert "SIGKILL" in ends[0].reason
    assert not world.seat("c").joined


async def test_a_killed_host_is_not_joined_from_that_moment_on(world: World) -> None:
    seat = await world.opened("a")
    seat.kill("does not do what it must")
    assert not world.seat("b").joined


async def test_a_late_frame_of_a_slot_that_was_left_harms_nobody(world: World) -> None:
    first, second = await world.opened("a"), world.seat("b")
    mine = Nobody()
    second.open(mine, spec("b"), 1)
    first.leave()
    host = world.launcher.hosts[0]
    host.say(EventFrame(first.slot, "no.such.type", b"late"), LogFrame(second.slot, "i", "x", {}))
    await until(lambda: mine.frames)
    assert len(mine.frames) == 1
    assert not host.dead


async def test_an_own_host_that_nobody_waits_for_any_more_is_killed_when_it_comes() -> None:
    world = World("one")
    world.launcher.gate.clear()
    seat = world.seat()
    await asyncio.sleep(0)
    seat.leave()
    world.launcher.gate.set()
    await until(lambda: world.hosts.count == 0)
    assert world.launcher.hosts[0].dead
    await world.close()


async def test_a_close_tells_every_host_to_end(world: World) -> None:
    for thread in "abc":
        await world.opened(thread)
    closing = asyncio.create_task(world.hosts.close(2.0))
    for host in world.launcher.hosts:
        await until(lambda host=host: any(isinstance(f, EndFrame) for f in host.heard()))
        host.die()
    await closing
    assert world.hosts.count == 0


# Groups


async def test_the_same_sharing_key_is_the_same_host_however_sessions_are_placed() -> None:
    world = World("one")
    same = [
        await world.opened(thread, provider="sharing", options={"share": "x"}) for thread in "abc"
    ]
    other = await world.opened("d", provider="sharing", options={"share": "y"})
    assert len(set(pids(*same))) == 1
    assert pids(other) != pids(same[0])
    await world.close()


@pytest.mark.parametrize("options", [{"share": "bad"}, None], ids=["refused", "a defect"])
async def test_options_without_a_key_get_a_host_of_their_own(options: Any) -> None:
    world = World("one")
    seat = await world.opened("a", provider="sharing", options=options)
    assert not seat.shared
    await world.close()


async def test_a_tree_lives_in_one_host() -> None:
    world = World("tree")
    world.parents["child"] = "root"
    root = await world.opened("root")
    grandchild = await world.opened("grandchild", parent="child")
    stranger = await world.opened("stranger")
    assert pids(root) == pids(grandchild) != pids(stranger)
    await world.close()


# Cells


async def test_a_host_of_one_is_held_a_little_above_its_budget_and_a_shared_one_to_nothing() -> (
    None
):
    cases: tuple[tuple[Policy, int | None], ...] = (("one", 1_250), ("packed", None))
    for policy, limit in cases:
        world = World(policy)
        seat = world.hosts.seat(spec("t"), 1_000)
        await seat.up()
        assert world.cells.limits == {seat.host_pid: limit}
        await world.close()
        assert world.cells.closed == 1


async def test_what_the_system_did_in_a_cell_explains_the_end_of_its_host() -> None:
    world = World("one")
    seat = await world.opened()
    world.cells.figures = {"kind": "memory", "scope": "cgroup"}
    world.launcher.hosts[0].die()
    end = await seat.host_end()
    assert end.reason.startswith("memory: ")
    assert end.detail == world.cells.figures
    await world.close()
