"""The zygote, spoken to over its control socket: forks, ends, orphans, and what it does alone."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sidecar.host.control import Control
from sidecar.host.zygote import CLEAN_DEADLINE_S, UNDERTAKER_END_S
from sidecar.host.zygote import Zygote as ZygoteLoop
from sidecar.process import key_of, marks_in, new_mark, own_environment
from sidecar.process.linux import environment_of
from sidecar.supervisor.launch.zygote_process import ZygoteHandle, start_zygote
from tests.support import observer

FAKE = [sys.executable, str(Path(__file__).parents[1] / "fakes" / "fake_host.py")]


class Host:
    """A forked fake host: its channel, and the pidfd that came with it."""

    def __init__(self, pid: int, pidfd: int, channel: socket.socket) -> None:
        self.pid = pid
        self.pidfd = pidfd
        self.channel = channel
        self.channel.settimeout(20)
        self._lines = channel.makefile("rb")
        assert self._lines.readline() == b"hello %d\n" % pid

    def ask(self, line: str) -> str:
        self.channel.sendall(line.encode() + b"\n")
        return self._lines.readline().decode().strip()

    def close(self) -> None:
        self._lines.close()
        self.channel.close()
        os.close(self.pidfd)


class Zygote:
    """A zygote with the fake host as its entry."""

    def __init__(self, handle: ZygoteHandle) -> None:
        self.handle = handle
        self.control = handle.control
        self.control.settimeout(20)
        self.hosts: list[Host] = []
        self._next = 0
        assert self.receive()[0]["op"] == "ready"

    def receive(self) -> tuple[dict[str, Any], list[int]]:
        data, fds, _, _ = socket.recv_fds(self.control, 4096, 4)
        if not data:
            raise EOFError
        return json.loads(data), fds

    def fork(self) -> Host:
        ours, theirs = socket.socketpair()
        self._next += 1
        request = json.dumps({"op": "fork", "id": self._next}).encode()
        with theirs:
            socket.send_fds(self.control, [request], [theirs.fileno(), 2])
        answer, fds = self.receive()
        assert (answer["op"], answer["id"]) == ("forked", self._next)
        key = key_of(answer["pid"])
        assert key is not None
        assert key.create_time == answer["createTime"]
        host = Host(answer["pid"], fds[0], ours)
        self.hosts.append(host)
        return host

    def close(self) -> None:
        for host in self.hosts:
            host.close()
        self.handle.close()


@pytest.fixture
def zygote() -> Iterator[Zygote]:
    zygote = Zygote(start_zygote(command=FAKE))
    yield zygote
    zygote.close()


@pytest.fixture
def sentinel() -> Iterator[str]:
    word = observer.new_sentinel()
    yield word
    observer.kill_all(word)


async def eventually(condition: Callable[[], bool], deadline_s: float = 5.0) -> bool:
    end = time.monotonic() + deadline_s
    while not condition() and time.monotonic() < end:
        await asyncio.sleep(0.01)
    return condition()


def test_hosts_are_children_of_the_zygote_and_answer(zygote: Zygote) -> None:
    first, second = zygote.fork(), zygote.fork()
    assert first.pid != second.pid
    assert first.ask("ping") == f"pong {first.pid}"
    assert second.ask("ping") == f"pong {second.pid}"


def test_the_end_of_a_host_is_told_with_its_status(zygote: Zygote) -> None:
    zygote.fork().channel.sendall(b"exit 5\n")
    message, _ = zygote.receive()
    assert (message["op"], message["code"], message["signal"]) == ("exited", 5, None)
    zygote.fork().channel.sendall(b"crash\n")
    message, _ = zygote.receive()
    assert (message["code"], message["signal"]) == (None, signal.SIGABRT)


async def test_the_end_of_a_host_is_told_only_when_what_it_left_is_dead(
    zygote: Zygote, sentinel: str
) -> None:
    host, sibling = zygote.fork(), zygote.fork()
    for mode in ("stubborn", "daemon", "tree", "respawn"):
        assert host.ask(f"start {mode} {sentinel}").startswith("started")
    signal.pidfd_send_signal(host.pidfd, signal.SIGKILL)
    message, _ = zygote.receive()
    left = observer.seen(sentinel)
    assert left == []
    assert (message["pid"], message["signal"], message["survivors"]) == (host.pid, 9, 0)
    assert message["killed"] > 0
    assert sibling.ask("ping") == f"pong {sibling.pid}"


async def test_forks_are_served_while_orphans_are_killed(zygote: Zygote, sentinel: str) -> None:
    hosts = [zygote.fork() for _ in range(3)]
    for host in hosts:
        host.ask(f"start storm {sentinel}")
        signal.pidfd_send_signal(host.pidfd, signal.SIGKILL)
    ours, theirs = socket.socketpair()
    with theirs, ours:
        request = json.dumps({"op": "fork", "id": 99}).encode()
        socket.send_fds(zygote.control, [request], [theirs.fileno(), 2])
        ended = 0
        forked = False
        while ended < 3 or not forked:
            message, fds = zygote.receive()
            ended += message["op"] == "exited"
            forked |= message["op"] == "forked"
            for fd in fds:
                os.close(fd)
    assert observer.seen(sentinel) == []
    assert zygote.receive()[0]["op"] == "exited"  # the fourth saw the end of its channel


async def test_zombies_are_reaped(zygote: Zygote) -> None:
    pids = []
    for _ in range(5):
        host = zygote.fork()
        pids.append(host.pid)
        host.channel.sendall(b"exit 0\n")
        zygote.receive()
    assert not [pid for pid in pids if key_of(pid)]


async def test_alone_it_buries_hosts_that_do_not_go_and_ends(zygote: Zygote, sentinel: str) -> None:
    """One host is stopped, so that neither its loop nor its guard can act."""
    host, polite = zygote.fork(), zygote.fork()
    for mode in ("stubborn", "daemon", "tool"):
        host.ask(f"start {mode} {sentinel}")
    polite.ask(f"start quiet {sentinel}")
    os.kill(host.pid, signal.SIGSTOP)
    zygote.control.close()
    for one in (host, polite):
        one.channel.shutdown(socket.SHUT_RDWR)
    assert zygote.handle.process.wait(3 * UNDERTAKER_END_S) == 0
    assert observer.seen(sentinel) == []
    assert not observer.is_running(host.pid)
    assert not observer.is_running(polite.pid)


async def test_alone_and_without_hosts_it_ends_at_once(zygote: Zygote) -> None:
    zygote.control.close()
    assert zygote.handle.process.wait(3 * CLEAN_DEADLINE_S) == 0


async def test_ends_are_still_told_to_who_only_stopped_asking(zygote: Zygote) -> None:
    """An orderly close: the supervisor shuts its writing down and reads on."""
    hosts = [zygote.fork() for _ in range(20)]
    zygote.control.shutdown(socket.SHUT_WR)
    for host in hosts:
        host.channel.shutdown(socket.SHUT_RDWR)
    assert await observer.wait_until_ended([host.pid for host in hosts], 5) == []
    ended = {zygote.receive()[0]["pid"] for _ in hosts}
    assert ended == {host.pid for host in hosts}
    with pytest.raises(EOFError):
        zygote.receive()
    assert zygote.handle.process.wait(5) == 0


def test_it_does_not_end_with_something_left_to_say() -> None:
    """The supervisor reads slowly: the ends of its last hosts wait."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    with theirs:
        zygote = ZygoteLoop(Control(ours), entry=lambda _channel: 0)
        zygote.alone_since = time.monotonic()
        for pid in range(50):
            zygote.control.send({"op": "exited", "pid": pid})
        assert zygote.control.outbox
        assert not zygote._buried()
        told: list[int] = []
        while len(told) < 50:
            told.append(json.loads(theirs.recv(4096))["pid"])
            zygote.control.flush()
        assert told == list(range(50))
        assert zygote._buried()
    ours.close()


