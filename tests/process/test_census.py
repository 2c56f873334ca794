"""Identity and census: who is below us, and that a recycled pid is never signalled."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sidecar.process import ProcessKey, everything_below, is_alive, key_of, kill_until_empty
from sidecar.process.census import Kill, descendants, strangers
from sidecar.process.identity import Exit, ProcessInfo
from sidecar.process.linux import (
    _parse_stat,
    children_of,
    environment_of,
    every_process,
    info_of,
    reap,
    send_signal,
    set_subreaper,
)
from tests.process.conftest import Misbehave
from tests.support import observer


async def test_a_recycled_pid_is_never_signalled(misbehave: Misbehave) -> None:
    """The process has the pid, but not the create time of the one that was meant."""
    child = await misbehave("sleepy")
    meant = ProcessKey(child.pid, child.key.create_time - 1)
    assert not send_signal(meant, signal.SIGKILL)
    assert not is_alive(meant)
    assert is_alive(child.key)
    assert send_signal(child.key, signal.SIGKILL)
    assert await child.wait() == Exit(signal=9)
    assert not is_alive(child.key), "a zombie is not alive"


async def test_a_kill_spares_a_pid_that_was_recycled_since_the_census(
    misbehave: Misbehave,
) -> None:
    child = await misbehave("sleepy")
    info = info_of(child.pid)
    assert info is not None
    stale = info._replace(key=ProcessKey(child.pid, info.key.create_time - 1))
    kill = kill_until_empty(lambda: [stale], deadline_s=0.1)
    assert kill.killed == set()
    assert child.exit is None
    assert is_alive(child.key)


def test_a_process_that_is_gone_is_not_signalled() -> None:
    process = subprocess.Popen(["sleep", "60"])
    key = key_of(process.pid)
    assert key is not None
    process.kill()
    process.wait()
    assert not send_signal(key, signal.SIGKILL)
    assert info_of(process.pid) is None
    assert children_of(process.pid) == []
    assert environment_of(process.pid) == {}


async def test_a_census_finds_everything_below_parents_first(
    misbehave: Misbehave, sentinel: str
) -> None:
    child = await misbehave("tool")
    both = await observer.wait_until_seen(sentinel, 2, 5)
    (tool,) = (seen for seen in both if seen.pid != child.pid)
    pids = [info.key.pid for info in everything_below()]
    assert pids.index(child.pid) < pids.index(tool.pid)
    assert [info.key.pid for info in descendants([child.pid])] == [tool.pid]
    os.kill(tool.pid, 9)


async def test_children_of_every_thread_are_found() -> None:
    code = (
        "import subprocess, threading\n"
        "def start(): subprocess.Popen(['sleep', '60']); go.wait()\n"
        "go = threading.Event()\n"
        "threading.Thread(target=start, daemon=True).start()\n"
        "input()\n"
    )
    process = subprocess.Popen([sys.executable, "-S", "-c", code], stdin=subprocess.PIPE)
    end = time.monotonic() + 5
    names: list[str] = []
    while names != ["sleep"] and time.monotonic() < end:  # before its exec it has our name
        time.sleep(0.01)
        names = [info.name for info in descendants([process.pid])]
    for info in descendants([process.pid]):
        send_signal(info.key, 9)
    process.kill()
    process.communicate()
    assert names == ["sleep"]


def test_orphans_are_strangers_and_own_children_are_not() -> None:
    """Popen's child is in our session: not ours to reap, let alone to kill."""
    before = set_subreaper()
    own = subprocess.Popen(["sleep", "60"])
    subprocess.run(["sh", "-c", "setsid sleep 61 & "], check=True)
    end = time.monotonic() + 5
    while not (found := strangers()) and time.monotonic() < end:
        time.sleep(0.01)
    set_subreaper(before)
    assert own.pid not in {info.key.pid for info in found}
    assert len(found) == 1
    kill_until_empty(lambda: [i for i in found if is_alive(i.key)], 2)
    assert reap(found[0].key.pid) == Exit(signal=9)
    own.kill()
    own.wait()


def test_a_kill_needs_two_empty_looks_in_a_row() -> None:
    """A process that was re-parented during the first look is found by the second."""
    undead = ProcessInfo(ProcessKey(os.getpid(), -1), 1, 0, 0, False, "")
    looks: list[list[ProcessInfo]] = [[undead], [], [undead], [], []]
    kill = Kill(lambda: looks.pop(0))
    pauses = [kill.step() for _ in range(5)]
    assert [pause is None for pause in pauses] == [False, False, False, False, True]
    assert kill.survivors == []


def test_a_kill_is_not_ended_half_done_by_its_deadline() -> None:
    undead = ProcessInfo(ProcessKey(os.getpid(), -1), 1, 0, 0, False, "")
    looks: list[list[ProcessInfo]] = [[undead], [undead], [], []]
    kill = kill_until_empty(lambda: looks.pop(0), deadline_s=0)
    assert kill.survivors == []
    assert looks == []


@pytest.mark.parametrize("name", [b"sleep", b"a) R 1 (b", b"two words", b"\xff"])
def test_a_name_may_hold_anything(name: bytes) -> None:
    rest = b"S 1 2 3 0 -1 4194560 1 0 0 0 7 8 0 0 20 0 1 0 424242 5 6 7"
    info = _parse_stat(b"77 (" + name + b") " + rest + b"\n")
    assert info.key == ProcessKey(77, 424242)
    assert (info.parent, info.group, info.session, info.dead) == (1, 2, 3, False)
    assert info.name == name.decode("utf-8", "replace")


def test_a_leader_that_ended_before_its_threads_still_lives() -> None:
    code = (
        "import ctypes, threading, time\n"
        "threading.Thread(target=time.sleep, args=(60,)).start()\n"
        "ctypes.CDLL(None).pthread_exit(None)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    end = time.monotonic() + 5
    while time.monotonic() < end:
        if b") Z " in Path(f"/proc/{process.pid}/stat").read_bytes():
            break
        time.sleep(0.01)
    key = key_of(process.pid)
    assert key is not None
    assert is_alive(key)
    assert send_signal(key, 9)
    assert process.wait() == -9


def test_every_process_includes_this_one_and_init() -> None:
    pids = {info.key.pid for info in every_process()}
    assert {1, os.getpid()} <= pids
