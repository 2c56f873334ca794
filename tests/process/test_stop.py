"""The stop ladder: each rung is tried, none outlasts its deadline, and nothing lives after."""

import asyncio
import os
import time
from collections.abc import Iterator

import pytest

from sidecar.process import (
    Child,
    Exit,
    Ladder,
    OrphanReaper,
    ProcessKey,
    Rung,
    new_mark,
    stop_session_tree,
    stop_tree,
    with_mark,
)
from sidecar.process.identity import ProcessInfo
from sidecar.process.linux import set_subreaper
from sidecar.process.stop import KILL_LEAST_S, session_census
from tests.process.conftest import Misbehave
from tests.support import observer

QUICK = Ladder(cancel_s=0.2, eof_s=0.2, term_s=0.2, kill_s=2.0)


@pytest.fixture(autouse=True)
def _adopting() -> Iterator[None]:
    """Be what a host is: orphans fall to this process."""
    before = set_subreaper()
    yield
    set_subreaper(before)


async def _reap() -> None:
    """Take the statuses of the adopted, as a host's reaper does a second later."""
    reaper = OrphanReaper()
    reaper._look()
    reaper._look()
    reaper.close()


async def test_a_polite_provider_ends_at_eof(misbehave: Misbehave) -> None:
    child = await misbehave("quiet")
    report = await stop_session_tree([child], mark=new_mark())
    assert (report.rung, report.exit) == (Rung.EOF, Exit(code=0))
    assert not report.killed
    assert not report.survivors


async def test_the_protocol_is_asked_first(misbehave: Misbehave) -> None:
    child = await misbehave("quiet")
    asked = []

    async def cancel() -> None:
        asked.append(child.exit)
        child.close_stdin()
        await child.wait()

    report = await stop_session_tree([child], mark=new_mark(), cancel=cancel)
    assert asked == [None]
    assert report.rung is Rung.CANCEL


@pytest.mark.parametrize("failure", ["hangs", "raises"])
async def test_a_cancel_that_fails_holds_nothing_up(misbehave: Misbehave, failure: str) -> None:
    child = await misbehave("quiet")

    async def cancel() -> None:
        if failure == "raises":
            raise ValueError("no such turn")
        await asyncio.sleep(60)

    report = await stop_session_tree([child], mark=new_mark(), cancel=cancel, ladder=QUICK)
    assert report.rung is Rung.EOF
    assert report.cancel_error
    assert ("no such turn" in report.cancel_error) == (failure == "raises")


async def test_a_stubborn_provider_is_killed_within_the_deadline(misbehave: Misbehave) -> None:
    child = await misbehave("stubborn")
    began = time.monotonic()
    report = await stop_session_tree([child], mark=new_mark(), ladder=Ladder.within(1.0))
    assert time.monotonic() - began < 3.0
    assert (report.rung, report.exit) == (Rung.KILL, Exit(signal=9))
    assert report.killed == [child.key]


async def test_a_provider_that_ends_at_sigterm_is_not_killed(misbehave: Misbehave) -> None:
    child = await misbehave("sleepy")
    report = await stop_session_tree([child], mark=new_mark(), ladder=QUICK)
    assert (report.rung, report.exit) == (Rung.TERM, Exit(signal=15))
    assert not report.killed


async def test_a_stopped_provider_is_woken_to_end(misbehave: Misbehave) -> None:
    child = await misbehave("sleepy")
    os.kill(child.pid, 19)
    report = await stop_session_tree([child], mark=new_mark(), ladder=QUICK)
    assert report.rung is Rung.TERM


@pytest.mark.parametrize("mode", ["tool", "daemon", "storm", "respawn", "orphan"])
async def test_nothing_of_a_tree_lives_after_the_stop(
    misbehave: Misbehave, sentinel: str, mode: str
) -> None:
    child = await misbehave(mode)
    await observer.wait_until_seen(sentinel, 1 if mode == "orphan" else 2, 5)
    report = await stop_session_tree([child], mark=new_mark(), ladder=QUICK)
    assert observer.seen(sentinel) == []
    assert report.rung is Rung.KILL
    assert report.survivors == []
    await _reap()


