"""What the watchdog over hosts does at each stage, with a clock that is handed in."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from sidecar.observe.log import null_log
from sidecar.supervisor.watch.beats import HostBeats


class Link:
    """A host's link that notes what is done to it."""

    def __init__(self, pid: int) -> None:
        self.process = SimpleNamespace(pid=pid)
        self.heard_s = 0.0
        self.last_words = "a stack"
        self.done: list[str] = []

    def ask(self, nonce: int) -> None:
        self.done.append("ask")

    def ask_for_stacks(self) -> None:
        self.done.append("stacks")

    def about(self) -> dict[str, Any]:
        return {}

    def kill(self, reason: str) -> None:
        self.done.append(f"kill: {reason}")


class Lodger:
    """A session that notes how it was failed."""

    def __init__(self, thread_id: str, pid: int | None) -> None:
        self.thread_id = thread_id
        self.lodging = None if pid is None else SimpleNamespace(host_pid=pid)
        self.failed: list[tuple[dict[str, Any], bool]] = []

    def fail(self, reason: str, detail: dict[str, Any], *, host: bool) -> bool:
        self.failed.append((detail, host))
        return True


class World:
    def __init__(self) -> None:
        self.links = [Link(1), Link(2)]
        self.sessions = [Lodger("a", 1), Lodger("b", 1), Lodger("c", 2), Lodger("d", None)]
        hosts = SimpleNamespace(up=lambda: self.links)
        supervisor = SimpleNamespace(each=self.each)
        self.beats = HostBeats(cast(Any, hosts), cast(Any, supervisor), 5_000, null_log())

    def each(self, visit: Callable[[Lodger], None]) -> None:
        for session in self.sessions:
            visit(session)

    def look(self, *times: float, watched: bool = True) -> None:
        for now_s in times:
            self.links[-1].heard_s = now_s
            self.beats.look(now_s, watched=watched)


def test_a_silent_host_is_asked_twice_and_killed_with_all_who_live_there() -> None:
    world = World()
    world.look(0.0, 5.0, 10.0)
    assert world.links[0].done == ["ask"]
    world.look(11.0, 15.0)
    assert world.links[0].done == ["ask", "ask", "stacks"]
    world.look(16.0, 17.0, 100.0)
    assert world.links[0].done[3:] == ["kill: its host has not answered for 16.0 s"]
    detail = {"kind": "wedged", "silentMs": 16_000}
    assert [s.failed for s in world.sessions] == [[(detail, True)], [(detail, True)], [], []]
    assert world.links[1].done == []


def test_a_host_that_ends_is_forgotten() -> None:
    world = World()
    world.look(0.0, 5.0)
    world.links = world.links[1:]
    world.look(11.0, 16.0, 17.0)
    assert all(not session.failed for session in world.sessions)


def test_a_time_nobody_watched_judges_nobody() -> None:
    world = World()
    world.look(0.0, 5.0, 11.0)
    world.look(4_000.0, watched=False)
    world.look(4_004.0)
    assert all(not session.failed for session in world.sessions)
    world.look(4_005.0, 4_011.0, 4_016.0)
    assert len(world.sessions[0].failed) == 1
