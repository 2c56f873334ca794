"""Turns of a Claude session: queued, interrupted, begun by Claude, ended without it."""

import asyncio

import pytest

from sidecar.contract.errors import (
    Overloaded,
    ValidationFailed,
)
from sidecar.contract.methods import Attachment, ModelSelection
from sidecar.providers.claude.turns import QUEUED
from tests.providers.claude.puppet import (
    ABORTED,
    DONE,
    INIT,
    Stage,
)
from tests.providers.context import turn, until_true

START = {"type": "stream_event", "event": {"type": "message_start", "message": {"id": "m"}}}


def warned(stage: Stage, kind: str) -> list[str]:
    warnings = stage.context.of("runtime.warning")
    return [e.payload.message for e in warnings if (e.payload.detail or {}).get("kind") == kind]


async def test_turns_wait_for_the_running_one_in_order() -> None:
    async with Stage() as stage:
        first, second, third = [await stage.send(word) for word in ("one", "two", "three")]
        assert len(stage.prompts()) == 1
        stage.say(INIT, DONE)
        await until_true(lambda: len(stage.prompts()) == 2)
        stage.say(INIT, DONE)
        await until_true(lambda: len(stage.prompts()) == 3)
        stage.say(INIT, DONE)
        await stage.end_of(third)
        begun = [e.turn_id for e in stage.context.of("turn.started")]
        assert begun == [first, second, third]
        assert [p[0]["text"] for p in stage.prompts()] == ["one", "two", "three"]


async def test_only_so_many_turns_wait() -> None:
    async with Stage() as stage:
        for _ in range(QUEUED + 1):
            await stage.send()
        with pytest.raises(Overloaded):
            await stage.send()


async def test_an_interrupt_ends_the_turn_once_what_it_started_is_dead() -> None:
    async with Stage() as stage:
        turn_id = await stage.send()
        stage.say(INIT)
        stage.context.stopping.clear()
        await stage.session.interrupt(None)
        await stage.asked("interrupt")
        stage.say(ABORTED)
        await stage.context.until(lambda: stage.context.stopped_since)
        assert stage.context.of("turn.completed") == []
        stage.context.stopping.set()
        assert (await stage.end_of(turn_id)).state == "interrupted"
        assert stage.context.stopped_since == [1]


async def test_what_cannot_be_killed_is_told_and_the_turn_ends() -> None:
    async with Stage() as stage:
        turn_id = await stage.send()
        stage.context.stop_fails = True
        await stage.session.interrupt(turn_id)
        stage.say(INIT, ABORTED)
        assert (await stage.end_of(turn_id)).state == "interrupted"
        assert len(warned(stage, "interrupt-survivors")) == 1


async def test_an_interrupt_lets_no_waiting_turn_run() -> None:
    async with Stage() as stage:
        first, second = await stage.send(), await stage.send()
        await stage.session.interrupt(None)
        await stage.session.interrupt(first)
        stage.say(INIT, ABORTED)
        assert (await stage.end_of(second)).state == "cancelled"
        assert len(stage.prompts()) == 1
        interrupts = [
            m for m in stage.claude.heard if m.get("request", {}).get("subtype") == "interrupt"
        ]
        assert len(interrupts) == 2  # once asked for, once because the turn began after it


async def test_a_waiting_turn_can_be_cancelled_alone() -> None:
    async with Stage() as stage:
        first, second, third = [await stage.send(word) for word in ("one", "two", "three")]
        await stage.session.interrupt(second)
        await stage.session.interrupt("nobody")
        stage.say(INIT, DONE)
        assert (await stage.end_of(second)).state == "cancelled"
        await until_true(lambda: len(stage.prompts()) == 2)
        stage.say(INIT, DONE)
        assert (await stage.end_of(third)).state == "completed"
        assert (await stage.end_of(first)).state == "completed"


async def test_a_turn_that_begins_after_its_interrupt_is_interrupted_again() -> None:
    async with Stage() as stage:
        await stage.send()
        await stage.session.interrupt(None)
        stage.say(START)
        await stage.asked("interrupt", 2)


async def test_a_turn_that_claude_does_not_end_is_ended_without_it() -> None:
    async with Stage() as stage:
        first = await stage.send("one")
        stage.say(INIT)
        await stage.session.interrupt(first)
        assert (await stage.end_of(first)).state == "interrupted"
        assert len(warned(stage, "cancel-ignored")) == 1
        second = await stage.send("two")
        stage.say(stage.words("late"), ABORTED, INIT, stage.words("new"), DONE)
        assert (await stage.end_of(second)).state == "completed"
        assert stage.context.text() == "new"


async def test_the_next_turn_ends_though_the_last_ones_result_never_came() -> None:
    async with Stage() as stage:
        first = await stage.send("one")
        await stage.session.interrupt(first)
        await stage.end_of(first)
        second = await stage.send("two")
        stage.say(INIT, stage.words("new"), DONE)
        assert (await stage.end_of(second)).state == "completed"


