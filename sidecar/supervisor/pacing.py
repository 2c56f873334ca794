"""Holds back the credit of sessions that flood: the shell around sidecar/core/pacing.

Owns which generations wait for their clients, and when they are asked to go on. How credit is given
is the generation's affair.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from sidecar.core.pacing import Pacing

LOOK_EVERY_S = 1.0
"""While somebody waits: a client that acks no more is found out by nothing else."""


class Paced(Protocol):
    """A generation."""

    def go_on(self) -> None:
        """Give its host the credit that is due."""


class Following:
    """A client's end of it; `left` may be called twice."""

    def __init__(self, pace: "Pace", number: int) -> None:
        self._pace = pace
        self._number = number

    def acked(self, seq: int) -> None:
        """Note that the client has committed everything up to `seq`."""
        self._pace.acked(self._number, seq)

    def left(self) -> None:
        """Note that it follows no more."""
        self._pace.left(self._number)


class Pace:
    """All sessions and all clients that follow. `head` tells what is committed."""

    def __init__(self, head: Callable[[], int], clock: Callable[[], float]) -> None:
        self._head = head
        self._clock = clock
        self._books = Pacing()
        self._waiting: set[Paced] = set()
        self._timer: asyncio.TimerHandle | None = None

    def follow(self, acked: int, window_bytes: int) -> Following:
        """Take note of a client that has caught up."""
        return Following(self, self._books.follow(acked, window_bytes, self._clock()))

    def acked(self, number: int, seq: int) -> None:
        """Note an ack."""
        self._books.acked(number, seq, self._head(), self._clock())
        self._look()

    def left(self, number: int) -> None:
        """Note that a client follows no more."""
        self._books.leave(number)
        self._look()

    def said(self, who: Paced, seq: int, size_bytes: int) -> None:
        """Note what a generation's host has said."""
        self._books.said(who, seq, size_bytes, self._clock())

    def holds(self, who: Paced) -> bool:
        """Tell whether `who` must wait; it is told when it may go on."""
        self._books.settle(self._head(), self._clock())
        if not self._books.holds(who):
            self._waiting.discard(who)
            return False
        self._waiting.add(who)
        self._look_later()
        return True

    def forget(self, who: Paced) -> None:
        """Note that a generation has ended; what it said still counts until it is acked."""
        self._waiting.discard(who)
        self._look()

    def _look(self) -> None:
        """Let go what is acked, also when nobody waits: the books name every session in them."""
        self._books.settle(self._head(), self._clock())
        for who in [who for who in self._waiting if not self._books.holds(who)]:
            who.go_on()
            self._waiting.discard(who)  # behind it: one that could not go on is asked again

    def _look_later(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LOOK_EVERY_S, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self._waiting:
            self._look_later()
        self._look()
