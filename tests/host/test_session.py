"""A session in a host, whatever its provider code does: one exit frame, the last, and why."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sidecar.contract.errors import ProviderRequestFailed, ValidationFailed
from sidecar.contract.frames import CallFrame, ExitFrame, Frame, ReplyFrame, SessionSpec
from sidecar.contract.methods import (
    RespondToRequestParams,
    SendTurnParams,
    SendTurnResult,
    SessionLimits,
    SessionStartParams,
)
from sidecar.host import session as host_session
from sidecar.host.session import CALLS_PER_SESSION, HostSession
from sidecar.process import prepared, stop_session_tree
from sidecar.providers.base import ProviderCommand, ProviderSession, SessionContext

Step = Callable[[], Awaitable[Any]]


async def nothing() -> None:
    """Return at once."""


class ScriptedProvider(ProviderSession):
    """A provider whose every step is given by the test. It has no process."""

    def __init__(self, context: SessionContext) -> None:
        super().__init__(context)
        self.over = asyncio.Event()
        self.on_launch: Step = nothing
        self.on_initialise: Step = nothing
        self.on_turn: Step = nothing
        self.pump_error: Exception | None = None
        self.cancelled = 0

    async def launch(self) -> None:
        await self.on_launch()

    async def pump(self) -> str:
        await self.over.wait()
        if self.pump_error is not None:
            raise self.pump_error
        return "the agent closed its output"

    async def initialise(self) -> None:
        await self.on_initialise()

    async def send_turn(self, params: SendTurnParams) -> SendTurnResult:
        await self.on_turn()
        return SendTurnResult(thread_id=params.thread_id, turn_id="turn-1")

    async def interrupt(self, turn_id: str | None) -> None:
        """Do nothing."""

    async def respond_to_request(self, params: RespondToRequestParams) -> None:
        """Do nothing."""

    async def cancel(self) -> None:
        self.cancelled += 1


class Harness:
    """One HostSession with a scripted provider; collects its frames."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, start_ms: int | None = None) -> None:
        self.frames: list[Frame] = []
        self.changed = asyncio.Event()
        start = SessionStartParams(
            idempotency_key="k",
            thread_id="t",
            provider="demo",
            runtime_mode="full-access",
            limits=SessionLimits(start_ms=start_ms) if start_ms else None,
        )
        spec = SessionSpec(thread_id="t", generation=1, provider="demo", mark="0" * 32, start=start)
        self.session = HostSession(0, spec, 65_536, self._send)
        self.provider = ScriptedProvider(self.session._context)
        monkeypatch.setattr(host_session, "create_session", lambda _name, _ctx: self.provider)
        self.task: asyncio.Task[None] | None = None

    def _send(self, frame: Frame) -> None:
        self.frames.append(frame)
        self.changed.set()

    def start(self) -> None:
        self.task = asyncio.create_task(self.session.run())

    async def reply(self, call_id: int) -> ReplyFrame:
        async with asyncio.timeout(5):
            while True:
                for frame in self.frames:
                    if isinstance(frame, ReplyFrame) and frame.id == call_id:
                        return frame
                self.changed.clear()
                await self.changed.wait()

    async def exit(self) -> ExitFrame:
        assert self.task is not None
        async with asyncio.timeout(10):
            await self.task
        exits = [f for f in self.frames if isinstance(f, ExitFrame)]
        assert len(exits) == 1
        assert self.frames[-1] is exits[0]
        return exits[0]

    def call_turn(self, call_id: int, deadline_ms: int = 5_000, **params: Any) -> None:
        wire = {"idempotencyKey": "k", "threadId": "t", "input": "hi"} | params
        self.session.call(CallFrame(0, call_id, "session.sendTurn", wire, deadline_ms))


@pytest.fixture
async def harness(monkeypatch: pytest.MonkeyPatch) -> Harness:
    """A session that was not started yet."""
    return Harness(monkeypatch)


