"""Finds everything below a process, and kills until nothing is found.

Owns the order and the repetition of a kill; never decides who deserves it. Synchronous: hosts'
guard thread, the zygote and the sweep use it as it is, the stop ladder step by step.
"""

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sidecar.process.identity import ProcessInfo, ProcessKey
from sidecar.process.platform import SIGKILL, os_
from sidecar.process.waited import is_waited_for

CENSUS_PROCESSES = 20_000
"""Most processes that one census walks: beyond it lies a fork bomb, which the next census takes."""

KILL_STEP_FIRST_S = 0.002
KILL_STEP_LAST_S = 0.02
"""Pause between two censuses of a kill, doubling: a kill takes effect in well under a
millisecond, but a machine under load must not spend itself on counting."""

KILL_LOOKS_MIN = 4
"""One that kills, one that finds what was re-parented meanwhile, two that find nothing."""

Look = Callable[[], list[ProcessInfo]]


def descendants(roots: Iterable[int]) -> list[ProcessInfo]:
    """Return everything alive below the processes `roots`, without these, parents first.

    A process that was re-parented while we looked may be missing: believe an empty census only
    when a second one is empty too.
    """
    found: dict[int, ProcessInfo] = {}
    waiting = list(roots)
    seen = set(waiting)
    for pid in waiting:  # grows while it is walked: breadth first
        for info in os_.children_of(pid):
            child = info.key.pid
            if child in seen or len(seen) > CENSUS_PROCESSES:
                continue
            seen.add(child)
            if not info.dead:
                found[child] = info
                waiting.append(child)
    return list(found.values())


def everything_below() -> list[ProcessInfo]:
    """Return everything alive below this process."""
    return descendants([os.getpid()])


def pids_of_ours() -> set[int]:
    """Return the pids of this process and of everything alive below it."""
    return {os.getpid(), *(info.key.pid for info in everything_below())}


def strangers() -> list[ProcessInfo]:
    """Return our direct children that we never started, zombies included: adopted orphans.

    Everything that we start leads a session of its own, and a session is left but never joined,
    so a child in *our* session was never below one of ours: somebody else here started it.
    """
    own_session = os.getsid(0) if hasattr(os, "getsid") else 0
    return [
        info
        for info in os_.children_of(os.getpid())
        if not is_waited_for(info.key.pid) and info.session != own_session
    ]


def with_descendants(tops: Iterable[ProcessInfo]) -> list[ProcessInfo]:
    """Return those of `tops` that are alive and everything alive below them, parents first."""
    alive = [info for info in tops if not info.dead]
    return [*alive, *descendants(info.key.pid for info in alive)]


def is_alive(key: ProcessKey) -> bool:
    """Tell whether exactly this process still runs; a zombie does not."""
    info = os_.info_of(key.pid)
    return info is not None and info.key == key and not info.dead


@dataclass(slots=True)
class Kill:
    """One kill under way: call `step` until it says done.

    Parents die first, so that what restarts its children is gone before them.
    """

    look: Look
    killed: set[ProcessKey] = field(default_factory=set)
    survivors: list[ProcessKey] = field(default_factory=list)
    looks: int = 0
    _empty: int = 0
    _pause_s: float = KILL_STEP_FIRST_S

    def step(self) -> float | None:
        """Count and kill once; return the pause before the next step, None when all is dead."""
        found = self.look()
        self.looks += 1
        self.survivors = [info.key for info in found]
        for key in self.survivors:
            if os_.send_signal(key, SIGKILL):
                self.killed.add(key)
        self._empty = 0 if found else self._empty + 1
        if self._empty >= 2:
            return None
        pause, self._pause_s = self._pause_s, min(self._pause_s * 2, KILL_STEP_LAST_S)
        return pause


def kill_until_empty(look: Look, deadline_s: float) -> Kill:
    """Kill what `look` finds until two looks in a row are empty or the deadline passes.

    Blocks. What still lives then (a process in uninterruptible sleep) is in `survivors`. Looks
    KILL_LOOKS_MIN times whatever the deadline: a machine under load must not end it half done.
    """
    kill = Kill(look)
    end = time.monotonic() + deadline_s
    while (pause := kill.step()) is not None:
        if time.monotonic() >= end and kill.looks >= KILL_LOOKS_MIN:
            break
        time.sleep(pause)
    return kill
