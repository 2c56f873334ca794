"""Budgets of memory: when a session or the whole sidecar is over, and what follows. Pure.

A soft budget is told of once a crossing; it is told again only after the use fell well below.
A hard one ends a session. Beyond the total one the largest session ends, one at a time: the next
only after the last is gone and what is left was looked at again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sidecar.core.watch.usage import Usage

NEAR = 0.8
"""Share of a budget from which shares are read and looks come closer together."""

REARM = 0.9
"""Share of a soft budget below which a crossing is told again."""

EFFECT_S = 5.0
"""What a session that was failed for the total gets to be gone, before the next one is."""


class Budget(NamedTuple):
    """Soft and hard bytes; None: none."""

    soft_bytes: int | None = None
    hard_bytes: int | None = None

    @property
    def nearest_bytes(self) -> int | None:
        """The first one to be crossed."""
        found = [b for b in self if b is not None]
        return min(found) if found else None

    def is_near(self, used_bytes: int) -> bool:
        """Whether the use is so close to one that it is looked at closely."""
        nearest = self.nearest_bytes
        return nearest is not None and used_bytes >= NEAR * nearest


NO_BUDGET = Budget()


def budget_of(own: Budget, default: Budget) -> Budget:
    """Return the budget of a session: its own limits before the settings'.

    A default that contradicts an own limit gives way.
    """
    soft = own.soft_bytes if own.soft_bytes is not None else default.soft_bytes
    hard = own.hard_bytes if own.hard_bytes is not None else default.hard_bytes
    if soft is not None and hard is not None and soft > hard:
        return Budget(soft, None) if own.hard_bytes is None else Budget(None, hard)
    return Budget(soft, hard)


class Pressure(NamedTuple):
    """Tell a session that a soft budget is crossed."""

    usage: Usage
    limit_bytes: int


class Exceeded(NamedTuple):
    """End a session: its hard budget is crossed."""

    usage: Usage
    limit_bytes: int


class TotalPressure(NamedTuple):
    """Tell that the whole sidecar is over its soft budget; `largest` is the first that would go."""

    charged_bytes: int
    limit_bytes: int
    largest: Usage | None


class TotalExceeded(NamedTuple):
    """End the largest session: the whole sidecar is over its hard budget."""

    charged_bytes: int
    limit_bytes: int
    usage: Usage


class TotalHopeless(NamedTuple):
    """Say once that the whole is over its hard budget and that no session's end would help."""

    charged_bytes: int
    limit_bytes: int


class HostExceeded(NamedTuple):
    """End a host with whoever lives there: its own heap is over its limit."""

    pid: int
    rss_bytes: int
    limit_bytes: int


Verdict = Pressure | Exceeded | TotalPressure | TotalExceeded | TotalHopeless

Run = tuple[str, int]
"""Thread and generation."""


@dataclass(slots=True)
class Judge:
    """Remembers what was said. Bounded by the sessions that are looked at."""

    total: Budget = NO_BUDGET
    host_bytes: int | None = None
    """What a host process itself may have resident."""

    _hosts: set[int] = field(default_factory=set)
    """Pids of hosts that were ended."""

    _pressed: set[Run] = field(default_factory=set)
    _condemned: dict[Run, float] = field(default_factory=dict)
    """Who was ended, and when."""
    _total_pressed: bool = False
    _hopeless_told: bool = False

    def judge(
        self, usages: Iterable[Usage], budgets: Mapping[str, Budget], now: float
    ) -> list[Verdict]:
        """Return what follows from a look at sessions, each at most once for one growth."""
        verdicts: list[Verdict] = []
        for usage in usages:
            budget = budgets.get(usage.thread_id, NO_BUDGET)
            run = _run(usage)
            if _over(usage.charged_bytes, budget.hard_bytes):
                if run not in self._condemned:
                    self._condemned[run] = now
                    assert budget.hard_bytes is not None
                    verdicts.append(Exceeded(usage, budget.hard_bytes))
            elif budget.soft_bytes is not None and self._crossed(usage, budget.soft_bytes):
                verdicts.append(Pressure(usage, budget.soft_bytes))
        return verdicts

    def judge_total(
        self, charged_bytes: int, usages: Iterable[Usage], now: float
    ) -> Verdict | None:
        """Return what follows from a full look at the whole sidecar."""
        living = list(usages)
        self._forget({_run(usage) for usage in living})
        if _over(charged_bytes, self.total.hard_bytes):
            return self._pick(charged_bytes, living, now)
        self._hopeless_told = False
        return self._total_pressure(charged_bytes, living)

    def judge_hosts(self, rss_bytes: Mapping[int, int]) -> list[HostExceeded]:
        """Return the hosts to be replaced, given what each has resident itself, by pid."""
        self._hosts &= rss_bytes.keys()
        over = [
            HostExceeded(pid, rss, self.host_bytes)
            for pid, rss in rss_bytes.items()
            if self.host_bytes is not None and rss > self.host_bytes and pid not in self._hosts
        ]
        self._hosts.update(verdict.pid for verdict in over)
        return over

    def spare(self, usage: Usage) -> None:
        """Take a verdict back that could not be carried out: the next look gives it again."""
        self._condemned.pop(_run(usage), None)

    def _crossed(self, usage: Usage, soft_bytes: int) -> bool:
        """Tell whether this is the moment to speak of a soft budget."""
        run = _run(usage)
        if run in self._pressed:
            if usage.charged_bytes < REARM * soft_bytes:
                self._pressed.discard(run)
            return False
        if usage.charged_bytes <= soft_bytes:
            return False
        self._pressed.add(run)
        return True

    def _pick(self, charged_bytes: int, living: list[Usage], now: float) -> Verdict | None:
        """Return the next to end, if the last one has had its effect."""
        limit = self.total.hard_bytes
        assert limit is not None
        if any(now < since + EFFECT_S for since in self._condemned.values()):
            return None  # somebody ends already
        able = [usage for usage in living if _run(usage) not in self._condemned]
        if not able or charged_bytes - sum(usage.charged_bytes for usage in able) > limit:
            told, self._hopeless_told = self._hopeless_told, True
            return None if told else TotalHopeless(charged_bytes, limit)
        largest = max(able, key=lambda usage: usage.charged_bytes)
        self._condemned[_run(largest)] = now
        return TotalExceeded(charged_bytes, limit, largest)

    def _total_pressure(self, charged_bytes: int, living: list[Usage]) -> Verdict | None:
        soft = self.total.soft_bytes
        if soft is None:
            return None
        if charged_bytes <= soft:
            self._total_pressed = self._total_pressed and charged_bytes >= REARM * soft
            return None
        if self._total_pressed:
            return None
        self._total_pressed = True
        largest = max(living, key=lambda usage: usage.charged_bytes, default=None)
        return TotalPressure(charged_bytes, soft, largest)

    def _forget(self, living: set[Run]) -> None:
        self._pressed &= living
        for run in self._condemned.keys() - living:
            del self._condemned[run]


def _run(usage: Usage) -> Run:
    return (usage.thread_id, usage.generation)


def _over(used_bytes: int, limit_bytes: int | None) -> bool:
    return limit_bytes is not None and used_bytes > limit_bytes
