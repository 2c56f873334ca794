"""Starts a process the way that all of ours are started. Never waits for one.

A session of its own, no descriptor but its stdio, and on Linux SIGKILL when the thread that
started it ends: so a provider dies with its host, however the host dies.
"""

import errno
import os
import subprocess
import threading
import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple, Protocol

from sidecar.contract.errors import ProviderProcessFailed
from sidecar.process import prepared
from sidecar.process.afterfork import die_with
from sidecar.process.platform import IS_LINUX


class Process(Protocol):
    """What is known of a started process. Whoever takes its status notes it here."""

    pid: int
    returncode: Any


class Spawned(NamedTuple):
    """A started process and our ends of its pipes, which now belong to the caller."""

    process: Process
    stdin: int
    stdout: int
    stderr: int | None
    """None when its stderr is merged into stdout."""


def spawn_process(
    argv: Sequence[str],
    *,
    cwd: str | None,
    env: Mapping[str, str],
    tag: int | None = None,
    merge_stderr: bool = False,
) -> Spawned:
    """Start a process with three pipes as its stdio; two with `merge_stderr`.

    The one that was prepared, if there is one. Blocks until exec has succeeded, a few
    milliseconds. Main thread alone: a parent-death signal fires when the *thread* that forked
    ends. Raises ProviderProcessFailed.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("processes are started from the main thread alone")
    if not argv or any("\0" in word for word in argv):
        raise ProviderProcessFailed("Cannot start a process: its command is empty or has a NUL")
    told = prepared.start(argv, cwd=cwd, env=env, tag=tag, merge_stderr=merge_stderr)
    if told is not None:
        return Spawned(told, *told.pipes)
    count = 2 if merge_stderr else 3
    with ExitStack() as ours_on_failure:
        try:
            with ExitStack() as theirs:
                pipes = [_pipe(ours_on_failure, theirs, child_reads=fd == 0) for fd in range(count)]
                theirs_by_fd = [child_end for _, child_end in pipes]
                stdio = [*theirs_by_fd, theirs_by_fd[1]][:3]
                process = _popen(argv, cwd, env, stdio, tag)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            raise ProviderProcessFailed(
                f"Cannot start {argv[0]}: {_why(error, argv[0], cwd)}", program=argv[0]
            ) from error
        ours_on_failure.pop_all()
    ours = [our_end for our_end, _ in pipes]
    return Spawned(process, ours[0], ours[1], None if merge_stderr else ours[2])


def _pipe(ours: ExitStack, theirs: ExitStack, *, child_reads: bool) -> tuple[int, int]:
    """Return (our end, the child's end) of a new pipe, each to be closed by its stack."""
    read, write = os.pipe()
    our_end, child_end = (write, read) if child_reads else (read, write)
    ours.callback(os.close, our_end)
    theirs.callback(os.close, child_end)
    return our_end, child_end


def _popen(
    argv: Sequence[str],
    cwd: str | None,
    env: Mapping[str, str],
    stdio: Sequence[int],
    tag: int | None,
) -> "subprocess.Popen[bytes]":
    with warnings.catch_warnings():
        # 3.12 warns of fork in a process with threads. What runs between fork and exec is
        # `die_with`, which takes no lock that the guard thread could hold.
        warnings.simplefilter("ignore", DeprecationWarning)
        preexec = die_with(os.getpid(), tag) if IS_LINUX else None
        return subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=dict(env),
            stdin=stdio[0],
            stdout=stdio[1],
            stderr=stdio[2],
            close_fds=True,
            start_new_session=True,
            preexec_fn=preexec,  # noqa: PLW1509 - the only way to a parent-death signal
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )


def _why(
    error: OSError | ValueError | subprocess.SubprocessError, program: str, cwd: str | None
) -> str:
    """Say what is wrong; exec's errors name neither the folder nor what was missing."""
    if isinstance(error, ValueError | subprocess.SubprocessError):
        return str(error)
    if cwd is not None and not os.path.isdir(cwd):  # noqa: PTH112 - no Path for bytes-like names
        return f"the working directory {cwd} does not exist"
    if isinstance(error, FileNotFoundError):
        if os.path.exists(program):  # noqa: PTH110
            return "the interpreter that its first line names does not exist"
        return "no such program"
    if isinstance(error, PermissionError):
        return "it may not be executed"
    if error.errno == errno.ENOEXEC:
        return "it is no program that this machine can run"
    return error.strerror or str(error)
