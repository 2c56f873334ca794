"""What both launchers promise: separate hosts, ends that leave nothing, and a close that is one."""

import asyncio
import os
import signal
import sys

import pytest

from sidecar.contract.errors import ProviderProcessFailed, ShuttingDown
from sidecar.process import Exit, key_of, marks_in
from sidecar.process.linux import environment_of
from sidecar.supervisor.launch import ExecLauncher, HostLauncher, ZygoteLauncher, make_launcher
from sidecar.supervisor.launch.zygote_process import start_zygote
from tests.supervisor.launch.conftest import FAKE_HOST, Launch
from tests.support import observer


async def test_hosts_answer_each_on_its_own_channel(launch: Launch) -> None:
    hosts = [await launch() for _ in range(3)]
    assert len({host.pid for host in hosts}) == 3
    assert all([await host.lives() for host in hosts])
    assert all(host.process.key == key_of(host.pid) for host in hosts)


async def test_many_hosts_are_launched_at_once(launch: Launch) -> None:
    """More than a socket's queue holds."""
    hosts = await asyncio.gather(*(launch() for _ in range(25)))
    assert len({host.pid for host in hosts}) == 25
    assert all(await asyncio.gather(*(host.lives() for host in hosts)))


async def test_a_hosts_end_is_told_with_its_status(launch: Launch) -> None:
    asked, crashed, hung_up = await launch(), await launch(), await launch()
    await asked.ask("exit 5")
    assert (await asked.ended()).exit == Exit(code=5)
    await crashed.ask("crash")
    assert (await crashed.ended()).exit == Exit(signal=signal.SIGABRT)
    hung_up.hang_up()
    assert (await hung_up.ended()).exit == Exit(code=0)


async def test_a_killed_host_takes_all_below_it_along_and_no_sibling(
    launch: Launch, sentinel: str
) -> None:
    host, sibling = await launch(), await launch()
    for mode in ("stubborn", "daemon", "tool", "tree", "respawn"):
        assert (await host.ask(f"start {mode} {sentinel}")).startswith("started")
    provider = (await sibling.ask(f"start stubborn {sentinel}")).split()[1]
    assert len(await observer.wait_until_seen(sentinel, 9, 5)) >= 9
    host.process.kill()
    end = await host.ended()
    assert [str(seen.pid) for seen in observer.seen(sentinel)] == [provider]
    assert (end.exit, end.survivors) == (Exit(signal=9), 0)
    assert end.killed >= 3
    assert await sibling.lives()


async def test_a_host_that_is_killed_in_the_middle_of_a_fork_storm_leaves_nothing(
    launch: Launch, sentinel: str
) -> None:
    host = await launch()
    await host.ask(f"start storm {sentinel}")
    host.process.kill()
    end = await host.ended()
    assert observer.seen(sentinel) == []
    assert end.survivors == 0


async def test_a_wedged_host_can_be_killed(launch: Launch, sentinel: str) -> None:
    host = await launch()
    await host.ask(f"start daemon {sentinel}")
    assert await host.ask("spin") == "spinning"
    host.process.kill()
    assert (await host.ended()).exit == Exit(signal=9)
    assert observer.seen(sentinel) == []


async def test_a_host_that_ends_by_itself_may_leave_nothing_either(
    launch: Launch, sentinel: str
) -> None:
    host = await launch()
    await host.ask(f"start daemon {sentinel}")
    await host.ask("exit 0")
    end = await host.ended()
    assert end.exit == Exit(code=0)
    assert observer.seen(sentinel) == []


