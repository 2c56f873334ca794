"""macOS and other Unixes, by psutil. Never run on this platform here: kept at the interface.

There is no subreaper: an orphan falls to launchd, so what daemonises between two samples and
scrubs its environment is not found. That is the documented limit of these platforms.
"""

import os
from contextlib import suppress

import psutil

from sidecar.process.by_psutil import (
    SUBREAPER,
    act_on,
    children_of,
    environment_of,
    every_process,
    heap_bytes,
    heap_limit_restorer,
    info_of,
    key_of,
    limit_heap,
    set_parent_death_signal,
    set_subreaper,
    tag_of,
    tagger,
)
from sidecar.process.identity import Exit, ProcessKey

__all__ = [
    "SUBREAPER",
    "children_of",
    "environment_of",
    "every_process",
    "heap_bytes",
    "heap_limit_restorer",
    "info_of",
    "key_of",
    "limit_heap",
    "owner_of",
    "reap",
    "send_signal",
    "set_parent_death_signal",
    "set_subreaper",
    "tag_of",
    "tagger",
]


def owner_of(pid: int) -> int | None:
    """Return the user id that owns `pid`, or None."""
    with suppress(psutil.Error):
        return psutil.Process(pid).uids().real
    return None


def send_signal(key: ProcessKey, number: int) -> bool:
    """Signal exactly this process; false when it is gone."""
    return act_on(key, lambda process: process.send_signal(number))


def reap(pid: int) -> Exit | None:
    """Take the exit status of an own child that has ended; None when there is none to take."""
    with suppress(OSError):
        found, status = os.waitpid(pid, os.WNOHANG)
        if found == pid:
            return exit_of_status(status)
    return None


def exit_of_status(status: int) -> Exit:
    """Translate a wait status."""
    if os.WIFSIGNALED(status):
        return Exit(signal=os.WTERMSIG(status))
    return Exit(code=os.waitstatus_to_exitcode(status))
