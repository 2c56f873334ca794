"""A prepared process: as good as one that is started in the ordinary way, and never in the way."""

import asyncio
import errno
import json
import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from sidecar.contract.errors import ProviderProcessFailed
from sidecar.process import Child, OrphanReaper, prepared, stop_session_tree
from sidecar.process.census import strangers
from sidecar.process.linux import set_subreaper
from sidecar.process.spawning import spawn_process
from sidecar.process.stop import session_census
from sidecar.process.waited import is_waited_for
from tests.support import observer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone")

ENV = {"PATH": os.environ["PATH"], "WORD": "grüße", "EMPTY": ""}
TAG = 1234
FACTS = """
import ctypes, json, os
death = ctypes.c_int()
ctypes.CDLL(None).prctl(2, ctypes.byref(death), 0, 0, 0)
fds = {fd: os.readlink("/proc/self/fd/" + fd) for fd in ("0", "1", "2")}
print(json.dumps({
    "session": os.getsid(0) == os.getpid(), "group": os.getpgid(0) == os.getpid(),
    "parent": os.getppid(), "death": death.value, "cwd": os.getcwd(), "argv": os.sys.orig_argv[4:],
    "fds": sorted(os.listdir("/proc/self/fd")), "kinds": [fds[fd][:5] for fd in fds],
    "apart": len(set(fds.values())), "nice": os.nice(0), "cpus": sorted(os.sched_getaffinity(0)),
}))
"""
NEEDED_FDS = 8
"""Three pipes and a pair of sockets."""

SETTLED = ("SigBlk", "SigIgn", "SigCgt", "Umask", "NoNewPrivs", "CapEff", "Groups")
"""Lines of /proc/PID/status that a process has from whoever started it."""


@pytest.fixture(autouse=True)
def _none_is_left() -> Iterator[None]:
    prepared.release()
    yield
    prepared.release()


