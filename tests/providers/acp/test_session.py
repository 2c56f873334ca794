"""An ACP session against real agent processes: what the shell promises, whatever the agent does."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from sidecar.contract.errors import (
    ProviderProcessFailed,
    ProviderRequestFailed,
    ValidationFailed,
)
from sidecar.contract.methods import (
    SessionLimits,
)
from sidecar.providers.acp import hearing as module
from sidecar.providers.acp.session import AcpSession
from tests.providers.acp.agents import agent
from tests.providers.context import FakeContext, Running, spec, turn

# Opening


async def test_a_session_says_that_it_is_open_in_order() -> None:
    async with Running(agent()) as run:
        types = [event.type for event in run.context.events]
        assert types == [
            "session.started",
            "thread.started",
            "session.configured",
            "session.state.changed",
        ]
        config = run.context.events[2].payload.config
        assert config["agentInfo"] == {"name": "fake"}
        assert config["models"]["currentModelId"] == "small"
        assert run.context.cursors == [], "nothing is persisted yet"


async def test_updates_before_the_answer_to_session_new_are_not_lost() -> None:
    async with Running(agent("early-updates")) as run:
        await run.context.first("content.delta")
        assert run.context.text() == "early words"
        types = [event.type for event in run.context.events]
        assert types.index("session.started") < types.index("content.delta")
        assert {"availableCommands": [{"name": "early"}]} in [
            event.payload.config for event in run.context.of("session.configured")
        ]


async def test_an_agent_that_says_too_much_before_its_session_is_open_loses_the_rest() -> None:
    async with Running(agent("says-much")) as run:
        await run.context.first("runtime.warning")
        assert len(run.context.of("session.configured")) == 1 + module.HELD_UPDATES
        assert len(run.context.of("runtime.warning")) == 10
    assert run.context.of("runtime.warning")[-1].payload.detail["count"] == 2000 - 1024 - 10


async def test_an_agent_of_another_version_is_refused() -> None:
    with pytest.raises(ProviderRequestFailed, match="it speaks ACP version 2"):
        async with Running(agent("version-2")):
            pass


async def test_a_missing_login_says_how_to_log_in() -> None:
    with pytest.raises(ProviderRequestFailed, match=r"Authentication required.*fake_login"):
        async with Running(agent("login")):
            pass


async def test_a_configured_login_is_done() -> None:
    async with Running(agent("login", options={"authMethod": "fake_login"})) as run:
        assert run.context.of("session.started")


async def test_an_agent_that_never_answers_meets_the_deadline() -> None:
    with pytest.raises(ProviderRequestFailed, match=r"did not answer initialize within 0\.3 s"):
        async with Running(agent("mute", limits=SessionLimits(start_ms=300))):
            pass


async def test_opening_can_be_cancelled() -> None:
    async with Running(agent("mute"), initialise=False) as run:
        opening = asyncio.create_task(run.session.initialise())
        await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening


async def test_an_agent_that_dies_at_the_start_fails_the_opening_at_once() -> None:
    with pytest.raises(ProviderProcessFailed, match="ended before it answered"):
        async with Running(agent("dies-at-start")):
            pass


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"args": ["x"]}, "`command` is missing"),
        ({"command": 7}, "command"),
        ({"args": "x"}, "args"),
    ],
)
async def test_bad_options_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationFailed, match=words):
        await AcpSession(FakeContext(spec(options=options))).launch()


async def test_a_cwd_that_is_no_directory_is_refused() -> None:
    with pytest.raises(ValidationFailed, match="no absolute directory"):
        await agent(cwd="/no/such/place").launch()


async def test_the_agents_environment_and_directory_are_as_asked(tmp_path: Path) -> None:
    code = "import os,sys; sys.stderr.write('');open('seen','w').write(os.environ['X_TEST'])"
    options = {"command": sys.executable, "args": ["-c", code], "env": {"X_TEST": "yes"}}
    session = AcpSession(FakeContext(spec(options=options, cwd=str(tmp_path))))
    async with Running(session, initialise=False) as run:
        assert await run.pump == "the agent closed its output"
    assert (tmp_path / "seen").read_text() == "yes"


# Resume


CURSOR = {"sessionId": "session-of-the-fake"}


async def test_a_loaded_session_replays_nothing_and_goes_on() -> None:
    async with Running(agent(resume_cursor=CURSOR)) as run:
        assert run.context.of("session.started")[0].payload.resume == CURSOR
        assert run.context.cursors == [CURSOR]
        done = await run.turn("say new words")
        assert done.payload.state == "completed"
        assert run.context.text() == "new words"
        assert run.context.of("runtime.warning") == []
        assert {"availableCommands": [{"name": "loaded"}]} in [
            event.payload.config for event in run.context.of("session.configured")
        ]


@pytest.mark.parametrize("tricks", [("history-late",), ("load-odd",)])
async def test_history_after_the_answer_and_an_empty_answer_do_no_harm(tricks: Any) -> None:
    async with Running(agent(*tricks, resume_cursor=CURSOR)) as run:
        await run.turn("say new words")
        assert run.context.text() == "new words"
        assert len(run.context.of("item.started")) == 1


@pytest.mark.parametrize(
    ("tricks", "cursor", "why"),
    [
        (("load-fails",), CURSOR, "no such conversation"),
        (("no-load",), CURSOR, "cannot load sessions"),
        ((), {"other": 1}, "not one of an ACP session"),
        ((), {"sessionId": ""}, "not one of an ACP session"),
    ],
)
async def test_what_cannot_be_resumed_begins_anew_and_says_so(
    tricks: Any, cursor: Any, why: str
) -> None:
    async with Running(agent(*tricks, resume_cursor=cursor)) as run:
        (warning,) = run.context.of("runtime.warning")
        assert why in warning.payload.message
        assert warning.payload.detail == {"kind": "not-resumed"}
        assert run.context.of("session.started")[0].payload.resume is None
        assert run.context.cursors == []
        await run.turn("say words")
        assert run.context.text() == "words"


async def test_the_cursor_is_published_once_a_turn_has_said_something() -> None:
    async with Running(agent()) as run:
        first = await run.session.send_turn(turn("say a | wait"))
        assert first.resume_cursor is None
        await run.context.first("content.delta")
        await run.context.until(lambda: run.context.cursors)
        await run.session.interrupt(None)
        await run.context.first("turn.completed")
        second = await run.session.send_turn(turn("say b"))
        assert second.resume_cursor == CURSOR
        await run.context.first("turn.completed", 1)
        assert run.context.cursors == [CURSOR]


async def test_without_loading_there_is_no_cursor() -> None:
    async with Running(agent("no-load")) as run:
        await run.turn("say a")
        assert run.context.cursors == []


# Turns


async def test_a_turn_streams_thoughts_text_and_tools() -> None:
    async with Running(agent()) as run:
        done = await run.turn("think | say hello | tool")
        assert (done.payload.state, done.payload.stop_reason) == ("completed", "end_turn")
        items = [event.payload.item_type for event in run.context.of("item.started")]
        assert items == ["reasoning", "assistant_message", "command_execution"]
        assert run.context.text("reasoning_text") == "hm"
        assert run.context.text("command_output") == "a\n"
        assert run.context.balance.closed()
        assert run.context.balance.state == "ready"
        assert run.context.flows > 0


async def test_an_error_fails_the_turn_and_the_next_one_runs() -> None:
    async with Running(agent()) as run:
        done = await run.turn("say a | error")
        assert (done.payload.state, done.payload.error_message) == ("failed", "LLM is down")
        assert (await run.turn("say b")).payload.state == "completed"


@pytest.mark.parametrize(("reason", "state"), [("refusal", "failed"), ("max_tokens", "completed")])
async def test_a_stop_reason_is_passed_on(reason: str, state: str) -> None:
    async with Running(agent()) as run:
        done = await run.turn(f"stop {reason}")
        assert (done.payload.state, done.payload.stop_reason) == (state, reason)


async def test_a_second_turn_while_one_runs_is_refused() -> None:
    async with Running(agent()) as run:
        first = await run.session.send_turn(turn("wait"))
        with pytest.raises(ValidationFailed, match=f"{first.turn_id} is still running"):
            await run.session.send_turn(turn("say b"))
        await run.session.interrupt(first.turn_id)
        await run.context.first("turn.completed")


async def test_an_empty_turn_is_refused() -> None:
    async with Running(agent()) as run:
        with pytest.raises(ValidationFailed, match="neither input nor attachments"):
            await run.session.send_turn(turn(None))


async def test_a_turn_before_the_session_is_open_is_refused() -> None:
    with pytest.raises(ProviderProcessFailed, match="not up"):
        await agent().send_turn(turn("say a"))


async def test_words_of_another_session_are_ignored() -> None:
    async with Running(agent()) as run:
        await run.turn("foreign | say mine")
        assert run.context.text() == "mine"


async def test_the_end_of_the_agent_ends_the_pump_and_leaves_the_turn_open() -> None:
    async with Running(agent()) as run:
        await run.session.send_turn(turn("say a | exit"))
        assert await run.pump == "the agent closed its output"
        assert run.context.balance.turn is not None, "the supervisor ends what was cut"
        with pytest.raises(ProviderProcessFailed):
            await run.session.send_turn(turn("say b"))


# Noise


async def test_noise_is_said_within_bounds_and_the_turn_goes_on() -> None:
    async with Running(agent()) as run:
        done = await run.turn("say a | log | garbage 100 | say b")
        assert done.payload.state == "completed"
        assert run.context.text() == "ab"
        warnings = run.context.of("runtime.warning")
        assert len(warnings) == 10
        assert warnings[0].payload.detail["sample"] == "Loading configuration..."
        run.context.clock_ms += 60_000
        await run.turn("garbage 1")
        assert run.context.of("runtime.warning")[10].payload.detail["count"] == 91


async def test_the_end_of_the_agent_brings_the_summary_of_its_noise() -> None:
    async with Running(agent()) as run:
        await run.session.send_turn(turn("garbage 30 | exit"))
        await run.pump
        assert run.context.of("runtime.warning")[-1].payload.detail["count"] == 20


# Raw


async def test_raw_messages_come_only_when_asked_for() -> None:
    for raw, started, later in (("none", 0, 0), ("state", 1, 0), ("all", 1, 1)):
        async with Running(agent(raw=raw)) as run:
            await run.turn("say a | say b")
            assert len([e for e in run.context.of("item.started") if e.raw]) == started
            assert len([e for e in run.context.of("content.delta") if e.raw]) == later
