"""What one round is: sessions, faults and moments, all from one seed. Pure."""

from dataclasses import dataclass
from random import Random
from typing import Literal

Target = Literal["provider", "host", "zygote", "supervisor"]
Kind = Literal["kill", "term", "stop", "disk", "descriptors", "memory"]

SESSIONS = 20
WINDOW_S = 1.5
"""The time in which faults come, from the first session.start on."""

FAULTS = (2, 4)
"""Least and most faults of a round."""

CHOICES: tuple[tuple[Kind, Target, int], ...] = (
    ("kill", "provider", 3),
    ("kill", "host", 3),
    ("kill", "zygote", 2),
    ("kill", "supervisor", 2),
    ("term", "provider", 2),
    ("term", "host", 2),
    ("term", "zygote", 1),
    ("term", "supervisor", 1),
    ("stop", "provider", 2),
    ("stop", "host", 3),
    ("stop", "zygote", 2),
    ("stop", "supervisor", 2),
    ("disk", "supervisor", 3),
    ("descriptors", "supervisor", 2),
    ("descriptors", "host", 1),
    ("memory", "supervisor", 2),
    ("memory", "host", 1),
)
"""Kind, target, weight."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `which` chooses among the targets that there are; `lasts_s` 0: it is for good."""

    at_s: float
    kind: Kind
    target: Target
    which: int
    lasts_s: float = 0.0


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """One session: what it does all the time, and whose child it is."""

    thread: str
    parent: str | None
    asks: bool
    count: int
    delay_ms: int
    size: int
    answer_after_s: float
    strategy: str = "one_for_one"
    """What becomes of its children when one of them falls."""


@dataclass(frozen=True, slots=True)
class Drop:
    """The second client's cable is pulled, and back after `for_s`."""

    at_s: float
    for_s: float


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole round."""

    seed: int
    settings: dict[str, object]
    sessions: tuple[SessionPlan, ...]
    faults: tuple[Fault, ...]
    drops: tuple[Drop, ...]
    end: Literal["close", "kill", "shutdown"]


def plan_of(seed: int, *, sessions: int = SESSIONS, window_s: float = WINDOW_S) -> Plan:
    """Return the round of a seed; the same for ever as long as this module is."""
    random = Random(seed)
    placement = random.choice(("one", "one", "packed", "auto"))
    return Plan(
        seed=seed,
        settings={"placement": placement, "packedSessions": 5, "hostBeatMs": 1_000},
        sessions=tuple(_session(random, index) for index in range(sessions)),
        faults=_faults(random, window_s),
        drops=_drops(random, window_s),
        end=random.choice(("close", "kill", "shutdown")),
    )


def _session(random: Random, index: int) -> SessionPlan:
    """The last six are children of the first two; a child is never a parent of an earlier one."""
    parent = f"s{random.randrange(2)}" if index >= SESSIONS - 6 else None
    return SessionPlan(
        thread=f"s{index}",
        parent=parent,
        asks=random.random() < 0.3,
        count=random.choice((3, 20, 60)),
        delay_ms=random.choice((0, 2, 10)),
        size=random.choice((20, 200, 3_000, 30_000)),
        answer_after_s=random.choice((0.0, 0.1, 1.0)),
        strategy=random.choice(("one_for_one", "one_for_all", "rest_for_one")),
    )


def _faults(random: Random, window_s: float) -> tuple[Fault, ...]:
    found = []
    for _ in range(random.randint(*FAULTS)):
        kind, target, _weight = random.choices(CHOICES, [weight for *_, weight in CHOICES])[0]
        lasts_s = 0.0 if kind in ("kill", "term") else random.uniform(0.1, 1.5)
        at_s = random.uniform(0.0, window_s)
        found.append(Fault(round(at_s, 3), kind, target, random.randrange(1_000), lasts_s))
    return tuple(sorted(found, key=lambda fault: fault.at_s))


def _drops(random: Random, window_s: float) -> tuple[Drop, ...]:
    drops = [
        Drop(round(random.uniform(0.2, window_s), 3), random.uniform(0.0, 0.5))
        for _ in range(random.randint(1, 3))
    ]
    return tuple(sorted(drops, key=lambda drop: drop.at_s))