async def test_of_two_sessions_in_a_host_only_the_stopped_one_dies(
    misbehave: Misbehave, sentinel: str
) -> None:
    """Both leave an orphan; only the marks tell whose it is."""
    marks = new_mark(), new_mark()
    environment = dict(os.environ)
    mine = await misbehave("tree", env=with_mark(environment, marks[0]))
    sibling = await misbehave("tree", env=with_mark(environment, marks[1]))
    before = {seen.pid for seen in await observer.wait_until_seen(sentinel, 4, 5)}
    await stop_session_tree([mine], mark=marks[0], ladder=QUICK)
    left = {seen.pid for seen in observer.seen(sentinel)}
    assert len(left) == len(before) / 2
    assert sibling.pid in left
    await stop_session_tree([sibling], mark=marks[1], ladder=QUICK)
    assert observer.seen(sentinel) == []
    await _reap()


async def test_the_tools_of_a_shared_service_die_with_their_session_alone(sentinel: str) -> None:
    """Two sessions have a tool each below one service that neither has started."""
    service_mark, mine, siblings = new_mark(), new_mark(), new_mark()
    words = {mark: f"{sentinel}-{mark}" for mark in (mine, siblings)}
    tools = " ".join(
        f"AGENT_SIDECAR_MARKS=$AGENT_SIDECAR_MARKS:{mark} setsid sh -c 'sleep 60; : {word}' &"
        for mark, word in words.items()
    )
    service = await Child.spawn(
        ["sh", "-c", f"{tools} sleep 60; : {sentinel}"],
        env=with_mark(dict(os.environ), service_mark),
    )
    for word in words.values():
        await observer.wait_until_seen(word, 2, 5)  # in the service's argv too
    report = await stop_session_tree([], mark=mine, ladder=QUICK)
    assert len(report.killed) == 2
    assert [seen.pid for seen in observer.seen(words[mine])] == [service.pid]
    assert len(observer.seen(words[siblings])) == 2
    await stop_tree([service], look=lambda: session_census([service], service_mark), ladder=QUICK)
    assert observer.seen(sentinel) == []
    await _reap()


async def test_a_child_that_somebody_else_here_started_is_spared(misbehave: Misbehave) -> None:
    bystander = await asyncio.create_subprocess_exec("sleep", "60")
    child = await misbehave("stubborn")
    await stop_session_tree([child], mark=new_mark(), ladder=QUICK)
    assert bystander.returncode is None
    bystander.kill()
    await bystander.wait()


async def test_a_cancelled_stop_kills_and_is_cancelled(misbehave: Misbehave, sentinel: str) -> None:
    child = await misbehave("stubborn")
    stopping = asyncio.create_task(stop_session_tree([child], mark=new_mark()))
    await asyncio.sleep(0.05)
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    assert await observer.wait_until_none(sentinel, 5) == []


async def test_survivors_are_reported_and_the_deadline_kept(misbehave: Misbehave) -> None:
    """A process in uninterruptible sleep does not die of SIGKILL; a census stands in for it."""
    undead = ProcessInfo(ProcessKey(os.getppid(), -1), 1, 0, 0, False, "undead")
    began = time.monotonic()
    report = await stop_tree([], look=lambda: [undead], ladder=Ladder.within(0.3))
    assert time.monotonic() - began < 3 * 0.3
    assert report.survivors == [undead.key]
    assert report.killed == []


async def test_a_large_process_is_no_survivor_while_it_gives_its_memory_back() -> None:
    dying = ProcessInfo(ProcessKey(os.getppid(), -1), 1, 0, 0, False, "dying")
    until = time.monotonic() + KILL_LEAST_S * 0.8

    def look() -> list[ProcessInfo]:
        return [dying] if time.monotonic() < until else []

    assert (await stop_tree([], look=look, ladder=Ladder.within(0))).survivors == []


async def test_the_last_output_is_read_before_the_pipes_are_closed(misbehave: Misbehave) -> None:
    child = await misbehave("farewell")
    words = []

    async def pump() -> None:
        while data := await child.read():
            words.append(data)

    pumping = asyncio.create_task(pump())
    await stop_session_tree([child], mark=new_mark())
    assert b"".join(words) == b"farewell" * 20_000
    await pumping
    assert child.stderr_tail.endswith("goodbye")


async def test_stopping_nothing_is_quick_and_reports_nothing() -> None:
    report = await stop_session_tree([], mark=new_mark())
    assert (report.rung, report.exit, report.killed) == (Rung.NONE, None, [])


def test_a_ladder_is_scaled_to_its_deadline() -> None:
    assert Ladder.within(2.5).total_s == pytest.approx(2.5)
    assert Ladder.within(0).total_s == KILL_LEAST_S
    assert Ladder().total_s == 5.0
