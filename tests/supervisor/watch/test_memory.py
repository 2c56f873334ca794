"""Who pays for a look that was over a budget: the generation that was looked at, and no other."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sidecar.core.watch.budget import NO_BUDGET, Budget
from sidecar.core.watch.usage import Usage
from sidecar.observe.log import null_log
from sidecar.supervisor.watch.memory import MemoryWatch

Take = Callable[[Mapping[str, Usage]], None]


class Looks:
    """A sampler that says what it is told to."""

    total_budget = NO_BUDGET

    def __init__(self) -> None:
        self.take: list[Take] = []

    def on_usages(self, listener: Take) -> None:
        self.take.append(listener)

    def on_look(self, listener: Callable[[Any], None]) -> None:
        pass

    def budget(self, usage: Usage) -> Budget:
        return Budget(1_000, 2_000)


class Tenant:
    """A session that notes what is done to it."""

    def __init__(self, running: int | None) -> None:
        self.running = running
        self.done: list[str] = []

    def fail(self, reason: str, detail: dict[str, Any]) -> bool:
        self.done.append("fail")
        return True

    def tell(self, message: str, detail: dict[str, Any]) -> None:
        self.done.append("tell")


@pytest.mark.parametrize(
    ("running", "used", "expected"),
    [
        (1, 1_500, ["tell"]),
        (1, 2_500, ["fail"]),
        (2, 1_500, []),
        (2, 2_500, []),
        (None, 2_500, []),
    ],
)
async def test_the_next_generation_does_not_pay(
    running: int | None, used: int, expected: list[str]
) -> None:
    looks, tenant = Looks(), Tenant(running)
    supervisor = SimpleNamespace(session=lambda _thread: tenant)
    hosts: Any = SimpleNamespace(scarce=False, drop_spare=lambda _: None)
    MemoryWatch(cast("Any", looks), hosts, cast("Any", supervisor), None, null_log()).listen()
    looks.take[0]({"t": Usage("t", 1, used, None, 0, 1)})
    assert tenant.done == expected
