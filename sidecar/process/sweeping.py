"""Finds and kills what an earlier run of this data dir left behind, by its marks.

Runs at start, before anything else is started. Only processes of the own user that carry one of
the given marks die; never this process, its ancestors or what is below it.
"""

import os
from collections.abc import Collection
from dataclasses import dataclass

from sidecar.process.census import everything_below, kill_until_empty
from sidecar.process.identity import ProcessInfo, ProcessKey
from sidecar.process.marks import carries
from sidecar.process.platform import os_

SWEEP_DEADLINE_S = 3.0
"""The promise of ARCHITECTURE §4 for what a crash of everything left."""


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What a sweep found; both by identity."""

    killed: list[ProcessKey]
    survivors: list[ProcessKey]


def sweep(marks: Collection[str], deadline_s: float = SWEEP_DEADLINE_S) -> SweepReport:
    """Kill everything that carries one of `marks` until two looks find nothing.

    Blocks for at most `deadline_s` and a look. One look reads the environment of every process
    of the user: some 20 µs each.
    """
    if not marks:
        return SweepReport([], [])
    spared = _own_line()
    kill = kill_until_empty(lambda: _marked(marks, spared), deadline_s)
    return SweepReport(sorted(kill.killed), kill.survivors)


def _marked(marks: Collection[str], spared: frozenset[int]) -> list[ProcessInfo]:
    mine = os.getuid() if hasattr(os, "getuid") else None
    return [
        info
        for info in os_.every_process()
        if not info.dead
        and info.key.pid not in spared
        and os_.owner_of(info.key.pid) == mine
        and carries(info.key.pid, marks)
    ]


def _own_line() -> frozenset[int]:
    """Return this process, its ancestors and its descendants: they may carry a swept mark.

    A sidecar that was started from a tool's shell of the very session that it now sweeps.
    """
    line = {info.key.pid for info in everything_below()}
    pid = os.getpid()
    while pid > 1 and pid not in line:
        line.add(pid)
        info = os_.info_of(pid)
        pid = info.parent if info else 0
    return frozenset(line)
