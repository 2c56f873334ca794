"""How a process becomes a host: by exec of the `host` subcommand, or in the zygote's child.

Owns what a host is before its event loop runs: its descriptors, its guard, its orphans. Never
knows a frame.
"""

import faulthandler
import importlib
import os
import socket
from collections.abc import Callable

from sidecar.host.guard import start_guard
from sidecar.host.stacks import write_stacks_on_signal
from sidecar.process.census import everything_below, kill_until_empty
from sidecar.process.platform import os_

LEAVE_NOTHING_S = 0.5
"""What the stop of the sessions left: nothing as a rule, and then this takes 2 ms."""

HostEntry = Callable[[socket.socket], int]
"""Runs a host on its end of the channel; returns the exit code of the process."""

FIRST_FREE_FD = 3
MAX_FD = 65_536
"""Beyond what a zygote or a fresh process can have open; the range is closed in one system call."""


def main(channel_fd: int, entry: HostEntry | None = None) -> int:
    """Be the host that a launcher started by exec; the exit code of the process."""
    channel = socket.socket(fileno=keep_only(channel_fd))
    return become_host(channel, entry or default_entry())


def become_host(channel: socket.socket, entry: HostEntry) -> int:
    """Adopt orphans, start the guard, run; however that ends, nothing below lives on.

    Zygote and supervisor would clean up behind it, but both may be dead.
    """
    os_.set_subreaper()
    faulthandler.enable(file=2)
    write_stacks_on_signal()
    start_guard(channel)
    try:
        return entry(channel)
    finally:
        kill_until_empty(everything_below, LEAVE_NOTHING_S)


def keep_only(fd: int) -> int:
    """Close everything but stdio and `fd`; return the number that `fd` has now, not inheritable."""
    if fd != FIRST_FREE_FD:
        os.dup2(fd, FIRST_FREE_FD, inheritable=False)
    os.closerange(FIRST_FREE_FD + 1, MAX_FD)
    os.set_inheritable(FIRST_FREE_FD, False)
    return FIRST_FREE_FD


def default_entry() -> HostEntry:
    """Import what a host runs."""
    entry: HostEntry = importlib.import_module("sidecar.host.main").run_host
    return entry
