"""macOS and other Unixes, by psutil. Never run on this platform here: kept at the interface.

There is no subreaper: an orphan falls to launchd, so what daemonises between two samples and
scrubs its environment is not found. That is the documented limit of these platforms.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress

import psutil

from sidecar.process.identity import Exit, ProcessInfo, ProcessKey

SUBREAPER = False


def key_of(pid: int) -> ProcessKey | None:
    """Return the identity of the process that has `pid` now, or None."""
    with suppress(psutil.Error):
        return ProcessKey(pid, psutil.Process(pid).create_time())
    return None


def info_of(pid: int) -> ProcessInfo | None:
    """Return what psutil says of `pid`, or None when there is no such process."""
    with suppress(psutil.Error):
        return _info(psutil.Process(pid))
    return None


def children_of(pid: int) -> list[ProcessInfo]:
    """Return the children of `pid`, zombies included; [] when it is gone."""
    found = []
    with suppress(psutil.Error):
        for child in psutil.Process(pid).children():
            with suppress(psutil.Error):
                found.append(_info(child))
    return found


def _info(process: psutil.Process) -> ProcessInfo:
    key = ProcessKey(process.pid, process.create_time())
    group = session = 0
    with suppress(OSError):
        group, session = os.getpgid(process.pid), os.getsid(process.pid)
    dead = process.status() == psutil.STATUS_ZOMBIE
    return ProcessInfo(key, process.ppid(), group, session, dead, process.name())


def every_process() -> Iterator[ProcessInfo]:
    """Yield every process of the machine that can be seen."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            yield _info(process)


def environment_of(pid: int) -> dict[str, str]:
    """Return the environment of `pid`; {} when it may not be read (platform binaries)."""
    with suppress(psutil.Error, OSError):
        return psutil.Process(pid).environ()
    return {}


def owner_of(pid: int) -> int | None:
    """Return the user id that owns `pid`, or None."""
    with suppress(psutil.Error):
        return psutil.Process(pid).uids().real
    return None


def send_signal(key: ProcessKey, number: int) -> bool:
    """Signal this process; psutil compares the create time just before, which is all there is."""
    with suppress(psutil.Error):
        process = psutil.Process(key.pid)
        if process.create_time() == key.create_time:
            process.send_signal(number)
            return True
    return False


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


def set_subreaper(on: bool = True) -> bool:
    """Do nothing: there is no such thing here."""
    return False


def set_parent_death_signal(number: int) -> None:
    """Do nothing: a guard thread and stdin EOF stand in for it."""


def tagger(tag: int) -> Callable[[], None]:
    """Return what does nothing: no such tag is known here, marks alone tell processes apart."""
    return lambda: None


def tag_of(pid: int) -> int | None:
    """Return None: there are no tags."""
    return None
