"""What comes back after an unclean end, in which order, and who waits for whom."""

import asyncio
import json

import pytest

from sidecar.contract.errors import Overloaded
from sidecar.contract.methods import RestartSpec, SessionStartParams
from sidecar.observe.log import Log
from sidecar.supervisor import resuming
from sidecar.supervisor.records import SessionRecord
from sidecar.supervisor.resuming import RESUMES_AT_ONCE, WITHOUT_SECRETS, Resuming


def record(
    thread_id: str, parent: str | None = None, *, secrets: bool = False, policy: str = "transient"
) -> SessionRecord:
    start = SessionStartParams(
        idempotency_key="k",
        thread_id=thread_id,
        provider="demo",
        runtime_mode="full-access",
        parent=parent,
        restart=RestartSpec(policy=policy),  # type: ignore[arg-type]
    )
    return SessionRecord(start=start, had_secrets=secrets, wanted=True)


class World:
    """A supervisor that starts nothing, but remembers."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.declined: dict[str, str] = {}
        self.failing: set[str] = set()
        self.broken: set[str] = set()
        """Those with a defect that nobody thought of."""
        self.poor: dict[str, int] = {}
        """How often there is nothing to start one with."""
        self.lines: list[str] = []
        self.at_once = 0
        self.most_at_once = 0
        self.resuming = Resuming(self.resume, self.decline, Log((self.lines.append,)))

    async def resume(self, start: SessionStartParams) -> bool:
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if start.thread_id in self.broken:
            raise LookupError("nobody thought of this")
        if self.poor.get(start.thread_id, 0):
            self.poor[start.thread_id] -= 1
            raise Overloaded("the sidecar has no memory left")
        self.order.append(start.thread_id)
        up = start.thread_id not in self.failing
        if up:
            self.resuming.wake_children(start.thread_id)
        return up

    def decline(self, start: SessionStartParams, reason: str) -> None:
        self.declined[start.thread_id] = reason
        if start.thread_id in self.broken:
            raise LookupError("nor of this")

    def defects(self) -> list[tuple[str, str]]:
        """Return what was logged: events, and of whom."""
        logged = [json.loads(line) for line in self.lines]
        return [(entry["event"], entry["cid"]) for entry in logged]

    async def run(self, *records: SessionRecord) -> None:
        await self.resuming.run({r.start.thread_id: r for r in records})

    async def settle(self) -> None:
        while self.resuming._tasks:
            await asyncio.sleep(0)


@pytest.fixture
def world() -> World:
    return World()


async def test_parents_come_back_before_their_children(world: World) -> None:
    await world.run(record("grandchild", "child"), record("child", "root"), record("root"))
    assert world.order == ["root", "child", "grandchild"]


async def test_only_so_many_start_side_by_side(world: World) -> None:
    await world.run(*(record(f"t{n}") for n in range(3 * RESUMES_AT_ONCE)))
    assert world.most_at_once == RESUMES_AT_ONCE
    assert len(world.order) == 3 * RESUMES_AT_ONCE


async def test_children_of_a_failed_parent_wait_and_say_so(world: World) -> None:
    world.failing = {"root"}
    await world.run(record("root"), record("child", "root"), record("grandchild", "child"))
    assert world.order == ["root"]
    assert world.declined == {
        "child": "waits for its parent root, which was not resumed",
        "grandchild": "waits for its parent child, which was not resumed",
    }


async def test_who_waits_comes_back_with_the_parent(world: World) -> None:
    world.failing = {"root"}
    await world.run(record("root"), record("child", "root"), record("grandchild", "child"))
    world.resuming.wake_children("root")
    await world.settle()
    assert world.order == ["root", "child", "grandchild"]
    world.resuming.wake_children("root")
    assert not world.resuming._tasks


async def test_a_defect_of_one_costs_no_other_its_resume(world: World) -> None:
    world.broken = {"odd"}
    others = [f"t{n}" for n in range(2 * RESUMES_AT_ONCE)]
    await world.run(record("odd"), record("below", "odd"), *(record(name) for name in others))
    assert world.order == others
    assert world.declined["odd"] == "was not resumed: a defect of the sidecar: LookupError"
    assert world.declined["below"].startswith("waits for"), "as if it could not start"
    assert world.defects() == 2 * [("session.resume-defect", "odd")]


async def test_one_that_there_is_nothing_to_start_with_is_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resuming, "LACK_PAUSES_S", (0.0, 0.0))
    world.poor = {"soon": 2, "never": 3}
    await world.run(record("soon"), record("never"), record("below", "soon"))
    assert world.order == ["soon", "below"]
    assert world.declined == {"never": "was not resumed: the sidecar has no memory left"}


async def test_one_that_is_stopped_while_it_waits_for_another_try_stays_down(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resuming, "LACK_PAUSES_S", (0.05,))
    world.poor = {"a": 1}
    running = asyncio.create_task(world.run(record("a")))
    async with asyncio.timeout(5):
        while world.poor["a"]:  # until it has been tried once
            await asyncio.sleep(0)
    assert world.resuming.drop(["a"], below=False) == ["a"]
    await running
    assert world.order == []
    assert world.declined == {}


async def test_a_defect_of_one_that_waits_is_logged_too(world: World) -> None:
    world.failing, world.broken = {"root"}, {"child"}
    await world.run(record("root"), record("child", "root"), record("last", "child"))
    assert set(world.declined) == {"child", "last"}
    world.resuming.wake_children("root")
    await world.settle()
    assert set(world.defects()) == {("session.resume-defect", "child")}


async def test_one_that_was_stopped_by_hand_waits_no_longer(world: World) -> None:
    world.failing = {"root"}
    await world.run(record("root"), record("child", "root"))
    world.resuming.forget("child")
    world.resuming.wake_children("root")
    await world.settle()
    assert world.order == ["root"]


async def test_a_parent_that_may_not_come_back_by_itself_is_waited_for(world: World) -> None:
    await world.run(
        record("root", secrets=True), record("child", "root"), record("other", policy="temporary")
    )
    assert world.order == []
    assert world.declined == {
        "root": WITHOUT_SECRETS,
        "child": "waits for its parent root, which was not resumed",
    }


async def test_what_is_stopped_before_its_turn_does_not_come_back(world: World) -> None:
    tree = (record("root"), record("child", "root"), record("grandchild", "child"))
    running = asyncio.create_task(world.run(*tree, record("other"), record("hidden", secrets=True)))
    await asyncio.sleep(0)
    assert world.resuming.drop(["root"], below=True) == ["root", "child", "grandchild"]
    assert world.resuming.drop(["hidden"], below=True) == ["hidden"]
    await running
    assert world.order == ["other"]
    assert world.declined == {}, "nobody waits for what a person has stopped"
    world.resuming.wake_children("root")
    assert not world.resuming._tasks


async def test_a_stop_that_spares_the_children_leaves_them_waiting(world: World) -> None:
    running = asyncio.create_task(world.run(record("root"), record("child", "root")))
    await asyncio.sleep(0)
    assert world.resuming.drop(["root"], below=False) == ["root"]
    await running
    assert (world.order, list(world.declined)) == ([], ["child"])
    assert world.resuming.drop(["root"], below=True) == ["child"]
    world.resuming.wake_children("root")
    assert not world.resuming._tasks


async def test_who_comes_back_can_be_waited_for(world: World) -> None:
    await world.resuming.arrival("nobody")
    running = asyncio.create_task(world.run(record("root"), record("child", "root")))
    await asyncio.sleep(0)
    await world.resuming.arrival("child")
    assert world.order == ["root", "child"]
    await running


async def test_a_close_brings_nothing_back_any_more(world: World) -> None:
    world.failing = {"root"}
    await world.run(record("root"), record("child", "root"))
    world.resuming.wake_children("root")
    await world.resuming.close()
    assert world.order == ["root"]


@pytest.mark.parametrize(
    ("policy", "secrets", "expected"),
    [
        ("permanent", False, True),
        ("transient", False, True),
        ("temporary", False, False),
        ("permanent", True, False),
    ],
)
async def test_policy_and_secrets_decide(
    world: World, policy: str, secrets: bool, expected: bool
) -> None:
    await world.run(record("t", secrets=secrets, policy=policy))
    assert world.order == ["t"] * expected
    assert world.declined == ({"t": WITHOUT_SECRETS} if secrets else {})
