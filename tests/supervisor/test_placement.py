"""Seats in hosts: who joins whom, and a host's end that no session can run into."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sidecar.contract.errors import Overloaded, ProviderProcessFailed
from sidecar.contract.frames import EndFrame, EventFrame, HostIdleFrame, LogFrame, OpenFrame
from sidecar.core.placement import Policy
from sidecar.supervisor import placement
from sidecar.supervisor.hostlink import HostEnd, HostLink
from sidecar.supervisor.patience import POOR_TRIES
from tests.supervisor.hosts_world import Nobody, World, pids, spec, until


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Two sessions a host."""
    made = World()
    yield made
    await made.close()


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


async def test_the_end_of_a_host_is_noted_also_where_there_was_no_memory_to_tell_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World("one")
    seat = await world.opened("a")
    ended, failures = HostLink.ended, [MemoryError(), MemoryError()]

    async def poor(link: HostLink) -> HostEnd:
        end = await ended(link)
        if failures:
            raise failures.pop()
        return end

    monkeypatch.setattr(HostLink, "ended", poor)
    world.launcher.hosts[0].die()
    async with asyncio.timeout(10):
        assert (await seat.host_end()).survivors == 0
    await world.close()


async def test_an_end_that_nobody_has_seen_is_not_told_however_long_memory_is_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World("one")
    tries = 0

    async def poor(_link: HostLink) -> HostEnd:
        nonlocal tries
        tries += 1
        raise MemoryError

    monkeypatch.setattr(HostLink, "ended", poor)
    monkeypatch.setattr(placement, "POOR_S", 0.0)
    seat = await world.opened("a")
    await until(lambda: tries > 2 * POOR_TRIES)
    assert not seat.over
    world.launcher.hosts[0].die()
    async with asyncio.timeout(10):
        assert (await seat.host_end()).reason == placement.UNTOLD.reason
    await world.close()
