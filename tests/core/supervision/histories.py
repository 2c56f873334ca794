"""Histories of a forest from a seed: thousands a few seconds, each of many falls.

Hypothesis finds what is small and shrinks it; these find what takes a large tree and several falls.
"""

import random
from collections.abc import Callable

from sidecar.contract.vocabulary import RestartPolicy, RestartStrategy
from sidecar.core.supervision import ChildSpec
from tests.core.supervision.world import World

STEPS = 30

POLICIES: list[RestartPolicy] = ["transient", "permanent", "transient", "permanent", "temporary"]
STRATEGIES: list[RestartStrategy] = ["rest_for_one", "one_for_all", "one_for_one"]


def live_through(seed: int) -> World:
    """Live one history through; the world asserts."""
    rng, world = random.Random(seed), World()
    shape = rng.choice([0.0, 0.5, 1.0])
    size = rng.randint(3, 10)
    specs = [random_spec(rng, number, shape) for number in range(size)]
    world.start_all(*specs)
    steps: list[Callable[[], None]] = [
        lambda: _fall(rng, world),
        lambda: _fall(rng, world),
        lambda: _close(rng, world),
        lambda: _ready(rng, world),
        lambda: _ready(rng, world),
        lambda: world.pass_time(rng.choice([0.1, 0.5, 1.0, 5.0])),
        lambda: _start(rng, world, random_spec(rng, rng.randrange(size), shape)),
        lambda: _rare(rng, world),
    ]
    for _ in range(STEPS):
        rng.choice(steps)()
    world.rest()
    return world


def random_spec(rng: random.Random, number: int, shape: float) -> ChildSpec:
    """Return a session below a lower number: of shape 0 mostly below 0, of 1 mostly in a chain."""
    policy = rng.choice(POLICIES)
    likely = number - 1 if rng.random() < shape else 0
    parent = rng.choice([likely, likely, likely, rng.randrange(max(number, 1)), None])
    return ChildSpec(
        id=str(number),
        parent=str(parent) if parent is not None and 0 <= parent < number else None,
        policy=policy,
        significant=policy != "permanent" and rng.random() < 0.3,
        max_restarts=rng.choice([0, 1, 2, 3, 5, 8]),
        max_seconds=rng.choice([1, 5, 60]),
        strategy=rng.choice(STRATEGIES),
    )


def _fall(rng: random.Random, world: World) -> None:
    if world.alive:
        world.end(
            rng.choice(sorted(world.alive)),
            rng.choice(["error", "error", "graceful"]),
            lived_s=rng.choice([0.1, 9.9, 10.0]),
            random=rng.random(),
            recoverable=rng.random() < 0.97,
        )


def _close(rng: random.Random, world: World) -> None:
    if world.closing:
        world.end(rng.choice(world.closing), rng.choice(["graceful", "graceful", "error"]))


def _ready(rng: random.Random, world: World) -> None:
    starting = sorted(id_ for id_, up in world.alive.items() if not up)
    if starting:
        world.ready(rng.choice(starting))


def _start(rng: random.Random, world: World, spec: ChildSpec) -> None:
    if spec.id not in world.otp.children and not world.forest.stops(spec.parent or ""):
        world.start(spec)


def _rare(rng: random.Random, world: World) -> None:
    """A user stops something, or nothing happens until all is at rest; or a minute goes by."""
    there = list(world.otp.children)
    match rng.randrange(4):
        case 0 | 1 if there:
            world.user_stops(rng.choice(there), cascade=rng.random() < 0.3)
        case 2:
            world.rest()
        case _:
            world.pass_time(61.0)
