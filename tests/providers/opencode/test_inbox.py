"""Inboxes and the switchboard: who hears what, and what happens when it is too much."""

import asyncio

import pytest

from sidecar.contract.errors import ProviderProcessFailed
from sidecar.providers.opencode import stream
from sidecar.providers.opencode.inbox import Closed, Inbox, Resync
from sidecar.providers.opencode.stream import Switchboard
from sidecar.providers.opencode.wire import Event


def event(kind: str = "a", size_bytes: int = 1, **properties: object) -> Event:
    return Event(kind, dict(properties), size_bytes)


async def test_events_come_in_order_and_then_the_end() -> None:
    inbox = Inbox()
    waiting = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    inbox.put(event("a"))
    inbox.put(event("b"))
    inbox.close("gone")
    inbox.put(event("late"))
    inbox.resync("late")
    inbox.close("again")
    assert await waiting == event("a")
    assert await inbox.get() == event("b")
    assert await inbox.get() == Closed("gone")
    assert await inbox.get() == Closed("gone")


@pytest.mark.parametrize("bounds", [{"max_events": 2}, {"max_bytes": 2}])
async def test_too_much_becomes_one_loss(bounds: dict[str, int]) -> None:
    inbox = Inbox(**bounds)
    for number in range(3):
        inbox.put(event(str(number)))
    inbox.put(event("next"))
    assert isinstance(await inbox.get(), Resync)
    assert await inbox.get() == event("next")


async def test_one_large_event_is_heard_all_the_same() -> None:
    inbox = Inbox(max_bytes=2)
    inbox.put(event(size_bytes=50))
    assert await inbox.get() == event(size_bytes=50)


async def test_losses_in_a_row_are_said_once() -> None:
    inbox = Inbox()
    inbox.resync("one")
    inbox.resync("two")
    assert await inbox.get() == Resync("one")
    inbox.wake()
    assert await inbox.get() is None


def heard(inbox: Inbox) -> list[str]:
    return [item.type for item, _ in inbox._waiting if isinstance(item, Event)]


def test_an_event_goes_to_its_session_and_that_of_a_sub_agent_to_the_root() -> None:
    board = Switchboard()
    one, two = board.attach("one"), board.attach("two")
    board.deliver(event("a", sessionID="one"))
    board.deliver(event("b", info={"sessionID": "two"}))
    for child, parent in (("kid", "one"), ("grandkid", "kid"), ("stray", "nobody")):
        info = {"id": child, "parentID": parent}
        board.deliver(event("session.created", sessionID=child, info=info))
        board.deliver(event(child, sessionID=child))
    board.deliver(event("c", sessionID=7))
    board.deliver(event("mcp.tools.changed"))
    expected = ["a", "session.created", "kid", "session.created", "grandkid", "mcp.tools.changed"]
    assert heard(one) == expected
    assert heard(two) == ["b", "mcp.tools.changed"]


def test_a_session_that_left_hears_no_more() -> None:
    board = Switchboard()
    one = board.attach("one")
    board.adopt("kid", "one")
    with pytest.raises(ProviderProcessFailed):
        board.attach("one")
    board.detach("one")
    board.deliver(event("a", sessionID="kid"))
    board.resync("lost")
    assert heard(one) == []
    board.attach("one")


def test_a_session_of_its_own_is_nobodys_sub_agent() -> None:
    board = Switchboard()
    board.attach("one")
    two = board.attach("two")
    board.adopt("two", "one")
    board.deliver(event("a", sessionID="two"))
    assert heard(two) == ["a"]


def test_sub_agents_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "CHILDREN", 1)
    board = Switchboard()
    one = board.attach("one")
    for child in ("first", "second"):
        board.adopt(child, "one")
    for child in ("first", "second"):
        board.deliver(event(child, sessionID=child))
    assert heard(one) == ["second"]
