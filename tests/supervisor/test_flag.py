"""A flag that tasks wait for."""

import asyncio

from sidecar.supervisor.flag import Flag


async def test_who_waits_is_woken_and_who_comes_later_does_not_wait() -> None:
    flag = Flag()
    waiters = [asyncio.create_task(flag.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    assert not flag.is_set()
    assert not any(waiter.done() for waiter in waiters)
    flag.set()
    await asyncio.gather(*waiters)
    assert flag.is_set()
    await flag.wait()


async def test_one_that_was_set_and_cleared_wakes_who_waited_and_nobody_else() -> None:
    flag = Flag()
    early = asyncio.create_task(flag.wait())
    await asyncio.sleep(0)
    flag.set()
    flag.clear()
    late = asyncio.create_task(flag.wait())
    await early
    assert not late.done()
    flag.set()
    await late


async def test_one_who_gives_up_takes_nothing_from_the_others() -> None:
    flag = Flag()
    impatient, patient = (asyncio.create_task(flag.wait()) for _ in range(2))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.gather(impatient, return_exceptions=True)
    flag.set()
    await patient
