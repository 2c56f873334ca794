"""An ACP session that asks a person, and is interrupted, against real agent processes."""

from typing import Any

import pytest

from sidecar.contract.errors import (
    ValidationFailed,
)
from sidecar.providers.acp.deadlines import Deadlines
from tests.providers.acp.agents import agent, answer
from tests.providers.context import Running, turn, until_true

# Interrupt


async def test_an_interrupt_ends_the_turn_as_interrupted() -> None:
    async with Running(agent()) as run:
        await run.session.send_turn(turn("say a | wait"))
        await run.context.first("content.delta")
        await run.session.interrupt(None)
        done = await run.context.first("turn.completed")
        assert (done.payload.state, done.payload.stop_reason) == ("interrupted", "cancelled")
        assert run.context.of("item.completed")[0].payload.status == "failed"


async def test_an_error_after_a_cancel_is_an_interrupted_turn() -> None:
    async with Running(agent("error-on-cancel")) as run:
        await run.session.send_turn(turn("wait"))
        await run.session.interrupt(None)
        assert (await run.context.first("turn.completed")).payload.state == "interrupted"


async def test_an_interrupt_without_a_turn_or_of_another_turn_does_nothing() -> None:
    async with Running(agent()) as run:
        await run.session.interrupt(None)
        await run.session.send_turn(turn("say a | wait"))
        await run.session.interrupt("turn-of-yesterday")
        assert run.context.of("turn.completed") == []
        await run.session.interrupt(None)
        await run.session.interrupt(None)
        await run.context.first("turn.completed")


async def test_an_interrupt_answers_open_permissions_at_once() -> None:
    async with Running(agent()) as run:
        await run.session.send_turn(turn("ask | say after"))
        opened = await run.context.first("request.opened")
        await run.session.interrupt(None)
        resolved = run.context.of("request.resolved")[0]
        assert (resolved.request_id, resolved.payload.decision) == (opened.request_id, "cancel")
        assert run.context.of("item.completed")[0].payload.status == "declined"
        assert (await run.context.first("turn.completed")).payload.state == "interrupted"
        assert '{"outcome": {"outcome": "cancelled"}}' in run.context.text()


async def test_a_turn_that_the_agent_does_not_end_is_ended_and_its_late_words_are_dropped() -> None:
    async with Running(agent("deaf", deadlines=Deadlines(cancel_s=0.3))) as run:
        await run.session.send_turn(turn("say a | wait"))
        await run.context.first("content.delta")
        await run.session.interrupt(None)
        done = await run.context.first("turn.completed")
        assert (done.payload.state, done.payload.stop_reason) == ("interrupted", "cancelled")
        (warning,) = run.context.of("runtime.warning")
        assert warning.payload.detail == {"kind": "cancel-ignored"}
        before = len(run.context.events)
        await run.session.set_config("mode", "plan")  # wakes it: late text, tool and permission
        assert run.session._up().turns.abandoned
        await until_true(lambda: not run.session._up().turns.abandoned)
        late = run.context.events[before:]
        assert {event.type for event in late} == {"session.configured"}
        assert (await run.turn("late")).payload.state == "completed"
        assert run.context.text().endswith('{"outcome": {"outcome": "cancelled"}}')
        assert run.context.of("request.opened") == []


async def test_cancel_withdraws_and_returns_at_once() -> None:
    async with Running(agent()) as run:
        await run.session.cancel()
        await run.session.send_turn(turn("ask"))
        await run.context.first("request.opened")
        await run.session.cancel()
        assert run.context.of("request.resolved")
        assert (await run.context.first("turn.completed")).payload.state == "interrupted"


async def test_cancel_before_the_launch_does_nothing() -> None:
    await agent().cancel()


# Permissions


@pytest.mark.parametrize(
    ("offered", "decision", "option", "shown"),
    [
        ("reject_once allow_once", "accept", None, "option-1"),
        ("allow_once allow_always", "acceptForSession", None, "option-1"),
        ("allow_once reject_once", "decline", None, "option-1"),
        ("allow_once reject_once", "decline", "option-0", "option-0"),
        ("allow_once", "cancel", None, "cancelled"),
    ],
)
async def test_a_permission_is_answered_by_decision_or_option(
    offered: str, decision: Any, option: str | None, shown: str
) -> None:
    async with Running(agent()) as run:
        await run.session.send_turn(turn(f"ask {offered}"))
        opened = await run.context.first("request.opened")
        assert run.context.balance.state == "waiting"
        assert opened.request_id is not None
        await run.session.respond_to_request(answer(opened.request_id, decision, option))
        await run.context.first("turn.completed")
        assert shown in run.context.text()


async def test_an_answer_to_what_is_not_open_or_not_offered_is_refused() -> None:
    async with Running(agent()) as run:
        with pytest.raises(ValidationFailed, match="is not open"):
            await run.session.respond_to_request(answer("req-0", "accept"))
        await run.session.send_turn(turn("ask reject_once"))
        opened = await run.context.first("request.opened")
        assert opened.request_id is not None
        for decision, option in (("accept", None), ("decline", "no-such-option")):
            with pytest.raises(ValidationFailed, match="offers nothing"):
                await run.session.respond_to_request(answer(opened.request_id, decision, option))
        await run.session.respond_to_request(answer(opened.request_id, "decline"))
        with pytest.raises(ValidationFailed, match="is not open"):
            await run.session.respond_to_request(answer(opened.request_id, "decline"))
        await run.context.first("turn.completed")


@pytest.mark.parametrize("method", ["fs/delete_file", "cursor/ask_question", ""])
async def test_a_request_that_we_do_not_know_is_refused(method: str) -> None:
    async with Running(agent()) as run:
        await run.turn(f"client {method}")
        assert run.context.text() == "-32601"
