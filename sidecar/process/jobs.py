"""Windows: one job object a host, with kill-on-close and a limit of memory. Never run here.

Written from Microsoft's documentation of CreateJobObjectW, SetInformationJobObject and
AssignProcessToJobObject; its structures' sizes are tested on Linux. What a process in a job starts
is in the job (jobs nest since Windows 8), and the system ends all of it when the last handle is
closed: also when this process dies in whatever way.
"""

import ctypes
import os
from ctypes import wintypes
from typing import Any

KILL_ON_JOB_CLOSE = 0x2000
JOB_MEMORY = 0x0200
EXTENDED_LIMIT_INFORMATION = 9
PROCESS_SET_QUOTA, PROCESS_TERMINATE = 0x0100, 0x0001


class BasicLimits(ctypes.Structure):
    """JOBOBJECT_BASIC_LIMIT_INFORMATION."""

    _fields_ = (
        ("PerProcessUserTimeLimit", ctypes.c_int64),
        ("PerJobUserTimeLimit", ctypes.c_int64),
        ("LimitFlags", ctypes.c_uint32),
        ("MinimumWorkingSetSize", ctypes.c_size_t),
        ("MaximumWorkingSetSize", ctypes.c_size_t),
        ("ActiveProcessLimit", ctypes.c_uint32),
        ("Affinity", ctypes.c_size_t),
        ("PriorityClass", ctypes.c_uint32),
        ("SchedulingClass", ctypes.c_uint32),
    )


class IoCounters(ctypes.Structure):
    """IO_COUNTERS."""

    _fields_ = tuple((name, ctypes.c_uint64) for name in ("rc", "wc", "oc", "rb", "wb", "ob"))


class ExtendedLimits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION."""

    _fields_ = (
        ("BasicLimitInformation", BasicLimits),
        ("IoInfo", IoCounters),
        ("ProcessMemoryLimit", ctypes.c_size_t),
        ("JobMemoryLimit", ctypes.c_size_t),
        ("PeakProcessMemoryUsed", ctypes.c_size_t),
        ("PeakJobMemoryUsed", ctypes.c_size_t),
    )


def limits_of(limit_bytes: int | None) -> ExtendedLimits:
    """Return what is set on a job: it dies with us; with a limit, allocations beyond it fail."""
    limits = ExtendedLimits()
    limits.BasicLimitInformation.LimitFlags = KILL_ON_JOB_CLOSE
    if limit_bytes is not None:
        limits.BasicLimitInformation.LimitFlags |= JOB_MEMORY
        limits.JobMemoryLimit = limit_bytes
    return limits


class Job:
    """A host's job. Closing it ends whatever still lives in it."""

    def __init__(self, kernel: Any, handle: int) -> None:
        self._kernel = kernel
        self._handle = handle

    def verdict(self) -> dict[str, Any] | None:
        """Return None: beyond its limit allocations fail, and nothing is killed."""
        return None

    def close(self) -> None:
        """Close the handle; a second call does nothing."""
        handle, self._handle = self._handle, 0
        if handle:
            self._kernel.CloseHandle(wintypes.HANDLE(handle))


class JobObjects:
    """Makes jobs. `kernel` is kernel32, another one in tests."""

    def __init__(self, kernel: Any = None) -> None:
        if kernel is None:
            assert os.name == "nt"
            kernel = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined]
            kernel.CreateJobObjectW.restype = wintypes.HANDLE
            kernel.OpenProcess.restype = wintypes.HANDLE
        self._kernel = kernel

    def enter(self, pid: int, limit_bytes: int | None) -> Job | None:
        """Put a process into a job of its own; None when the system refuses."""
        handle = self._kernel.CreateJobObjectW(None, None)
        if not handle:
            return None
        job = Job(self._kernel, handle)
        if self._set(handle, limits_of(limit_bytes)) and self._assign(handle, pid):
            return job
        job.close()
        return None

    def close(self) -> None:
        """Nothing belongs to all jobs."""

    def _set(self, handle: int, limits: ExtendedLimits) -> bool:
        size = ctypes.sizeof(limits)
        reference = ctypes.byref(limits)
        return bool(
            self._kernel.SetInformationJobObject(
                wintypes.HANDLE(handle), EXTENDED_LIMIT_INFORMATION, reference, size
            )
        )

    def _assign(self, handle: int, pid: int) -> bool:
        process = self._kernel.OpenProcess(PROCESS_SET_QUOTA | PROCESS_TERMINATE, False, pid)
        if not process:
            return False
        try:
            job, its = wintypes.HANDLE(handle), wintypes.HANDLE(process)
            return bool(self._kernel.AssignProcessToJobObject(job, its))
        finally:
            self._kernel.CloseHandle(wintypes.HANDLE(process))
