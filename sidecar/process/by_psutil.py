"""What macOS, other Unixes and Windows share: processes as psutil sees them.

The census of this module is tested on Linux against linux.py; spawn and kill on those platforms
were never run. Knows no tags and no subreapers: there are none.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress

import psutil

from sidecar.process.identity import ProcessInfo, ProcessKey

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
    """Return the children of `pid`, zombies included; [] when it is gone.

    psutil leaves out those older than their parent: on Windows the parent's id may be recycled.
    """
    found = []
    with suppress(psutil.Error):
        for child in psutil.Process(pid).children():
            with suppress(psutil.Error):
                found.append(_info(child))
    return found


def every_process() -> Iterator[ProcessInfo]:
    """Yield every process of the machine that can be seen."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            yield _info(process)


def environment_of(pid: int) -> dict[str, str]:
    """Return the environment of `pid`; {} when it may not be read (macOS: platform binaries)."""
    with suppress(psutil.Error, OSError):
        return psutil.Process(pid).environ()
    return {}


def same_process(key: ProcessKey) -> psutil.Process | None:
    """Return the process if it is still this one, checked just before use: that is all there is."""
    with suppress(psutil.Error):
        process = psutil.Process(key.pid)
        if process.create_time() == key.create_time:
            return process
    return None


def act_on(key: ProcessKey, act: Callable[[psutil.Process], None]) -> bool:
    """Do something to exactly this process; false when it is gone or may not be touched."""
    process = same_process(key)
    if process is None:
        return False
    with suppress(psutil.Error):
        act(process)
        return True
    return False


def tagger(tag: int) -> Callable[[], None]:
    """Return what does nothing: marks alone tell processes apart."""
    return lambda: None


def tag_of(pid: int) -> int | None:
    """Return None: there are no tags."""
    return None


def limit_heap(growth_bytes: int) -> int | None:
    """Do nothing: neither macOS nor Windows limits a heap; sampling alone watches it."""
    return None


def heap_bytes() -> int:
    """Return 0: it is not known."""
    return 0


def heap_limit_restorer() -> Callable[[], None]:
    """Return what does nothing: there was no limit."""
    return lambda: None


def set_subreaper(on: bool = True) -> bool:
    """Do nothing: there is no such thing."""
    return False


def set_parent_death_signal(number: int) -> None:
    """Do nothing: a guard thread and stdin EOF, or a job object, stand in for it."""


def _info(process: psutil.Process) -> ProcessInfo:
    key = ProcessKey(process.pid, process.create_time())
    group = session = 0
    if hasattr(os, "getpgid"):
        with suppress(OSError):
            group, session = os.getpgid(process.pid), os.getsid(process.pid)
    dead = process.status() == psutil.STATUS_ZOMBIE
    return ProcessInfo(key, process.ppid(), group, session, dead, process.name())
