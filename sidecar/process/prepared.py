"""One process that was forked beforehand and waits to be told what to exec. Linux alone.

    waiting ── told ──► exec ──► a child like any other
       └── released, out of order, its parent's end ──► killed, reaped

A fork of a host takes milliseconds, an exec a fraction of one; a host that waits for its session
has the time. Owns that process, our ends of its pipes and its control socket. Whatever is not in
order with it is no error: the process is started without it then. Main thread alone.
"""

import gc
import os
import select
import signal
import socket
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Any

import msgspec

from sidecar.process.afterfork import die_with
from sidecar.process.platform import IS_LINUX, os_
from sidecar.process.waited import register, unregister

READY_S = 1.0
"""Told to ready for exec: well under a millisecond, unless it was stopped or starves."""

END_S = 0.2
"""Its kill to its status. What takes longer sleeps in the kernel and is left to the reaper."""

_LENGTH_BYTES = 4
_FIRST_FREE_FD = 3
_MAX_FD = 65_536
"""Beyond what a host without a session has open; the range is closed in one system call."""

_READY, _FAILED = b"r", b"f"
"""What it says before exec, and when that has failed. Its socket closes at exec."""

_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.decode

Pipes = tuple[int, int, int | None]
"""Our ends: its stdin, stdout and stderr; no stderr when that is merged."""


class Told:
    """A prepared process that became what it was told to. As a Popen that is waited for by us."""

    def __init__(self, pid: int, pipes: Pipes) -> None:
        self.pid = pid
        self.pipes = pipes
        self.returncode: Any = None


class _Prepared:
    """The process, as long as it waits."""

    def __init__(self, pid: int, control: socket.socket, ours: Sequence[int]) -> None:
        self.pid = pid
        self.control = control
        self.ours = ours

    def tell(self, request: bytes) -> bool:
        """Have it exec; False when it did not, for whatever reason."""
        try:
            self.control.settimeout(READY_S)
            self.control.sendall(len(request).to_bytes(_LENGTH_BYTES) + request)
            if self.control.recv(1) != _READY:
                return False
            self.control.settimeout(None)
            return self.control.recv(1) == b""
        except OSError:
            return False

    def told(self, merge_stderr: bool) -> Told:
        """Hand it over: whoever has it waits for it from now on."""
        self.control.close()
        unregister(self.pid)
        stdin, stdout, stderr = self.ours
        if merge_stderr:
            os.close(stderr)
        return Told(self.pid, (stdin, stdout, None if merge_stderr else stderr))

    def end(self) -> None:
        """Kill it, take its status, close our ends."""
        self.control.close()
        for fd in self.ours:
            os.close(fd)
        with suppress(OSError):
            os.kill(self.pid, signal.SIGKILL)  # its number is its own until we take its status
            _wait_for_end(self.pid)
        os_.reap(self.pid)
        unregister(self.pid)


_prepared: _Prepared | None = None


def prepare() -> int | None:
    """Fork the process and return its pid; blocks for the fork, a few milliseconds.

    None where it is not possible, now or ever: no Linux, no descriptors, no room for a process.
    Nothing happens when there is one.
    """
    global _prepared  # noqa: PLW0603 - there is one a process
    if _prepared is None and IS_LINUX:
        with suppress(OSError):
            _prepared = _fork()
    return _prepared.pid if _prepared else None


def release() -> None:
    """Have no process wait any more; blocks until it is gone, under a millisecond."""
    global _prepared
    if _prepared is not None:
        found, _prepared = _prepared, None
        found.end()


def start(
    argv: Sequence[str],
    *,
    cwd: str | None,
    env: Mapping[str, str],
    tag: int | None,
    merge_stderr: bool,
) -> Told | None:
    """Have the prepared process exec; returns once that has succeeded.

    None when there is none, or it failed: it is gone then, and who starts the process in the
    ordinary way succeeds, or hears why not.
    """
    global _prepared
    if _prepared is None:
        return None
    found, _prepared = _prepared, None
    with ExitStack() as on_failure:
        on_failure.callback(found.end)
        request = _request(argv, cwd, env, tag, merge_stderr)
        if request is None or not found.tell(request):
            return None
        on_failure.pop_all()
    return found.told(merge_stderr)


