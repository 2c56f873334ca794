"""Windows, by psutil. Never run on this platform here: kept at the interface.

One job object a session with kill-on-close belongs here. Until it does, a tree is what psutil's
children walk finds. Never `taskkill /T` (it follows recycled parent ids) and never
`os.kill(pid, 0)` (it terminates).
"""

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
    """Return the children of `pid`; psutil leaves out those older than their parent."""
    found = []
    with suppress(psutil.Error):
        for child in psutil.Process(pid).children():
            with suppress(psutil.Error):
                found.append(_info(child))
    return found


def _info(process: psutil.Process) -> ProcessInfo:
    key = ProcessKey(process.pid, process.create_time())
    return ProcessInfo(key, process.ppid(), 0, 0, not process.is_running(), process.name())


def every_process() -> Iterator[ProcessInfo]:
    """Yield every process of the machine that can be seen."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            yield _info(process)


def environment_of(pid: int) -> dict[str, str]:
    """Return the environment of `pid`; {} when it may not be read."""
    with suppress(psutil.Error, OSError):
        return psutil.Process(pid).environ()
    return {}


def owner_of(pid: int) -> int | None:
    """Return None: processes are told apart by their marks alone."""
    return None


def send_signal(key: ProcessKey, number: int) -> bool:
    """Terminate this process, whatever the number: Windows has no other signal for it."""
    with suppress(psutil.Error):
        process = psutil.Process(key.pid)
        if process.create_time() == key.create_time:
            process.terminate()
            return True
    return False


def reap(pid: int) -> Exit | None:
    """Return None: there are no zombies to reap."""
    return None


def set_subreaper(on: bool = True) -> bool:
    """Do nothing: there is no such thing here."""
    return False


def set_parent_death_signal(number: int) -> None:
    """Do nothing: the job object's kill-on-close stands in for it."""


def tagger(tag: int) -> Callable[[], None]:
    """Return what does nothing: no such tag is known here, marks alone tell processes apart."""
    return lambda: None


def tag_of(pid: int) -> int | None:
    """Return None: there are no tags."""
    return None