async def test_no_socket_or_pipe_of_a_host_is_open_anywhere_else(
    launcher: HostLauncher, launch: Launch, sentinel: str
) -> None:
    hosts = [await launch() for _ in range(3)]
    providers = [int((await h.ask(f"start tool {sentinel}")).split()[1]) for h in hosts]
    below = await observer.wait_until_seen(sentinel, 6, 5)
    tools = [seen.pid for seen in below if seen.pid not in providers]
    assert len(tools) == 3
    hosts_open = {host.pid: observer.inodes(host.pid) for host in hosts}
    for pid, mine in hosts_open.items():
        others = [inodes for other, inodes in hosts_open.items() if other != pid]
        assert not mine & set().union(*others)
    if launcher.zygote_pid is not None:
        # fd 2 of the zygote is the supervisor's: a diagnostic outlet, no host has it
        assert not observer.inodes(launcher.zygote_pid) & set().union(*hosts_open.values())
    everything = set().union(*hosts_open.values())
    for pid in [*providers, *tools]:
        assert not observer.inodes(pid, stdio=False)
    for provider, host in zip(providers, hosts, strict=True):
        shared = observer.inodes(provider) & everything
        assert shared <= hosts_open[host.pid], "a provider has another host's pipe"


async def test_a_hosts_end_is_seen_on_its_channel_at_once(launch: Launch) -> None:
    """Nobody else holds its end, neither zygote nor sibling."""
    host, _sibling = await launch(), await launch()
    host.process.kill()
    async with asyncio.timeout(5):
        assert await host.ask("ping") == ""


async def test_a_hosts_last_words_come_by_its_stderr(launch: Launch) -> None:
    host = await launch()
    await host.ask("crash")
    await host.ended()
    assert b"Fatal Python error: Aborted" in os.read(host.process.stderr_fd, 65536)


async def test_everything_launched_carries_the_launchers_mark(
    launcher: HostLauncher, launch: Launch, sentinel: str
) -> None:
    host = await launch()
    provider = int((await host.ask(f"start stubborn {sentinel}")).split()[1])
    assert marks_in(environment_of(host.pid))[-1] == launcher.mark
    *outer, instance, session = marks_in(environment_of(provider))
    assert instance == launcher.mark
    assert session not in outer


async def test_closing_ends_hosts_that_do_not_end(
    launcher: HostLauncher, launch: Launch, sentinel: str
) -> None:
    host = await launch()
    await host.ask(f"start daemon {sentinel}")
    await host.ask("spin")
    await launcher.close(0.2)
    assert (await host.ended()).exit == Exit(signal=9)
    assert observer.seen(sentinel) == []
    with pytest.raises(ShuttingDown):
        await launcher.launch()


async def test_a_launch_that_is_given_up_leaves_no_host(launcher: HostLauncher) -> None:
    launching = asyncio.create_task(launcher.launch())
    await asyncio.sleep(0)
    launching.cancel()
    outcome = (await asyncio.gather(launching, return_exceptions=True))[0]
    if not isinstance(outcome, BaseException):  # exec is done in one step
        outcome.channel.close()
        os.close(outcome.stderr_fd)
    await launcher.close(5)


async def test_a_child_of_somebody_else_in_this_process_is_spared(launch: Launch) -> None:
    bystander = await asyncio.create_subprocess_exec("sleep", "60")
    host = await launch()
    host.process.kill()
    await host.ended()
    assert bystander.returncode is None
    bystander.kill()
    await bystander.wait()


@pytest.mark.parametrize("launcher_class", [ZygoteLauncher, ExecLauncher])
async def test_a_command_that_cannot_be_run_fails_the_launch(
    launcher_class: type[ZygoteLauncher] | type[ExecLauncher],
) -> None:
    launcher = launcher_class(command=["/no/such/sidecar"])
    with pytest.raises(ProviderProcessFailed, match="Cannot start"):
        await launcher.start()
        await launcher.launch()
    await launcher.close(1)


async def test_a_zygote_that_dies_at_once_fails_the_launch() -> None:
    launcher = ZygoteLauncher(command=[sys.executable, "-c", "exit(3)"])
    await launcher.start()
    with pytest.raises(ProviderProcessFailed, match="the zygote died"):
        await launcher.launch()
    await launcher.close(1)


def test_a_zygote_that_the_setting_has_no_use_for_is_ended() -> None:
    handle = start_zygote(command=FAKE_HOST)
    assert isinstance(make_launcher("exec", handle), ExecLauncher)
    assert not observer.is_running(handle.pid)