async def test_a_parent_death_signal_without_a_death_is_ignored(zygote: Zygote) -> None:
    """It fires when the supervisor's forking thread ends, too."""
    os.kill(zygote.handle.pid, signal.SIGUSR1)
    assert zygote.fork().ask("ping").startswith("pong")


async def test_the_parents_death_is_seen_although_the_socket_is_held_open(sentinel: str) -> None:
    """A descriptor of the control socket leaked into somebody: no EOF will ever come."""
    code = (
        "import subprocess, sys, time\n"
        "from sidecar.supervisor.launch.zygote_process import start_zygote\n"
        "handle = start_zygote(command=sys.argv[2:])\n"
        "fd = handle.control.fileno()\n"
        "subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)',"
        " sys.argv[1]], pass_fds=[fd], stdout=subprocess.DEVNULL)\n"
        "handle.control.recv(100)\n"
        "print(handle.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, sentinel, *FAKE],
        stdout=subprocess.PIPE,
        env=own_environment(),
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    assert len(observer.seen(sentinel)) == 1
    assert await observer.wait_until_ended([pid], 5) == []


async def test_hosts_and_zygote_carry_the_instances_mark_from_their_exec(zygote: Zygote) -> None:
    host = zygote.fork()
    for pid in (zygote.handle.pid, host.pid):
        assert marks_in(environment_of(pid))[-1] == zygote.handle.mark


def test_a_failing_entry_ends_its_host_alone() -> None:
    """An exception in a forked child must never run on in the zygote's loop."""
    code = (
        "import sys\n"
        "from sidecar.host.zygote import main\n"
        "def entry(channel): raise RuntimeError('no such host')\n"
        "sys.exit(main(int(sys.argv[2]), entry))\n"
    )
    handle = start_zygote(new_mark(), [sys.executable, "-c", code])
    try:
        handle.control.settimeout(20)
        assert b"ready" in handle.control.recv(4096)
        ours, theirs = socket.socketpair()
        read, write = os.pipe()
        with ours, theirs:
            request = json.dumps({"op": "fork", "id": 1}).encode()
            socket.send_fds(handle.control, [request], [theirs.fileno(), write])
        os.close(write)
        _, fds, _, _ = socket.recv_fds(handle.control, 4096, 1)
        os.close(fds[0])
        ended = json.loads(handle.control.recv(4096))
        assert (ended["op"], ended["code"]) == ("exited", 70)
        with os.fdopen(read, "rb") as stderr:
            assert b"RuntimeError: no such host" in stderr.read()
    finally:
        handle.close()


def test_starting_one_imports_neither_asyncio_nor_aiohttp() -> None:
    """The zygote imports beside the supervisor's aiohttp, which is the start-up floor."""
    code = (
        "import sys, sidecar.supervisor.launch.zygote_process\n"
        "print([m for m in ('asyncio', 'aiohttp', 'msgspec', 'psutil') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code]) == b"[]\n"


def test_what_hosts_need_is_imported_one_at_a_time_in_quiet_moments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, text in (("cold_a", ""), ("cold_b", "raise ValueError('broken')"), ("cold_c", "")):
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        cold = deque(["cold_a", "cold_b", "cold_c"])
        loop = ZygoteLoop(Control(ours), lambda _: 0, cold, iter(()))
        loop.warm_at = time.monotonic() + 3600
        loop.warm()
        assert "cold_a" not in sys.modules  # it is not yet time
        loop.warm_at = 0
        loop.warm()
        assert "cold_a" in sys.modules
        assert "cold_c" not in sys.modules
        loop.warm()
        assert "ValueError: broken" in capfd.readouterr().err
        theirs.setblocking(False)
        with pytest.raises(BlockingIOError):
            theirs.recv(4096)
        loop.warm()
        loop.warm()
        assert "cold_c" in sys.modules
        assert not loop.cold
        assert json.loads(theirs.recv(4096)) == {"op": "warm"}


def test_what_keeps_pages_shared_is_done_in_parts_when_all_is_imported(tmp_path: Path) -> None:
    done: list[str] = []

    def sharing() -> Iterator[None]:
        for part in ("one", "two"):
            done.append(part)
            yield
        done.append("last")

    ours, theirs = socket.socketpair()
    with ours, theirs:
        loop = ZygoteLoop(Control(ours), lambda _: 0, deque(["sys"]), sharing())
        loop.warm()
        assert (list(loop.cold), done) == ([], [])
        loop.warm_at = time.monotonic() + 3600
        assert loop._timeout_ms() is not None
        loop.warm()
        assert done == []  # it is not yet time
        loop.warm_at = 0
        loop.warm()
        assert done == ["one"]
        for _ in range(3):
            loop.warm()
        assert done == ["one", "two", "last"]
        assert loop.sharing is None
        assert loop._timeout_ms() is None


def test_hosts_are_forked_without_what_cannot_be_kept_shared(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def sharing() -> Iterator[None]:
        yield
        raise TypeError("odd")

    ours, theirs = socket.socketpair()
    with ours, theirs:
        loop = ZygoteLoop(Control(ours), lambda _: 0, sharing=sharing())
        for _ in range(3):
            loop.warm()
        assert loop.sharing is None
    assert "TypeError: odd" in capfd.readouterr().err


def test_what_the_first_host_needs_is_imported_before_it_is_forked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("cold_d", "cold_e"):
        (tmp_path / f"{name}.py").write_text("")
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        loop = ZygoteLoop(Control(ours), lambda _: 0, deque(["cold_d", "cold_e"]))
        loop._import_now("cold_e")
        loop._import_now("os.path")  # only what is on the list
        loop._import_now("")
    assert "cold_e" in sys.modules
    assert "cold_d" not in sys.modules
    assert list(loop.cold) == ["cold_d"]