async def test_a_turn_that_claude_begins_by_itself_is_one() -> None:
    async with Stage() as stage:
        stage.say(INIT, stage.words("the command has ended"))
        started = await stage.context.first("turn.started")
        waiting = await stage.send("mine")
        assert stage.prompts() == []
        stage.say(DONE)
        await stage.end_of(started.turn_id)
        await until_true(lambda: len(stage.prompts()) == 1)
        stage.say(INIT, DONE)
        assert (await stage.end_of(waiting)).state == "completed"


async def test_what_a_turn_left_in_the_background_is_spared_by_its_interrupt() -> None:
    async with Stage() as stage:
        turn_id = await stage.send()
        call = {"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "x"}}
        task = {"type": "system", "subtype": "task_started", "task_id": "b", "tool_use_id": "t"}
        result = {"type": "tool_result", "tool_use_id": "t", "content": "running"}
        stage.say(
            INIT,
            {"type": "assistant", "message": {"id": "m", "content": [call]}},
            task,
            {
                "type": "user",
                "message": {"content": [result]},
                "tool_use_result": {"backgroundTaskId": "b"},
            },
        )
        await stage.context.until(
            lambda: stage.context.notes == 2 or stage.context.of("task.updated")
        )
        await until_true(lambda: stage.context.notes == 2)
        await stage.session.interrupt(turn_id)
        stage.say(ABORTED)
        await stage.end_of(turn_id)
        assert stage.context.stopped_since == [2]


async def test_a_stray_result_ends_nothing() -> None:
    async with Stage() as stage:
        stage.say(DONE)
        await until_true(lambda: "claude.stray_result" in [log[1] for log in stage.context.logs])
        turn_id = await stage.send()
        stage.say(INIT, DONE)
        await stage.end_of(turn_id)
        assert len(stage.context.of("turn.completed")) == 1


async def test_turns_that_never_began_end_with_claude() -> None:
    async with Stage() as stage:
        first, second = await stage.send(), await stage.send()
        stage.claude.say(end=True)
        await stage.until_ended()
        assert (await stage.end_of(first)).state == "failed"
        assert (await stage.end_of(second)).state == "cancelled"


async def test_a_stop_interrupts_and_ends_what_waits() -> None:
    async with Stage() as stage:
        first, second = await stage.send(), await stage.send()
        await stage.session.cancel()
        await stage.asked("interrupt")
        stage.claude.say(end=True)
        await stage.until_ended()
        assert (await stage.end_of(first)).state == "interrupted"
        assert (await stage.end_of(second)).state == "cancelled"


async def test_a_waiting_turn_whose_model_is_refused_fails_alone() -> None:
    async with Stage() as stage:
        first = await stage.send()
        second = await stage.send(model_selection=ModelSelection(model="bogus"))
        stage.say(INIT, DONE)
        await stage.answer("set_model", error="no such model")
        end = await stage.end_of(second)
        assert (end.state, "no such model" in end.error_message) == ("failed", True)
        assert (await stage.end_of(first)).state == "completed"


async def test_a_turn_that_is_interrupted_while_it_is_set_up_never_runs() -> None:
    async with Stage() as stage:
        sending = asyncio.create_task(stage.send(model_selection=ModelSelection(model="opus")))
        await stage.asked("set_model")
        await stage.session.interrupt(None)
        await stage.answer("set_model")
        assert (await stage.end_of(await sending)).state == "cancelled"
        assert stage.prompts() == []


async def test_an_interrupt_while_a_waiting_turn_is_set_up_ends_those_behind_it_too() -> None:
    async with Stage() as stage:
        first = await stage.send()
        second = await stage.send(model_selection=ModelSelection(model="opus"))
        third = await stage.send()
        stage.say(INIT, DONE)
        await stage.asked("set_model")
        await stage.session.interrupt(None)
        await stage.answer("set_model")
        assert (await stage.end_of(third)).state == "cancelled"
        assert (await stage.end_of(second)).state == "cancelled"
        assert (await stage.end_of(first)).state == "completed"
        assert len(stage.prompts()) == 1


async def test_a_turn_that_claude_begins_meanwhile_goes_first() -> None:
    async with Stage() as stage:
        sending = asyncio.create_task(stage.send(model_selection=ModelSelection(model="opus")))
        await stage.asked("set_model")
        stage.say(INIT)
        await stage.context.first("turn.started")
        await stage.answer("set_model")
        turn_id = await sending
        assert stage.prompts() == []
        stage.say(DONE)
        await until_true(lambda: len(stage.prompts()) == 1)
        stage.say(INIT, DONE)
        assert (await stage.end_of(turn_id)).state == "completed"


async def test_images_are_sent_before_the_words() -> None:
    async with Stage() as stage:
        image = Attachment(type="image", mime_type="image/png", data=b"\x89PNG")
        await stage.send("look", attachments=[image])
        ((shown, words),) = stage.prompts()
        source = {"type": "base64", "media_type": "image/png", "data": "iVBORw=="}
        assert shown == {"type": "image", "source": source}
        assert words["text"] == "look"
        with pytest.raises(ValidationFailed):
            await stage.session.send_turn(turn(None))
