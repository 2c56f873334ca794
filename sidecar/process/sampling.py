"""Measures a process tree: who is below a host, and what it costs. Never acts on what it sees."""

import os
from typing import NamedTuple

from sidecar.process.census import with_descendants
from sidecar.process.identity import ProcessInfo, ProcessKey
from sidecar.process.platform import IS_LINUX, os_


class ProcessSample(NamedTuple):
    """One process at one moment. `rss_bytes` counts shared pages in full, in every process."""

    key: ProcessKey
    parent: int
    name: str
    rss_bytes: int
    cpu_ms: int
    """User and system time since it started."""

    age_s: float
    waited_cpu_ms: int = 0
    """The same of what it started, all together, once that has ended and was waited for."""


def sample_tree(root: int) -> list[ProcessSample]:
    """Return the process `root` and everything alive below it, parents first; [] if it is gone.

    Some 30 µs a process on Linux. What ends while we look is left out.
    """
    top = os_.info_of(root)
    if top is None:
        return []
    samples = (sample_process(info) for info in with_descendants([top]))
    return [sample for sample in samples if sample is not None]


def sample_process(info: ProcessInfo) -> ProcessSample | None:
    """Return what one process costs; None when it is gone."""
    return _sample_linux(info) if IS_LINUX else _sample_elsewhere(info)


def _sample_linux(info: ProcessInfo) -> ProcessSample | None:
    try:
        with open(f"/proc/{info.key.pid}/stat", "rb") as file:  # noqa: PTH123 - hot path
            fields = file.read().rpartition(b")")[2].split()
        with open("/proc/uptime", "rb") as file:  # noqa: PTH123 - hot path
            uptime_s = float(file.read().split()[0])
    except OSError:
        return None
    ticks = os.sysconf("SC_CLK_TCK")
    return ProcessSample(
        info.key,
        info.parent,
        info.name,
        rss_bytes=int(fields[21]) * os.sysconf("SC_PAGE_SIZE"),
        cpu_ms=(int(fields[11]) + int(fields[12])) * 1000 // ticks,
        age_s=max(uptime_s - info.key.create_time / ticks, 0.0),
        waited_cpu_ms=(int(fields[13]) + int(fields[14])) * 1000 // ticks,
    )


def _sample_elsewhere(info: ProcessInfo) -> ProcessSample | None:
    import time  # noqa: PLC0415 - not needed on Linux

    import psutil  # noqa: PLC0415 - on Linux its import would cost every host

    try:
        process = psutil.Process(info.key.pid)
        times = process.cpu_times()
        return ProcessSample(
            info.key,
            info.parent,
            info.name,
            rss_bytes=process.memory_info().rss,
            cpu_ms=int((times.user + times.system) * 1000),
            age_s=max(time.time() - info.key.create_time, 0.0),
            waited_cpu_ms=int((times.children_user + times.children_system) * 1000),
        )
    except psutil.Error:
        return None
