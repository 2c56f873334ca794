"""What the writer tells reaches the loop, also when nobody could be woken for it."""

import asyncio
from typing import Any, cast

import pytest

from sidecar.journal.outbox import Facts, Outbox


class Loop:
    """A loop that may have no memory for a wake-up, or be closed."""

    def __init__(self, *failures: BaseException) -> None:
        self.failures = list(failures)
        self.wakes = 0

    def call_soon_threadsafe(self, _callback: Any) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.wakes += 1


def outbox_on(loop: Loop) -> tuple[Outbox, list[int]]:
    heads: list[int] = []
    outbox = Outbox(Facts(0, 1))
    outbox.attach(cast(asyncio.AbstractEventLoop, loop), lambda facts: heads.append(facts.head))
    return outbox, heads


def test_many_facts_of_one_turn_are_one_wake_up_with_the_newest() -> None:
    loop = Loop()
    outbox, heads = outbox_on(loop)
    outbox.tell(Facts(1, 1))
    outbox.tell(Facts(2, 1))
    assert loop.wakes == 1
    outbox.take()
    assert heads == [2]
    outbox.tell(Facts(3, 1))
    assert loop.wakes == 2


def test_a_wake_up_that_had_no_memory_keeps_no_later_one_away() -> None:
    loop = Loop(MemoryError())
    outbox, heads = outbox_on(loop)
    outbox.tell(Facts(1, 1))
    assert loop.wakes == 0
    outbox.tell(Facts(2, 1))
    assert loop.wakes == 1
    outbox.take()
    assert heads == [2]


def test_who_looks_finds_what_nobody_was_woken_for() -> None:
    outbox, heads = outbox_on(Loop(MemoryError()))
    outbox.tell(Facts(1, 1))
    outbox.take()
    assert heads == [1]


async def test_answers_settle_who_waits_and_nobody_else() -> None:
    outbox, _ = outbox_on(Loop())
    futures = [asyncio.get_running_loop().create_future() for _ in range(3)]
    futures[2].cancel()
    outbox.answer(futures[0], "done")
    outbox.answer(futures[1], error=ValueError("no"))
    outbox.answer(futures[2], "late")
    outbox.take()
    assert futures[0].result() == "done"
    with pytest.raises(ValueError, match="no"):
        futures[1].result()


def test_a_closed_loop_is_nobody_to_be_told() -> None:
    outbox, _ = outbox_on(Loop(RuntimeError("Event loop is closed")))
    outbox.tell(Facts(1, 1))