@pytest.fixture(params=["ordinary", "prepared"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def spawn(way: str, argv: list[str], env: dict[str, str] = ENV, **options: Any) -> Child:
    """Start a process in one of the two ways."""
    pid = prepared.prepare() if way == "prepared" else None
    child = await Child.spawn(argv, env=env, **options)
    assert (child.pid == pid) == (way == "prepared")
    return child


async def said(child: Child) -> bytes:
    """Return all that it says; it is closed then."""
    data = b""
    while piece := await child.read():
        data += piece
    await child.wait()
    await child.output_ended(5)
    child.close()
    return data


def python(code: str, *words: str) -> list[str]:
    return [sys.executable, "-S", "-c", code, *words]


@contextmanager
def few_descriptors(count: int) -> Iterator[None]:
    """Have so many descriptors left and no more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = [os.open(os.devnull, os.O_RDONLY) for _ in range(NEEDED_FDS)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(taken) + 1, hard))
    try:
        with suppress(OSError):
            while True:
                taken.append(os.dup(taken[0]))
        for _ in range(count):
            os.close(taken.pop())
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for fd in taken:
            os.close(fd)


async def settled() -> int:
    """Prepare a process and return its pid once it waits to be told."""
    pid = prepared.prepare()
    assert pid is not None
    folder = Path(f"/proc/{pid}/fd")
    async with asyncio.timeout(5):
        while len(list(folder.iterdir())) > 4 or b"S" not in state(pid):
            await asyncio.sleep(0.005)
    return pid


def state(pid: int) -> bytes:
    return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]


def gone(pid: int) -> bool:
    """Tell whether there is no such process any more, not even a zombie."""
    return not Path(f"/proc/{pid}").exists()


async def facts(way: str, folder: Path) -> dict[str, Any]:
    """Return everything that can be told of a started process."""
    child = await spawn(way, python(FACTS, "a b", ""), cwd=str(folder), tag=TAG)
    found: dict[str, Any] = json.loads(await said(child))
    files = [f"/proc/self/{name}" for name in ("status", "limits", "environ")]
    status, limits, environ = [
        (await said(await spawn(way, ["/bin/cat", name], tag=TAG))).decode() for name in files
    ]
    lines = [line for line in status.splitlines() if line.startswith(SETTLED)]
    assert len(lines) == len(SETTLED)
    return found | {"status": lines, "limits": limits, "environ": environ}


async def test_it_differs_in_nothing_from_one_that_was_started_in_the_ordinary_way(
    tmp_path: Path,
) -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, lambda: None)
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    before = os.umask(0o027), signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGWINCH})
    try:
        ordinary, other = [await facts(way, tmp_path) for way in ("ordinary", "prepared")]
    finally:
        os.umask(before[0])
        signal.pthread_sigmask(signal.SIG_SETMASK, before[1])
        signal.signal(signal.SIGUSR2, signal.SIG_DFL)
        asyncio.get_running_loop().remove_signal_handler(signal.SIGUSR1)
    assert other == ordinary
    assert other["environ"] == "PATH={PATH}\0WORD={WORD}\0EMPTY=\0".format_map(ENV)
    assert "Umask:\t0027" in other["status"]
    ignored = next(line for line in other["status"] if line.startswith("SigIgn"))
    inherited = 1 << (signal.SIGHUP - 1) if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else 0
    expected = 1 << (signal.SIGUSR2 - 1) | inherited  # SIGHUP is under nohup
    assert int(ignored.split()[1], 16) == expected, "SIGPIPE is restored"


async def test_it_has_a_session_its_stdio_and_a_signal_for_its_parent_s_death(
    way: str, tmp_path: Path
) -> None:
    low = os.open(os.devnull, os.O_RDONLY)
    fds = [low, os.dup2(low, 200)]  # dup2 leaves it to be inherited
    os.set_inheritable(low, True)
    found = await facts(way, tmp_path)
    for fd in fds:
        os.close(fd)
    assert (found["session"], found["group"], found["parent"]) == (True, True, os.getpid())
    assert found["death"] == signal.SIGKILL
    assert found["fds"] == ["0", "1", "2", "3"], "3 is listdir's own"
    assert (found["kinds"], found["apart"]) == (["pipe:"] * 3, 3)
    assert (found["cwd"], found["argv"]) == (str(tmp_path), ["a b", ""])
    line = next(line for line in found["limits"].splitlines() if "file locks" in line)
    assert line.split()[3] == str(TAG)


async def test_its_stdio_and_its_exit_are_its_own(way: str) -> None:
    code = "import sys; print(input()); sys.stderr.write('oops'); sys.exit(7)"
    child = await spawn(way, python(code))
    child.write(b"word\n")
    assert await child.read() == b"word\n"
    assert (await child.wait()).code == 7
    await child.output_ended(5)
    assert child.stderr_tail == "oops"
    child.close()
    with pytest.raises(ChildProcessError):
        os.waitpid(child.pid, os.WNOHANG)


async def test_its_stderr_can_be_merged(way: str) -> None:
    child = await spawn(way, ["/bin/sh", "-c", "echo a; echo b >&2; echo c"], merge_stderr=True)
    assert await said(child) == b"a\nb\nc\n"
    assert child.stderr_tail == ""


async def test_a_bare_name_is_looked_up_along_its_own_path(way: str, tmp_path: Path) -> None:
    for name, rights in (("first", 0o644), ("second", 0o755)):
        (tmp_path / name).mkdir()
        program = tmp_path / name / "agent"
        program.write_text(f"#!/bin/sh\necho {name}\n")
        program.chmod(rights)
    path = f"/no/such:{tmp_path}/first:{tmp_path}/second:{ENV['PATH']}"
    assert await said(await spawn(way, ["agent"], ENV | {"PATH": path})) == b"second\n"


async def test_an_environment_that_fills_the_socket_arrives(way: str) -> None:
    large = {f"V{number}": "x" * 100_000 for number in range(10)}
    child = await spawn(way, ["/bin/cat", "/proc/self/environ"], ENV | large)
    assert len(await said(child)) > 1_000_000


@pytest.mark.parametrize(
    ("argv", "options"),
    [
        (["no-such-program-anywhere"], {}),
        (["/"], {}),
        (["/etc/passwd"], {}),
        (["{folder}/script"], {}),
        (["{folder}/text"], {}),
        (["/bin/true", "x" * 3_000_000], {}),
        (["/bin/true"], {"cwd": "/no/such/folder"}),
        (["/bin/true"], {"cwd": "/etc/passwd"}),
        (["/bin/true"], {"cwd": "a\0b"}),
        (["/bin/true"], {"env": {"A=B": "c"}}),
        (["/bin/true"], {"env": {"A": "b\0c"}}),
        (["/bin/true"], {"env": {"A": "\ud800"}}),
    ],
)
async def test_a_start_that_fails_says_why_in_the_same_words(
    argv: list[str], options: dict[str, Any], tmp_path: Path
) -> None:
    for name, text in (("script", "#!/no/such/interpreter\n"), ("text", "no program")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    words = [word.format(folder=tmp_path) for word in argv]
    reasons = []
    for way in ("ordinary", "prepared"):
        pid = prepared.prepare() if way == "prepared" else None
        with pytest.raises(ProviderProcessFailed) as failure:
            await Child.spawn(words, **{"env": ENV} | options)
        reasons.append(str(failure.value))
        assert pid is None or gone(pid)
    assert reasons[0] == reasons[1]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
async def test_one_that_was_killed_is_done_without(number: int) -> None:
    pid = await settled()
    os.kill(pid, number)
    await observer.wait_until_ended([pid], 5)
    child = await Child.spawn(["/bin/echo", "word"], env=ENV)
    assert child.pid != pid
    assert await said(child) == b"word\n"
    assert gone(pid)


async def test_one_that_is_stopped_is_killed_and_done_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(prepared, "READY_S", 0.1)
    pid = prepared.prepare()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    assert await said(await Child.spawn(["/bin/echo", "word"], env=ENV)) == b"word\n"
    assert gone(pid)


async def test_there_is_none_without_a_descriptor_or_a_process_and_nothing_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for room in range(NEEDED_FDS):
        with few_descriptors(room):
            assert prepared.prepare() is None

    def no_room() -> int:
        raise OSError(errno.EAGAIN, "no room for a process")

    monkeypatch.setattr(os, "fork", no_room)
    assert prepared.prepare() is None
    monkeypatch.undo()
    assert await said(await Child.spawn(["/bin/echo", "word"], env=ENV)) == b"word\n"


def test_there_is_one_at_most_and_one_that_is_released_is_gone() -> None:
    pid = prepared.prepare()
    assert pid is not None
    assert prepared.prepare() == pid
    prepared.release()
    assert gone(pid)
    assert not is_waited_for(pid)
    prepared.release()
    assert prepared.prepare() != pid


async def test_it_serves_a_host_that_has_no_descriptor_left() -> None:
    pid = await settled()
    with few_descriptors(0):
        spawned = spawn_process(["/bin/echo", "word"], cwd=None, env=ENV)
    assert spawned.process.pid == pid
    assert not is_waited_for(pid), "that is for whoever waits for it now"
    assert await said(Child(spawned, None)) == b"word\n"


async def test_it_is_used_once() -> None:
    children = [await spawn(way, ["/bin/cat"]) for way in ("prepared", "ordinary")]
    for child in children:
        child.close_stdin()
        assert await said(child) == b""


async def test_while_it_waits_it_is_no_session_s_and_no_orphan() -> None:
    before = set_subreaper()
    reaper = OrphanReaper()
    try:
        pid = prepared.prepare()
        assert pid is not None
        assert strangers() == []
        assert session_census([], "0" * 32) == []
        report = await stop_session_tree([], mark="0" * 32)
        assert (report.killed, report.survivors) == ([], [])
        assert observer.is_running(pid)
        os.kill(pid, signal.SIGKILL)
        await observer.wait_until_ended([pid], 5)
        for _ in range(3):
            reaper._look()
        assert reaper.reaped == 0
        assert not gone(pid), "its status is for whoever prepared it"
    finally:
        reaper.close()
        set_subreaper(before)


async def test_it_is_stopped_with_its_session_as_any_other() -> None:
    child = await spawn("prepared", ["/bin/sleep", "60"])
    report = await stop_session_tree([child], mark="0" * 32)
    assert report.survivors == []
    assert report.exit is not None
    assert gone(child.pid)


async def test_it_holds_no_descriptor_but_its_stdio_and_its_socket() -> None:
    folder = Path(f"/proc/{await settled()}/fd")
    kinds = sorted(str(entry.readlink())[:5] for entry in folder.iterdir())
    assert kinds == ["pipe:", "pipe:", "pipe:", "socke"]
