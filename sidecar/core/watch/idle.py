"""When a session may be parked: nothing of it is alive but what was there before its turns.

Pure. Activity is a turn, an event, a call, an open request, item or task, an active child, a
process that a tool has started, and CPU of the tree. A build or a dev server is never ended by
this: the first burns CPU, and both are younger than the first deed of a turn.

    quiet ── a sample of the tree ──► counting ── idle for long enough, a second sample ──► may park
      ▲                                  │ activity         │ CPU or live work
      └──────────────────────────────────┴──────────────────┘
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

BUSY_CPU_SHARE: Final = 0.02
"""CPU of the tree over the whole time, as a share of one core, that counts as activity. An idle
agent with its MCP servers needs a quarter of it for its timers."""

DEED_MARGIN_S: Final = 1.0
"""A tool may run a moment before its agent's word of it has come."""


class Process(NamedTuple):
    """One process of a session's tree."""

    name: str
    cpu_ms: int
    age_s: float
    waited_cpu_ms: int = 0
    """Of its children that have ended: a build is a hundred compilers of a second each."""


class Ages(NamedTuple):
    """Of a generation, in seconds; None for what has not been."""

    turn_s: float | None
    """Since its first turn was asked for."""

    deed_s: float | None
    """Since a turn did anything: its first text, item, request or task."""


class Signs(NamedTuple):
    """What is known of a session without a look at its processes."""

    busy: bool
    """Something is under way: a turn, a call, a request, an open item or task, a busy child."""

    active_s: float
    """When anything last happened to it or to a child of it."""


class Tree(NamedTuple):
    """Its processes at one moment."""

    cpu_ms: int
    work: tuple[str, ...] = ()
    """Names of living processes that its turns have started."""

    work_cpu_ms: int = 0
    """CPU time of all that was started below, ended ones included; it never falls."""


def tree_of(processes: Sequence[Process], ages: Ages) -> Tree:
    """Tell what turns have started from what the agent needs to run.

    A turn starts nothing before it does anything. Host, agent and its MCP servers are older, also
    where the turn came at once, as after a wake: they are up before the model answers.
    """
    waited_ms = sum(p.waited_cpu_ms for p in processes)
    cpu_ms = sum(p.cpu_ms for p in processes) + waited_ms
    if ages.turn_s is None or ages.deed_s is None:
        return Tree(cpu_ms)
    work_s = min(ages.turn_s, ages.deed_s + DEED_MARGIN_S)
    work = [p for p in processes if p.age_s < work_s]
    return Tree(cpu_ms, tuple(p.name for p in work), sum(p.cpu_ms for p in work) + waited_ms)


class Idle:
    """One generation of one session."""

    def __init__(self, now_s: float) -> None:
        self._since_s = now_s
        self._first: Tree | None = None
        self.kept_by: tuple[str, ...] = ()
        """What kept it up at the last judgement: names of processes, or "cpu"."""

    def wants_sample(self, now_s: float, signs: Signs, idle_s: float) -> bool:
        """Take the signs in; whether its tree must be looked at now, for `weigh`."""
        if signs.busy or signs.active_s > self._since_s:
            self.start_anew(now_s if signs.busy else signs.active_s)
        if signs.busy:
            return False
        return self._first is None or now_s - self._since_s >= idle_s

    def weigh(self, now_s: float, tree: Tree, idle_s: float) -> float | None:
        """Take a sample in; the seconds it has been idle when it may be parked now, else None.

        Live work and CPU are activity: it is counted anew from here.
        """
        first, silent_s = self._first, now_s - self._since_s
        if first is None:
            self._first = tree
            return None
        if silent_s < idle_s:
            return None
        burnt_ms = tree.cpu_ms - first.cpu_ms
        busy = burnt_ms > BUSY_CPU_SHARE * silent_s * 1000
        self.kept_by = tree.work or (("cpu",) if busy else ())
        if not self.kept_by:
            return silent_s
        self._since_s, self._first = now_s, tree
        return None

    def start_anew(self, now_s: float) -> None:
        """Forget what was counted."""
        self._since_s, self._first = now_s, None
