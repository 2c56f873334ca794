"""A family of five, and what was commanded by the time that it has come to rest."""

from sidecar.contract.vocabulary import RestartPolicy, RestartStrategy
from sidecar.core.supervision import (
    ChildSpec,
    End,
    Open,
)
from sidecar.core.supervision.forest import Command
from tests.core.supervision.world import World

ERROR = End("error", 1.0, 100.0, 0.0)
GRACEFUL = End("graceful", 1.0, 100.0, 0.0)


def family(strategy: RestartStrategy, **of_b: RestartPolicy) -> World:
    """A root with children a, b and c, b with b1 and b2; all up. `of_b` are policies by id."""
    world = World()
    world.start_all(
        ChildSpec("root", strategy=strategy),
        *(ChildSpec(id_, "root", policy=of_b.get(id_, "transient")) for id_ in "abc"),
        *(ChildSpec(id_, "b", policy=of_b.get(id_, "transient")) for id_ in ("b1", "b2")),
    )
    return world


def commands(world: World) -> list[Command]:
    """Let the world come to rest and return all that was commanded."""
    world.rest()
    return world.log


def closed(world: World) -> str:
    return " ".join(c.id for c in commands(world) if not isinstance(c, Open))


def opened(world: World) -> str:
    return " ".join(c.id for c in commands(world) if isinstance(c, Open))
