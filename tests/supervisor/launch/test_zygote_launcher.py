"""A zygote's death or silence harms no session, and the next start is served by another one."""

import asyncio
import os
import resource
import signal
import subprocess
import sys

import pytest

from sidecar.contract.errors import Overloaded
from sidecar.process import Exit
from sidecar.supervisor.launch import ZygoteLauncher
from tests.supervisor.launch.conftest import Launch
from tests.support import observer


def kill_zygote(launcher: ZygoteLauncher, number: int = signal.SIGKILL) -> int:
    pid = launcher.zygote_pid
    assert pid is not None
    os.kill(pid, number)
    return pid


async def until_gone(launcher: ZygoteLauncher) -> None:
    async with asyncio.timeout(5):
        while launcher.zygote_pid is not None:
            await asyncio.sleep(0.01)


async def test_hosts_outlive_their_zygote_and_another_serves_the_next_start(
    zygote: ZygoteLauncher, fork: Launch, sentinel: str
) -> None:
    host = await fork()
    provider = (await host.ask(f"start stubborn {sentinel}")).split()[1]
    first = kill_zygote(zygote)
    other = await fork()
    assert zygote.zygote_pid not in {None, first}
    assert await host.lives()
    assert await other.lives()
    assert [str(seen.pid) for seen in observer.seen(sentinel)] == [provider]


async def test_a_host_without_its_zygote_still_takes_all_below_it_along(
    zygote: ZygoteLauncher, fork: Launch, sentinel: str
) -> None:
    host, sibling = await fork(), await fork()
    for mode in ("stubborn", "daemon", "tool", "tree"):
        await host.ask(f"start {mode} {sentinel}")
    kill_zygote(zygote)
    await until_gone(zygote)
    await fork()
    host.process.kill()
    end = await host.ended()
    assert (end.exit, end.survivors) == (Exit(signal=9), 0)
    assert end.killed >= 3
    assert observer.seen(sentinel) == []
    assert await sibling.lives()


async def test_the_status_of_a_host_without_its_zygote_is_known(
    zygote: ZygoteLauncher, fork: Launch
) -> None:
    host = await fork()
    kill_zygote(zygote)
    await until_gone(zygote)
    await host.ask("exit 7")
    assert (await host.ended()).exit == Exit(code=7)


async def test_host_and_zygote_may_die_at_once(
    zygote: ZygoteLauncher, fork: Launch, sentinel: str
) -> None:
    """Whoever dies first, and whether or not the zygote had reaped."""
    for order in ("host first", "zygote first"):
        host = await fork()
        await host.ask(f"start daemon {sentinel}")
        if order == "host first":
            host.process.kill()
            kill_zygote(zygote)
        else:
            kill_zygote(zygote)
            host.process.kill()
        end = await host.ended()
        assert end.exit in {Exit(signal=9), Exit()}
        assert observer.seen(sentinel) == []


async def test_a_zygote_that_dies_again_and_again_is_replaced_again_and_again(
    zygote: ZygoteLauncher, fork: Launch
) -> None:
    hosts = []
    for _ in range(3):
        hosts.append(await fork())
        kill_zygote(zygote)
    assert all([await host.lives() for host in hosts])


async def test_starts_that_wait_while_the_zygote_dies_are_served(
    zygote: ZygoteLauncher, fork: Launch
) -> None:
    kill_zygote(zygote, signal.SIGSTOP)
    starts = [asyncio.create_task(fork()) for _ in range(5)]
    await asyncio.sleep(0.05)
    kill_zygote(zygote)
    hosts = await asyncio.gather(*starts)
    assert all([await host.lives() for host in hosts])


async def test_a_zygote_that_does_not_answer_is_replaced(
    zygote: ZygoteLauncher, fork: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fork()
    monkeypatch.setattr("sidecar.supervisor.launch.zygote_client.FORK_DEADLINE_S", 0.3)
    stopped = kill_zygote(zygote, signal.SIGSTOP)
    host = await fork()
    assert await host.lives()
    assert not observer.is_running(stopped)


async def test_a_zygote_that_tells_no_ends_is_replaced(
    zygote: ZygoteLauncher, fork: Launch, sentinel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.supervisor.launch.zygote_client.REPORT_DEADLINE_S", 0.3)
    host = await fork()
    await host.ask(f"start daemon {sentinel}")
    kill_zygote(zygote, signal.SIGSTOP)
    host.process.kill()
    end = await host.ended()
    assert (end.exit, end.survivors) == (Exit(signal=9), 0)
    assert observer.seen(sentinel) == []


async def test_what_a_dying_zygote_forked_unseen_is_killed(
    zygote: ZygoteLauncher, sentinel: str
) -> None:
    """It died between the fork and its word of it, so nobody knows the host that falls to us."""
    sleeper = f"setsid {sys.executable} -S -c 'import time; time.sleep(60)' {sentinel} &"
    subprocess.run(["sh", "-c", sleeper], check=True)
    assert await observer.wait_until_seen(sentinel, 1, 5)
    kill_zygote(zygote)
    assert await observer.wait_until_none(sentinel, 5) == []


async def test_orphans_that_a_dying_zygote_was_burying_are_buried(
    zygote: ZygoteLauncher, fork: Launch, sentinel: str
) -> None:
    host = await fork()
    await host.ask(f"start daemon {sentinel}")
    kill_zygote(zygote, signal.SIGSTOP)
    host.process.kill()
    await observer.wait_until_ended([host.pid], 5)
    kill_zygote(zygote)
    await host.ended()
    assert await observer.wait_until_none(sentinel, 5) == []


async def test_hosts_live_on_when_the_zygote_dies_and_no_descriptor_is_left(
    zygote: ZygoteLauncher, fork: Launch, sentinel: str
) -> None:
    host = await fork()
    await host.ask(f"start stubborn {sentinel}")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        kill_zygote(zygote)
        await until_gone(zygote)
        await asyncio.sleep(0)  # the turn of the loop in which its hosts are looked at
        assert await host.lives()
        with pytest.raises(Overloaded, match="Too many open files"):
            await zygote.launch()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert await host.lives()
    host.process.kill()
    assert (await host.ended()).exit == Exit(signal=9)
