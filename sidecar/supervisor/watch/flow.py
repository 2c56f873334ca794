"""Sees that what flows goes on flowing: events by commits, hosts by credit or by their end.

All are told at once when something has happened. But whoever was to be told while there was no
memory for that was not, and where all wait for each other nothing more happens. So now and then
all of it is looked at, as it is.
"""

import asyncio
from collections.abc import Collection
from typing import Protocol

LOOK_EVERY_S = 1.0
"""A look costs a microsecond a session."""


class News(Protocol):
    """The journal."""

    def take_news(self) -> None:
        """Take what its writer has to tell."""


class Credited(Protocol):
    """A generation."""

    def go_on(self) -> None:
        """Give its host the credit that is due."""


class Condemned(Protocol):
    """All hosts."""

    def make_sure(self) -> None:
        """Kill once more those that were to be killed and live."""


class Flow:
    """The watchdog over commits, credit and hosts that are not listened to any more."""

    name = "flow"

    def __init__(self, news: News, hosts: Condemned, live: Collection[Credited]) -> None:
        self._news = news
        self._hosts = hosts
        self._live = live

    async def run(self) -> None:
        """Look, and look again."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.look()

    def look(self) -> None:
        """Have everything that is due told; nothing happens where nothing is."""
        self._news.take_news()
        self._hosts.make_sure()
        for generation in tuple(self._live):
            generation.go_on()
