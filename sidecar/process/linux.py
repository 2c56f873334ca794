"""Linux: /proc, prctl and pidfds. The only module that the promise of "nothing is left" rests on.

Reads /proc directly: psutil's import costs every forked host more than all of this.
"""

import ctypes
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress

from sidecar.core.scarcity import NO_DESCRIPTOR
from sidecar.process.identity import Exit, ProcessInfo, ProcessKey
from sidecar.process.spare import with_spare

SUBREAPER = True
"""Orphans fall to the nearest ancestor that asked for them, and so can be found."""

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_GET_CHILD_SUBREAPER = 37

_LIBC = ctypes.CDLL(None, use_errno=True)
_PRCTL = _LIBC.prctl
"""Looked up at import: between fork and exec nothing may be searched for."""

_RLIMIT_LOCKS = 10
"""Nothing has looked at this limit since Linux 2.4.25, so its soft value may carry a tag."""

_DEAD = frozenset("ZXx")


def key_of(pid: int) -> ProcessKey | None:
    """Return the identity of the process that has `pid` now, or None."""
    info = info_of(pid)
    return info.key if info else None


def info_of(pid: int) -> ProcessInfo | None:
    """Return what /proc says of `pid`, or None when there is no such process."""
    try:
        return _parse_stat(_read(f"/proc/{pid}/stat"))
    except OSError:
        return None


def _read(path: str) -> bytes:
    """Read a file of /proc, also when this process has no descriptor left. Raises OSError."""

    def read() -> bytes:
        with open(path, "rb") as file:  # noqa: PTH123 - the hot path of a census
            return file.read()

    return with_spare(read)


def _parse_stat(data: bytes) -> ProcessInfo:
    """Parse proc(5) stat. The name may hold blanks and brackets: the last bracket ends it."""
    opening, closing = data.index(b"("), data.rindex(b")")
    fields = data[closing + 2 :].split()
    state, threads = chr(fields[0][0]), int(fields[17])
    return ProcessInfo(
        key=ProcessKey(int(data[:opening]), int(fields[19])),
        parent=int(fields[1]),
        group=int(fields[2]),
        session=int(fields[3]),
        # A leader that ended before its threads shows as a zombie and lives on.
        dead=state in _DEAD and threads <= 1,
        name=data[opening + 1 : closing].decode("utf-8", "replace"),
    )


def children_of(pid: int) -> list[ProcessInfo]:
    """Return the children of `pid`, zombies included, in no order; [] when it is gone.

    May miss one while its siblings come and go: a census counts only when repeated.
    """
    try:
        threads = with_spare(lambda: os.listdir(f"/proc/{pid}/task"))  # noqa: PTH208 - hot path
    except OSError:
        return []
    found = []
    for thread in threads:
        for child in _thread_children(pid, thread):
            info = info_of(child)
            if info is not None and info.parent == pid:
                found.append(info)
    return found


def _thread_children(pid: int, thread: str) -> list[int]:
    try:
        return [int(word) for word in _read(f"/proc/{pid}/task/{thread}/children").split()]
    except FileNotFoundError:
        return [] if _HAS_CHILDREN else _scan_children(pid, thread)
    except OSError:
        return []


def _scan_children(pid: int, thread: str) -> list[int]:
    """Find the children of `pid` in a kernel without CONFIG_PROC_CHILDREN."""
    if str(pid) != thread:
        return []
    return [info.key.pid for info in every_process() if info.parent == pid]


def every_process() -> Iterator[ProcessInfo]:
    """Yield every process of the machine that can be seen."""
    for name in with_spare(lambda: os.listdir("/proc")):  # noqa: PTH208 - hot path
        if name.isdigit() and (info := info_of(int(name))) is not None:
            yield info


def environment_of(pid: int) -> dict[str, str]:
    """Return the environment that `pid` was started with; {} when it may not be read."""
    try:
        data = _read(f"/proc/{pid}/environ")
    except OSError:
        return {}
    pairs = (entry.partition(b"=") for entry in data.split(b"\0"))
    return {os.fsdecode(name): os.fsdecode(value) for name, mark, value in pairs if mark}


def owner_of(pid: int) -> int | None:
    """Return the user id that owns `pid`, or None."""
    try:
        return os.stat(f"/proc/{pid}").st_uid  # noqa: PTH116 - hot path
    except OSError:
        return None


def send_signal(key: ProcessKey, number: int) -> bool:
    """Signal exactly this process; false when it is gone, whoever has its pid now.

    The pidfd pins a process before its identity is read, so no recycled pid can come between.
    """
    try:
        pidfd = os.pidfd_open(key.pid)
    except OSError as error:
        return error.errno in NO_DESCRIPTOR and _signal_unpinned(key, number)
    try:
        if key_of(key.pid) != key:
            return False
        signal.pidfd_send_signal(pidfd, number)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(pidfd)


