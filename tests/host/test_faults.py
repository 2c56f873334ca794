"""An exception that nobody awaits ends the session whose code raised it, and no other."""

import asyncio
import logging
import sys
from collections.abc import Iterator

import pytest

from sidecar.host.faults import watch_faults
from tests.host.test_session import Harness

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 12), reason="tasks tell their context from Python 3.12 on"
)


@pytest.fixture
async def harness(monkeypatch: pytest.MonkeyPatch) -> Harness:
    """A session that was not started yet, in a loop that watches for faults as a host's does."""
    watch_faults(asyncio.get_running_loop())
    return Harness(monkeypatch)


@pytest.fixture(autouse=True)
def _expected_log() -> Iterator[None]:
    """Asyncio logs what these tests have raised."""
    logging.getLogger("asyncio").disabled = True
    yield
    logging.getLogger("asyncio").disabled = False


async def fail() -> None:
    raise KeyError("no such item")


def fail_now() -> None:
    raise KeyError("no such item")


async def test_a_task_that_nobody_awaits_ends_its_session_with_the_exception(
    harness: Harness,
) -> None:
    async def begin_and_forget() -> None:
        asyncio.create_task(fail())  # noqa: RUF006 - the defect

    harness.provider.on_turn = begin_and_forget
    harness.start()
    await harness.reply(0)
    harness.call_turn(1)
    exit_ = await harness.exit()
    assert (exit_.kind, exit_.recoverable) == ("error", True)
    assert exit_.reason == "unhandled KeyError in session code: 'no such item'"


async def test_a_callback_of_the_loop_ends_its_session_too(harness: Harness) -> None:
    async def soon() -> None:
        asyncio.get_running_loop().call_soon(fail_now)

    harness.provider.on_initialise = soon
    harness.start()
    assert "KeyError" in (await harness.exit()).reason


async def test_the_other_sessions_of_the_host_go_on(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.start()
    await harness.reply(0)
    other = Harness(monkeypatch)

    async def soon() -> None:
        asyncio.get_running_loop().call_soon(fail_now)

    other.provider.on_initialise = soon
    other.start()
    await other.exit()
    harness.call_turn(1)
    assert (await harness.reply(1)).error is None
    harness.session.close(1.0, "stopped by the test")
    assert (await harness.exit()).kind == "graceful"


async def test_what_nobodys_code_raises_is_logged_and_no_more(harness: Harness) -> None:
    harness.start()
    await harness.reply(0)
    asyncio.get_running_loop().call_soon(fail_now)
    await asyncio.sleep(0)
    harness.call_turn(1)
    assert (await harness.reply(1)).error is None
    harness.session.close(1.0, "stopped by the test")
    assert (await harness.exit()).kind == "graceful"


async def test_a_fault_during_a_stop_changes_nothing_of_it(harness: Harness) -> None:
    async def soon() -> None:
        asyncio.get_running_loop().call_soon(fail_now)

    harness.start()
    await harness.reply(0)
    harness.provider.on_turn = soon
    harness.call_turn(1)
    harness.session.close(1.0, "stopped by the test")
    assert (await harness.exit()).reason == "stopped by the test"
