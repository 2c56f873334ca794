"""Starts a process the way that all of ours are started. Never waits for one.

A session of its own, no descriptor but its stdio, and on Linux SIGKILL when the thread that
started it ends: so a provider dies with its host, however the host dies.
"""

import os
import signal
import subprocess
import threading
import warnings
from collections.abc import Mapping, Sequence

from sidecar.contract.errors import ProviderProcessFailed
from sidecar.process.platform import IS_LINUX, os_

_PARENT_GONE = 125
"""Exit code of a child whose parent died between fork and exec; nobody is left to read it."""


def popen(
    argv: Sequence[str],
    *,
    cwd: str | None,
    env: Mapping[str, str],
) -> subprocess.Popen[bytes]:
    """Start a process with three pipes as its stdio.

    Blocks until exec has succeeded, a few milliseconds. Main thread alone: a parent-death signal
    fires when the *thread* that forked ends. Raises ProviderProcessFailed.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("processes are started from the main thread alone")
    if not argv or any("\0" in word for word in argv):
        raise ProviderProcessFailed("Cannot start a process: its command is empty or has a NUL")
    try:
        return _popen(argv, cwd, env)
    except (OSError, ValueError) as error:
        raise ProviderProcessFailed(
            f"Cannot start {argv[0]}: {_why(error, argv[0], cwd)}", program=argv[0]
        ) from error


def _popen(argv: Sequence[str], cwd: str | None, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    with warnings.catch_warnings():
        # 3.12 warns of fork in a process with threads. What runs between fork and exec is
        # `_die_with`, which takes no lock that the guard thread could hold.
        warnings.simplefilter("ignore", DeprecationWarning)
        preexec = _die_with(os.getpid()) if IS_LINUX else None
        return subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            close_fds=True,
            start_new_session=True,
            preexec_fn=preexec,  # noqa: PLW1509 - the only way to a parent-death signal
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )


class _die_with:  # noqa: N801 - used as a function; a class binds its names before the fork
    """Between fork and exec: die when the parent does, at once if it has already."""

    def __init__(self, parent: int) -> None:
        self._parent = parent
        self._arm = os_.set_parent_death_signal
        self._getppid = os.getppid
        self._exit = os._exit
        self._signal = int(signal.SIGKILL)

    def __call__(self) -> None:
        self._arm(self._signal)
        if self._getppid() != self._parent:
            self._exit(_PARENT_GONE)


def _why(error: OSError | ValueError, program: str, cwd: str | None) -> str:
    """Say what is wrong; exec's errors name neither the folder nor what was missing."""
    if isinstance(error, ValueError):
        return str(error)
    if cwd is not None and not os.path.isdir(cwd):  # noqa: PTH112 - no Path for bytes-like names
        return f"the working directory {cwd} does not exist"
    if isinstance(error, FileNotFoundError):
        if os.path.exists(program):  # noqa: PTH110
            return "the interpreter that its first line names does not exist"
        return "no such program"
    if isinstance(error, PermissionError):
        return "it may not be executed"
    return error.strerror or str(error)