def _signal_unpinned(key: ProcessKey, number: int) -> bool:
    """Signal without a descriptor: for the moment between look and signal the pid may change."""
    if key_of(key.pid) != key:
        return False
    try:
        os.kill(key.pid, number)
    except OSError:
        return False
    return True


def reap(pid: int) -> Exit | None:
    """Take the exit status of an own child that has ended; None when there is none to take."""
    with suppress(OSError):
        return exit_of(os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG))
    return None


def exit_of(result: "os.waitid_result | None") -> Exit | None:
    """Translate what waitid returned; None when the process still runs."""
    if result is None:
        return None
    if result.si_code == os.CLD_EXITED:
        return Exit(code=result.si_status)
    return Exit(signal=result.si_status)


def set_subreaper(on: bool = True) -> bool:
    """Adopt orphans from below from now on (or no more); return what was set before."""
    before = ctypes.c_int()
    _PRCTL(_PR_GET_CHILD_SUBREAPER, ctypes.byref(before), 0, 0, 0)
    if _PRCTL(_PR_SET_CHILD_SUBREAPER, int(on), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")
    return bool(before.value)


def set_parent_death_signal(number: int) -> None:
    """Have the kernel send `number` when the *thread* that forked this process ends.

    Safe between fork and exec. The caller re-checks its parent: it may have died before.
    """
    _PRCTL(_PR_SET_PDEATHSIG, number, 0, 0, 0)


class _Limit(ctypes.Structure):
    _fields_ = (("soft", ctypes.c_uint64), ("hard", ctypes.c_uint64))


_SETRLIMIT = getattr(_LIBC, "setrlimit64", _LIBC.setrlimit)
_GETRLIMIT = getattr(_LIBC, "getrlimit64", _LIBC.getrlimit)


def tagger(tag: int) -> Callable[[], None]:
    """Return what gives the calling process its tag; safe between fork and exec.

    Inherited by everything below it, whatever it does to its environment, session or parent.
    Where an administrator has limited RLIMIT_LOCKS below the tag, nothing happens.
    """
    limit = _Limit()
    _GETRLIMIT(_RLIMIT_LOCKS, ctypes.byref(limit))
    if not 0 <= tag < limit.hard:
        return lambda: None
    limit.soft = tag
    pointer, set_limit = ctypes.byref(limit), _SETRLIMIT

    def give() -> None:
        set_limit(_RLIMIT_LOCKS, pointer)

    return give


_RLIMIT_DATA = 2
_heap_limit_before: _Limit | None = None
"""What the process had before limit_heap: its children get that back."""


def limit_heap(growth_bytes: int) -> int | None:
    """Let this process's own heap grow by so much and no more; return its new limit in bytes.

    Counts all private writable memory, touched or not. Beyond it an allocation fails, in Python
    with MemoryError. None, and nothing is done, where a lower limit is in force.
    """
    global _heap_limit_before  # noqa: PLW0603 - limits are the process's
    before = _heap_limit_before
    if before is None:
        before = _Limit()
        _GETRLIMIT(_RLIMIT_DATA, ctypes.byref(before))
    wanted = heap_bytes() + growth_bytes
    if wanted > before.soft:
        return None
    _heap_limit_before = before
    _SETRLIMIT(_RLIMIT_DATA, ctypes.byref(_Limit(wanted, before.hard)))
    return wanted


def heap_limit_restorer() -> Callable[[], None]:
    """Return what undoes limit_heap for the calling process; safe between fork and exec."""
    if _heap_limit_before is None:
        return lambda: None
    pointer, set_limit = ctypes.byref(_heap_limit_before), _SETRLIMIT

    def restore() -> None:
        set_limit(_RLIMIT_DATA, pointer)

    return restore


def heap_bytes() -> int:
    """Return what limit_heap counts: this process's private writable memory."""
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - as everywhere here
        return int(file.read().split()[5]) * os.sysconf("SC_PAGE_SIZE")


def tag_of(pid: int) -> int | None:
    """Return the tag that `pid` inherited, or None."""
    try:
        _, _, line = _read(f"/proc/{pid}/limits").partition(b"Max file locks")
    except OSError:
        return None
    soft = line.split(None, 1)[:1]
    return int(soft[0]) if soft and soft[0].isdigit() else None


_HAS_CHILDREN = os.path.exists(f"/proc/self/task/{os.getpid()}/children")  # noqa: PTH110