async def test_a_session_lives_from_its_reply_to_its_close(harness: Harness) -> None:
    harness.start()
    assert (await harness.reply(0)).error is None
    harness.call_turn(1)
    assert (await harness.reply(1)).error is None
    harness.session.close(1.0, "stopped by the test")
    exit_ = await harness.exit()
    assert (exit_.kind, exit_.reason) == ("graceful", "stopped by the test")


async def test_an_agent_that_ends_by_itself_is_an_error_that_can_be_resumed(
    harness: Harness,
) -> None:
    harness.start()
    await harness.reply(0)
    harness.provider.over.set()
    exit_ = await harness.exit()
    assert (exit_.kind, exit_.recoverable) == ("error", True)
    assert exit_.reason == "the agent closed its output"


async def test_an_unhandled_exception_ends_the_session_with_its_name(harness: Harness) -> None:
    harness.start()
    await harness.reply(0)
    harness.provider.pump_error = ZeroDivisionError("of all things")
    harness.provider.over.set()
    exit_ = await harness.exit()
    assert exit_.kind == "error"
    assert "unhandled ZeroDivisionError" in exit_.reason


async def test_an_exception_in_a_call_is_answered_without_what_is_secret(harness: Harness) -> None:
    """The answer of a call with a key is kept in the journal."""

    async def fail() -> None:
        raise RuntimeError("cannot log in with the-word-of-the-day")

    harness.session._context.learn(["the-word-of-the-day"])
    harness.provider.on_turn = fail
    harness.start()
    await harness.reply(0)
    harness.call_turn(1)
    error = (await harness.reply(1)).error
    assert error is not None
    assert "RuntimeError('cannot log in with [redacted]')" in error.message
    harness.session.close(1.0, "stopped by the test")
    await harness.exit()


async def test_what_an_agent_says_of_a_failed_start_is_told_without_what_is_secret(
    harness: Harness,
) -> None:
    async def refuse() -> None:
        raise ProviderRequestFailed("bad key the-word-of-the-day", detail="the-word-of-the-day")

    harness.session._context.learn(["the-word-of-the-day"])
    harness.provider.on_initialise = refuse
    harness.start()
    error = (await harness.reply(0)).error
    assert error is not None
    assert error.message == "bad key [redacted]"
    assert error.data == {"detail": "[redacted]"}
    assert (await harness.exit()).reason == "bad key [redacted]"


async def test_bad_options_are_said_and_not_worth_a_retry(harness: Harness) -> None:
    async def refuse() -> None:
        raise ValidationFailed("the start option `command` is missing")

    harness.provider.on_launch = refuse
    harness.start()
    error = (await harness.reply(0)).error
    assert error is not None
    assert error.key == "validation"
    assert (await harness.exit()).recoverable is False


async def test_a_failed_handshake_is_the_answer_to_the_start(harness: Harness) -> None:
    async def refuse() -> None:
        raise ProviderRequestFailed("The agent wants a login first")

    harness.provider.on_initialise = refuse
    harness.start()
    error = (await harness.reply(0)).error
    assert error is not None
    assert error.message == "The agent wants a login first"
    assert (await harness.exit()).kind == "error"


async def test_an_agent_that_ends_while_it_starts_is_a_failed_start(harness: Harness) -> None:
    harness.provider.on_initialise = asyncio.Event().wait
    harness.provider.over.set()
    harness.start()
    error = (await harness.reply(0)).error
    assert error is not None
    assert error.key == "provider_process"
    await harness.exit()


async def test_a_start_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = Harness(monkeypatch, start_ms=50)
    harness.provider.on_initialise = asyncio.Event().wait
    harness.start()
    error = (await harness.reply(0)).error
    assert error is not None
    assert "not ready within 0.05 s" in error.message
    assert (await harness.exit()).kind == "error"


