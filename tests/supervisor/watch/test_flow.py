"""What nobody was woken for is found by looking."""

import asyncio

import pytest

from sidecar.supervisor.pacing import Pace
from sidecar.supervisor.watch import flow
from sidecar.supervisor.watch.flow import Flow


class Party:
    """Is told, and has no memory for it the first time."""

    def __init__(self, fails: int = 0) -> None:
        self.fails = fails
        self.told = 0

    def go_on(self) -> None:
        if self.fails:
            self.fails -= 1
            raise MemoryError
        self.told += 1

    take_news = make_sure = go_on


def test_a_look_tells_the_journal_the_hosts_and_every_generation() -> None:
    journal, hosts, generations = Party(), Party(), [Party(), Party()]
    Flow(journal, hosts, generations).look()
    assert [party.told for party in (journal, hosts, *generations)] == [1, 1, 1, 1]


async def test_it_looks_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "LOOK_EVERY_S", 0.001)
    journal = Party()
    task = asyncio.create_task(Flow(journal, Party(), []).run())
    async with asyncio.timeout(10):
        while journal.told < 3:
            await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


class Clients:
    """One client that is a flood behind, with two sessions that wait for it."""

    def __init__(self, *waiting: Party) -> None:
        self.pace = Pace(lambda: 10, lambda: 0.0)
        self.client = self.pace.follow(0, 400_000)
        for seq, party in enumerate(waiting, 1):
            self.pace.said(party, seq, 300_000)
        assert all(self.pace.holds(party) for party in waiting)


async def test_one_that_could_not_go_on_is_asked_again() -> None:
    poor = Party(fails=1)
    clients = Clients(poor)
    with pytest.raises(MemoryError):
        clients.client.acked(10)
    clients.client.left()
    assert poor.told == 1


async def test_a_look_that_failed_is_not_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidecar.supervisor.pacing.LOOK_EVERY_S", 0.001)
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    poor, other = Party(fails=3), Party()
    clients = Clients(poor, other)
    monkeypatch.setattr(clients.pace._books, "holds", lambda _who: False)
    async with asyncio.timeout(10):
        while not (poor.told and other.told):
            await asyncio.sleep(0.001)
