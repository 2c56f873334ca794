"""The spare host: one that waits for the next session, and only where it is no burden."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from sidecar.contract.errors import ProviderProcessFailed
from sidecar.contract.frames import EndFrame, OpenFrame, WaitFrame
from sidecar.supervisor import placement, spare
from sidecar.supervisor.seats import Seat
from tests.supervisor.hosts_world import FakeHost, Nobody, World, pids, spec, until


class Waiting(World):
    """A world in which a session lives, and a host waits for the next one."""

    def __init__(self) -> None:
        super().__init__("one")
        self.launcher.is_warm = True

    async def spare(self) -> FakeHost:
        """Return the host that waits, once it has been told to."""
        self.hosts.keep_spare()
        await until(lambda: self.hosts.spare_pid)
        host = next(h for h in self.launcher.hosts if h.process.pid == self.hosts.spare_pid)
        await until(host.heard)
        assert isinstance(host.heard()[0], WaitFrame)
        return host


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Waiting]:
    monkeypatch.setattr(placement, "SPARE_AFTER_S", 0.0)
    made = Waiting()
    yield made
    await made.close()


async def a_moment() -> None:
    """Let what was asked for be done: a timer of no length, and the task that it starts."""
    for _ in range(10):
        await asyncio.sleep(0)


def ended(host: FakeHost) -> bool:
    return any(isinstance(frame, EndFrame) for frame in host.heard())


async def test_the_next_session_that_lives_alone_gets_it(world: Waiting) -> None:
    await world.opened("a")
    waiting = await world.spare()
    seat = world.seat("b")
    await seat.up()
    assert seat.joined, "if it dies before it has said a word, another one may do"
    seat.open(Nobody(), spec("b"), 1)
    assert pids(seat) == [waiting.process.pid]
    await until(lambda: len(waiting.heard()) == 2)
    assert isinstance(waiting.heard()[1], OpenFrame)
    assert world.hosts.spare_pid is None
    assert len(world.launcher.hosts) == 2


async def test_one_that_is_on_its_way_is_as_good(world: Waiting) -> None:
    await world.opened("a")
    world.launcher.gate.clear()
    world.hosts.keep_spare()
    await a_moment()
    seat = world.seat("b")
    world.launcher.gate.set()
    await seat.up()
    assert len(world.launcher.hosts) == 2
    seat.open(Nobody(), spec("b"), 1)
    await until(world.launcher.hosts[1].heard)
    assert isinstance(world.launcher.hosts[1].heard()[0], OpenFrame)


async def test_there_is_one_at_most(world: Waiting) -> None:
    await world.opened("a")
    await world.spare()
    for _ in range(3):
        world.hosts.keep_spare()
        await a_moment()
    assert len(world.launcher.hosts) == 2


async def test_none_waits_before_a_session_was_started(world: Waiting) -> None:
    seat = world.seat("a")
    await seat.up()
    await a_moment()
    assert len(world.launcher.hosts) == 1


@pytest.mark.parametrize("short", ["cold", "room", "memory"])
async def test_none_waits_where_it_would_be_a_burden(
    world: Waiting, short: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.opened("a")
    world.launcher.is_warm = short != "cold"
    world.hosts.scarce = short == "memory"
    if short == "room":
        monkeypatch.setattr(placement, "has_room", lambda: False)
    world.hosts.keep_spare()
    await a_moment()
    assert world.hosts.spare_pid is None
    assert len(world.launcher.hosts) == 1


async def test_room_is_descriptors_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    free = {"fds": spare.FREE_FDS, "bytes": spare.FREE_BYTES}
    monkeypatch.setattr(spare, "_free_fds", lambda: free["fds"])
    monkeypatch.setattr(spare, "_free_bytes", lambda: free["bytes"])
    assert spare.has_room()
    for what in free:
        free[what] -= 1
        assert not spare.has_room()
        free[what] += 1
    monkeypatch.undo()
    assert spare._free_fds() > 0
    assert spare._free_bytes() > 0


async def test_one_that_could_not_be_launched_is_no_session_s_failure(world: Waiting) -> None:
    await world.opened("a")
    world.launcher.failure = ProviderProcessFailed("no room for a process")
    world.hosts.keep_spare()
    await a_moment()
    assert world.hosts.count == 1
    world.launcher.failure = None
    await world.opened("b")
    assert len(world.launcher.hosts) == 2


async def test_a_session_that_shares_its_host_does_not_take_it(world: Waiting) -> None:
    waiting = await world.spare()
    seat = await world.opened("b", provider="sharing", options={"share": "x"})
    assert seat.shared
    assert pids(seat) != [waiting.process.pid]
    assert world.hosts.spare_pid == waiting.process.pid


async def test_a_session_whose_host_the_system_holds_to_a_limit_does_not_take_it(
    world: Waiting,
) -> None:
    """A process is put into a cell with its limit before it runs."""
    waiting = await world.spare()
    seat = world.hosts.seat(spec("b"), hard_bytes=1000)
    await seat.up()
    assert pids(seat) != [waiting.process.pid]
    assert world.cells.limits[seat.host_pid or 0] == 1250


async def test_one_that_has_died_is_nobody_s_host(world: Waiting) -> None:
    await world.opened("a")
    waiting = await world.spare()
    waiting.die()
    await until(lambda: world.hosts.spare_pid is None)
    seat = await world.opened("b")
    assert pids(seat) == [world.launcher.hosts[2].process.pid]


async def test_one_of_a_zygote_that_is_gone_ends_instead(world: Waiting) -> None:
    world.launcher.zygote = 1
    waiting = await world.spare()
    world.launcher.zygote = 2
    seat = await world.opened("b")
    assert pids(seat) != [waiting.process.pid]
    await until(lambda: ended(waiting))


async def test_one_of_a_zygote_that_is_gone_is_replaced_when_a_start_is_over(
    world: Waiting,
) -> None:
    world.launcher.zygote = 1
    waiting = await world.spare()
    world.launcher.zygote = 2
    world.hosts.keep_spare()
    await until(lambda: ended(waiting))
    await until(lambda: world.hosts.spare_pid not in {None, waiting.process.pid})


async def test_it_ends_when_memory_is_scarce(world: Waiting) -> None:
    waiting = await world.spare()
    world.hosts.drop_spare("memory is scarce")
    await until(lambda: ended(waiting))
    assert world.hosts.spare_pid is None


async def test_it_ends_some_time_after_the_last_session(
    world: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placement, "SPARE_KEPT_S", 0.02)
    seats = [await world.opened(thread) for thread in "ab"]
    waiting = await world.spare()
    first, second, _ = world.launcher.hosts
    leave(seats[0], first)
    await until(lambda: world.hosts.count == 2)
    await asyncio.sleep(3 * placement.SPARE_KEPT_S)
    assert not ended(waiting), "a session lives"
    leave(seats[1], second)
    await until(lambda: ended(waiting))
    assert world.hosts.spare_pid is None


async def test_a_start_that_comes_in_time_keeps_it(
    world: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placement, "SPARE_KEPT_S", 0.05)
    seat = await world.opened("a")
    waiting = await world.spare()
    leave(seat, world.launcher.hosts[0])
    await until(lambda: world.hosts.count == 1)
    await world.opened("b")  # takes it
    again = await world.spare()
    await asyncio.sleep(3 * placement.SPARE_KEPT_S)
    assert not ended(again)
    assert not ended(waiting)


async def test_it_ends_with_the_sidecar_and_none_comes_after_it(world: Waiting) -> None:
    waiting = await world.spare()
    closing = asyncio.create_task(world.hosts.close(1.0))
    await until(lambda: ended(waiting))
    waiting.die()
    await closing
    world.hosts.keep_spare()
    await a_moment()
    assert world.hosts.count == 0


async def test_it_is_asked_whether_its_loop_turns(world: Waiting) -> None:
    """One that hangs is found before a session is sent to it."""
    waiting = await world.spare()
    assert [link.process.pid for link in world.hosts.up()] == [waiting.process.pid]


async def test_one_that_was_taken_and_given_no_session_is_ended(world: Waiting) -> None:
    waiting = await world.spare()
    seat = world.seat("b")
    await seat.up()
    seat.leave()
    assert waiting.dead, "it was told to wait, so it would wait for ever"


def leave(seat: Seat, host: FakeHost) -> None:
    """End a session and its host."""
    seat.leave()
    host.die()