async def test_an_opening_goes_on_no_longer_than_its_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Or it begins a new conversation, and says so, as the old one could not be loaded in time."""
    harness = Harness(monkeypatch, start_ms=50)
    order: list[str] = []

    async def open_for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            order.append("opening is over")

    async def stop_tree(*args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(0)
        order.append("its tree goes down")
        return await stop_session_tree(*args, **kwargs)

    monkeypatch.setattr(host_session, "stop_session_tree", stop_tree)
    harness.provider.on_initialise = open_for_ever
    harness.start()
    await harness.exit()
    assert order == ["opening is over", "its tree goes down"]


@pytest.mark.parametrize("stage", ["on_launch", "on_initialise"])
async def test_a_close_overtakes_a_start(harness: Harness, stage: str) -> None:
    setattr(harness.provider, stage, asyncio.Event().wait)
    harness.start()
    await asyncio.sleep(0)
    harness.session.close(0.5, "changed my mind")
    error = (await harness.reply(0)).error
    assert error is not None
    assert error.key == "cancelled"
    assert (await harness.exit()).kind == "graceful"


async def test_a_call_beyond_its_deadline_is_answered(harness: Harness) -> None:
    harness.start()
    await harness.reply(0)
    harness.provider.on_turn = asyncio.Event().wait
    harness.call_turn(1, deadline_ms=20)
    error = (await harness.reply(1)).error
    assert error is not None
    assert "within 20 ms" in error.message
    harness.session.close(0.5, "done")
    await harness.exit()


async def test_a_call_that_raises_is_answered_and_harms_nothing(harness: Harness) -> None:
    async def fail() -> None:
        raise KeyError("oops")

    harness.start()
    await harness.reply(0)
    harness.provider.on_turn = fail
    harness.call_turn(1)
    assert (await harness.reply(1)).error is not None
    harness.provider.on_turn = nothing
    harness.call_turn(2)
    assert (await harness.reply(2)).error is None
    harness.call_turn(3, input=5)
    error = (await harness.reply(3)).error
    assert error is not None
    assert error.key == "invalid_params"
    harness.session.close(0.5, "done")
    await harness.exit()


async def test_calls_are_bounded(harness: Harness) -> None:
    harness.start()
    await harness.reply(0)
    harness.provider.on_turn = asyncio.Event().wait
    for call_id in range(1, CALLS_PER_SESSION + 2):
        harness.call_turn(call_id)
    error = (await harness.reply(CALLS_PER_SESSION + 1)).error
    assert error is not None
    assert error.key == "overloaded"
    harness.session.close(0.5, "done")
    await harness.exit()


async def test_a_call_before_the_session_is_up_is_refused(harness: Harness) -> None:
    harness.provider.on_initialise = asyncio.Event().wait
    harness.start()
    await asyncio.sleep(0)
    harness.call_turn(1)
    assert (await harness.reply(1)).error is not None
    harness.session.close(0.5, "done")
    await harness.exit()


async def test_the_first_process_of_a_session_is_the_one_that_was_prepared(
    harness: Harness,
) -> None:
    pid = prepared.prepare()
    started: list[int] = []

    async def launch() -> None:
        for _ in range(2):
            command = ProviderCommand(["cat"])
            started.append((await harness.provider.context.spawn(command)).pid)

    harness.provider.on_launch = launch
    harness.start()
    await harness.reply(0)
    assert (started[0] == pid) == (sys.platform == "linux")
    assert started[1] != pid
    harness.session.close(1.0, "stopped by the test")
    await harness.exit()


@pytest.mark.parametrize("end", ["open", "failed", "late", "closed"])
async def test_one_whose_opening_is_over_keeps_no_prepared_process(
    end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness = Harness(monkeypatch, start_ms=50 if end == "late" else None)

    async def fail() -> None:
        raise ProviderRequestFailed("it does not want to")

    steps: dict[str, Step] = {"open": nothing, "failed": fail}
    harness.provider.on_initialise = steps.get(end, asyncio.Event().wait)
    pid = prepared.prepare()
    harness.start()
    if end == "closed":
        await asyncio.sleep(0)
        harness.session.close(1.0, "stopped by the test")
    await harness.reply(0)
    assert not Path(f"/proc/{pid}").exists()
    harness.session.close(1.0, "stopped by the test")
    exit_ = await harness.exit()
    assert (exit_.killed, exit_.survivors) == (0, 0)