def _request(
    argv: Sequence[str],
    cwd: str | None,
    env: Mapping[str, str],
    tag: int | None,
    merge_stderr: bool,
) -> bytes | None:
    """Return what execve needs; None when it cannot be written in bytes."""
    try:
        return _encode(
            (
                [os.fsencode(program) for program in _candidates(argv[0], env)],
                [os.fsencode(word) for word in argv],
                {os.fsencode(key): os.fsencode(value) for key, value in env.items()},
                None if cwd is None else os.fsencode(cwd),
                tag,
                merge_stderr,
            )
        )
    except ValueError:
        return None


def _candidates(name: str, env: Mapping[str, str]) -> list[str]:
    """Return where a program may be: a bare name along the PATH, as subprocess does it."""
    if os.path.dirname(name):  # noqa: PTH120 - as in programs.py
        return [name]
    return [os.path.join(folder, name) for folder in os.get_exec_path(env)]  # noqa: PTH118


def _fork() -> _Prepared:
    """Make the pipes and fork. Raises OSError, and leaves nothing then."""
    with ExitStack() as ours_on_failure, ExitStack() as theirs:
        stdin, our_stdin = _pipe(theirs, ours_on_failure)
        our_stdout, stdout = _pipe(ours_on_failure, theirs)
        our_stderr, stderr = _pipe(ours_on_failure, theirs)
        control, their_control = socket.socketpair()
        ours_on_failure.enter_context(control)
        theirs.enter_context(their_control)
        stdio = (stdin, stdout, stderr)
        if min(*stdio, their_control.fileno()) < _FIRST_FREE_FD:
            raise OSError("our own stdio is closed")
        die = die_with(os.getpid(), None)
        pid = _forked(lambda: _wait(die, stdio, their_control.fileno()))
        register(pid)
        ours_on_failure.pop_all()
    return _Prepared(pid, control, (our_stdin, our_stdout, our_stderr))


def _pipe(reads: ExitStack, writes: ExitStack) -> tuple[int, int]:
    """Return (read end, write end) of a new pipe, each to be closed by its stack."""
    read, write = os.pipe()
    reads.callback(os.close, read)
    writes.callback(os.close, write)
    return read, write


def _wait_for_end(pid: int) -> None:
    """Wait END_S at most. Raises OSError without a descriptor to wait on."""
    pidfd = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        poll.poll(END_S * 1000)
    finally:
        os.close(pidfd)


def _forked(run: Callable[[], None]) -> int:
    """Fork; return the pid of a child that runs `run` and nothing else, whatever comes."""
    parent = os.getpid()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # as in spawning.py
            pid = os.fork()
        if pid == 0:
            run()
    finally:
        if os.getpid() != parent:
            os._exit(0)
    return pid


# In the prepared process


def _wait(die: Callable[[], None], stdio: Sequence[int], control: int) -> None:
    """Do what subprocess does before exec, wait, exec. Returns when there is nothing to exec."""
    gc.disable()
    os.setsid()
    die()
    _forget_handlers()
    for number, fd in enumerate(stdio):
        os.dup2(fd, number)
    os.closerange(_FIRST_FREE_FD, control)
    os.closerange(control + 1, _MAX_FD)
    _rehearse()
    _obey(control)


def _rehearse() -> None:
    """Do once what is done when it is told: each page that this takes was copied then."""
    name = b"no such program"
    _decode(_encode(([name], [name], {name: name}, name, 0, False)))
    os_.tagger(0)
    with suppress(OSError):
        os.write(_MAX_FD, _READY)
    with suppress(OSError):
        os.execve(b"", [name], {name: name})


def _forget_handlers() -> None:
    """Have the dispositions that exec leaves, and subprocess restores, and wake no loop of ours."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)


def _obey(control: int) -> None:
    """Wait for the request and exec; returns when there is none, or that has failed."""
    length = _read(control, _LENGTH_BYTES)
    if not length:
        return
    programs, argv, env, cwd, tag, merge_stderr = _decode(_read(control, int.from_bytes(length)))
    if merge_stderr:
        os.dup2(1, 2)
    if cwd is not None:
        os.chdir(cwd)
    if tag is not None:
        os_.tagger(tag)()
    os.write(control, _READY)
    try:
        for program in programs:
            with suppress(OSError):
                os.execve(program, argv, env)
    finally:
        os.write(control, _FAILED)


def _read(fd: int, count: int) -> bytes:
    """Return so many bytes; fewer at the end of the stream."""
    data = b""
    while len(data) < count and (piece := os.read(fd, count - len(data))):
        data += piece
    return data
