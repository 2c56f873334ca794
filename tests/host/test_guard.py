"""The guard ends a host whose supervisor is gone: never before its deadline, and whatever spins."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.host.guard import EX_GUARDED, GUARD_KILL_S, HOST_EOF_DEADLINE_S
from sidecar.process import own_environment
from tests.support import observer

FAKE_HOST = [sys.executable, str(Path(__file__).parents[1] / "fakes" / "fake_host.py")]

PROMISE_S = HOST_EOF_DEADLINE_S + GUARD_KILL_S


class Host:
    """A fake host in a process of its own, spoken to in lines."""

    def __init__(self) -> None:
        self.channel, theirs = socket.socketpair()
        self.channel.settimeout(20)
        self.process = subprocess.Popen(
            [*FAKE_HOST, "--channel-fd", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=own_environment(),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        self._lines = self.channel.makefile("rb")
        assert self._lines.readline().startswith(b"hello")

    def ask(self, line: str) -> str:
        self.channel.sendall(line.encode() + b"\n")
        return self._lines.readline().decode().strip()

    def close_channel(self) -> None:
        self._lines.close()
        self.channel.close()


@pytest.fixture
def host() -> Iterator[Host]:
    host = Host()
    yield host
    host.close_channel()
    host.process.kill()
    host.process.wait()


@pytest.fixture
def sentinel() -> Iterator[str]:
    word = observer.new_sentinel()
    yield word
    observer.kill_all(word)


async def test_a_wedged_host_dies_with_all_below_it(host: Host, sentinel: str) -> None:
    for mode in ("stubborn", "daemon", "tool"):
        assert host.ask(f"start {mode} {sentinel}").startswith("started")
    assert len(await observer.wait_until_seen(sentinel, 5, 5)) == 5
    assert host.ask("spin") == "spinning"
    host.close_channel()
    assert await observer.wait_until_none(sentinel, 3 * PROMISE_S) == []
    assert host.process.wait(3 * PROMISE_S) == EX_GUARDED


async def test_a_wedged_host_with_a_large_tree_dies_as_well(host: Host, sentinel: str) -> None:
    """Each look at /proc gives the interpreter lock to the busy main thread."""
    for mode in ("tree", "tool", "daemon") * 5:
        host.ask(f"start {mode} {sentinel}")
    assert len(await observer.wait_until_seen(sentinel, 30, 10)) == 30
    host.ask("spin")
    host.close_channel()
    assert await observer.wait_until_none(sentinel, 3 * PROMISE_S) == []


async def test_an_orderly_end_comes_before_the_guard(host: Host, sentinel: str) -> None:
    host.ask(f"start stubborn {sentinel}")
    host.close_channel()
    assert host.process.wait(3 * PROMISE_S) == 0
    assert observer.seen(sentinel) == []


async def test_a_wedged_host_is_left_alone_while_its_supervisor_lives(
    host: Host, sentinel: str
) -> None:
    """And a channel with unread bytes in it is no end."""
    host.ask(f"start tool {sentinel}")
    host.ask("spin")
    host.channel.sendall(b"ping\n" * 1000)
    await asyncio.sleep(HOST_EOF_DEADLINE_S + 0.5)
    assert host.process.poll() is None
    assert len(observer.seen(sentinel)) == 2


async def test_the_deadline_of_the_main_thread_is_kept(host: Host, sentinel: str) -> None:
    """Its ladder may need the whole of it."""
    host.ask(f"start stubborn {sentinel}")
    host.ask("spin")
    began = time.monotonic()
    host.close_channel()
    while observer.seen(sentinel):
        await asyncio.sleep(0.05)
    assert time.monotonic() - began >= HOST_EOF_DEADLINE_S


def test_a_guard_that_watches_does_not_keep_a_process_alive(host: Host) -> None:
    assert host.ask("exit 3") == ""
    assert host.process.wait(10) == 3


async def test_a_host_that_fails_leaves_nothing_although_nobody_adopts(
    host: Host, sentinel: str
) -> None:
    """An unforeseen exception ends it; here neither zygote nor supervisor cleans up behind it."""
    for mode in ("daemon", "tree"):
        host.ask(f"start {mode} {sentinel}")
    host.ask("exit not-a-number")
    assert host.process.wait(10) == 1
    assert observer.seen(sentinel) == []


def test_a_host_has_no_descriptor_but_its_channel_and_stdio() -> None:
    """Whatever its launcher left open; the duplicate is the guard's."""
    leaks = os.pipe()
    for fd in leaks:
        os.set_inheritable(fd, True)
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(
        [*FAKE_HOST, "--channel-fd", str(theirs.fileno())],
        pass_fds=[theirs.fileno(), *leaks],
        env=own_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    theirs.close()
    ours.settimeout(20)
    assert ours.recv(100).startswith(b"hello")
    leaked = {os.readlink(f"/proc/self/fd/{fd}") for fd in leaks}  # noqa: PTH115
    assert not leaked & observer.inodes(process.pid)
    with contextlib.closing(ours):
        ours.sendall(b"exit 0\n")
    process.wait(10)
    for fd in leaks:
        os.close(fd)
