"""Snapshots are stored as events come, and one that fails does not end it."""

import asyncio
from collections.abc import Callable

import pytest

from sidecar.journal import JournalUnavailable
from sidecar.observe.log import Log
from sidecar.supervisor.snapshots import SnapshotKeeper


class FakeJournal:
    """A head that moves, and who wants to know."""

    def __init__(self) -> None:
        self.head = 0
        self.listeners: set[Callable[[int], None]] = set()

    def subscribe(self, listener: Callable[[int], None]) -> Callable[[], None]:
        self.listeners.add(listener)
        return lambda: self.listeners.discard(listener)

    def commit(self, count: int) -> None:
        self.head += count
        for listener in self.listeners:
            listener(self.head)


class FakeEvents:
    """Stores nothing, or fails."""

    def __init__(self) -> None:
        self.journal = FakeJournal()
        self.stored: list[int] = []
        self.failure: Exception | None = None

    async def store_snapshot(self) -> None:
        self.stored.append(self.journal.head)
        if self.failure is not None:
            raise self.failure


async def turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
def events() -> FakeEvents:
    return FakeEvents()


def keeper(events: FakeEvents, lines: list[str]) -> "asyncio.Task[None]":
    made = SnapshotKeeper(events, Log((lines.append,)), every=10)  # type: ignore[arg-type]
    return asyncio.create_task(made.run())


async def test_a_snapshot_is_stored_after_so_many_events(events: FakeEvents) -> None:
    task = keeper(events, [])
    await turn()
    for _ in range(5):
        events.journal.commit(5)
        await turn()
    assert events.stored == [10, 20]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not events.journal.listeners


async def test_one_that_fails_is_said_and_the_next_is_tried(events: FakeEvents) -> None:
    lines: list[str] = []
    task = keeper(events, lines)
    await turn()
    events.failure = ValueError("cannot encode")
    events.journal.commit(10)
    await turn()
    assert "snapshot.failed" in lines[0]
    assert "cannot encode" in lines[0]
    events.failure = None
    events.journal.commit(10)
    await turn()
    assert events.stored == [10, 20]
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_it_ends_with_the_journal_and_says_so(events: FakeEvents) -> None:
    lines: list[str] = []
    task = keeper(events, lines)
    await turn()
    events.failure = JournalUnavailable("closed")
    events.journal.commit(10)
    await asyncio.wait_for(task, 5)
    assert "snapshots.ended" in lines[0]
