"""An ACP session against a puppet: orders of messages that no process gives on demand."""

import asyncio
from typing import Any

import msgspec
import pytest

from sidecar.contract.errors import Cancelled, ProviderProcessFailed, ProviderRequestFailed
from sidecar.contract.methods import RespondToRequestParams
from sidecar.core.conversation import OPEN_REQUESTS
from sidecar.providers import link as link_module
from sidecar.providers.acp import session as module
from sidecar.providers.acp.session import AcpSession
from tests.providers.acp.puppets import (
    answered,
    begin,
    opened,
    pumped,
    puppet_session,
    shake,
    update,
    words,
)
from tests.providers.context import WAIT_S, FakeContext, Puppet, spec, turn, until_true


async def test_the_end_right_behind_the_answer_to_session_new_fails_the_opening() -> None:
    session, context, puppet = puppet_session()
    async with pumped(session, puppet) as pump:
        opening = asyncio.create_task(session.initialise())
        await shake(puppet)
        answer = {"id": await puppet.asked("session/new"), "result": {"sessionId": "s"}}
        puppet.say(answer, end=True)
        with pytest.raises(ProviderProcessFailed, match="ended while its session was opened"):
            await asyncio.wait_for(opening, WAIT_S)
        assert await pump == "the agent closed its output"
        assert context.events == []


async def test_news_in_the_same_read_as_the_answer_come_after_the_announcement() -> None:
    session, context, puppet = puppet_session()
    async with pumped(session, puppet):
        opening = asyncio.create_task(session.initialise())
        await shake(puppet)
        answer = {"id": await puppet.asked("session/new"), "result": {"sessionId": "s"}}
        puppet.say(words("before "), answer, words("after"))
        await asyncio.wait_for(opening, WAIT_S)
        assert context.events[0].type == "session.started"
        assert context.text() == "before after"


@pytest.mark.parametrize("result", [{}, {"sessionId": ""}, {"sessionId": 7}, None])
async def test_a_session_without_an_id_is_refused(result: Any) -> None:
    session, _, puppet = puppet_session()
    async with pumped(session, puppet):
        opening = asyncio.create_task(session.initialise())
        await shake(puppet)
        puppet.say({"id": await puppet.asked("session/new"), "result": result})
        with pytest.raises(ProviderRequestFailed, match="without an id"):
            await asyncio.wait_for(opening, WAIT_S)


async def test_a_replay_that_does_not_end_holds_the_opening_up_only_so_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "HISTORY_QUIET_S", 0.02)
    monkeypatch.setattr(module, "HISTORY_WINDOWS", 3)
    session, context, puppet = puppet_session(resume_cursor={"sessionId": "s"})

    async def replay_for_ever() -> None:
        while True:
            puppet.say(words("old"))
            await asyncio.sleep(0)

    async with pumped(session, puppet):
        opening = asyncio.create_task(session.initialise())
        await shake(puppet, loads=True)
        puppet.say({"id": await puppet.asked("session/load"), "result": None})
        replaying = asyncio.create_task(replay_for_ever())
        await asyncio.wait_for(opening, WAIT_S)
        replaying.cancel()
        assert context.of("session.started")
        assert context.text() == ""


async def test_a_permission_before_the_session_is_open_is_cancelled() -> None:
    session, context, puppet = puppet_session()
    async with pumped(session, puppet):
        opening = asyncio.create_task(session.initialise())
        await shake(puppet)
        answer = {"id": await puppet.asked("session/new"), "result": {"sessionId": "s"}}
        puppet.say({"id": "p", "method": "session/request_permission", "params": {}}, answer)
        await asyncio.wait_for(opening, WAIT_S)
        assert puppet.answers() == [
            {"jsonrpc": "2.0", "id": "p", "result": {"outcome": {"outcome": "cancelled"}}}
        ]
        assert context.of("request.opened") == []


async def test_more_permissions_than_can_be_open_are_cancelled() -> None:
    session, context, puppet = puppet_session()
    async with pumped(session, puppet):
        await opened(session, puppet)
        await session.send_turn(turn("go"))
        for number in range(OPEN_REQUESTS + 1):
            call = {"toolCall": {"toolCallId": f"c{number}"}, "options": []}
            puppet.say({"id": number, "method": "session/request_permission", "params": call})
        await context.first("request.opened", OPEN_REQUESTS - 1)
        async with asyncio.timeout(WAIT_S):
            while not puppet.answers():
                await asyncio.sleep(0)
        assert [message["id"] for message in puppet.answers()] == [OPEN_REQUESTS]


async def test_a_permission_that_comes_after_the_cancel_is_cancelled() -> None:
    session, context, puppet = puppet_session()
    async with pumped(session, puppet):
        await opened(session, puppet)
        await session.send_turn(turn("go"))
        await session.interrupt(None)
        call = {"toolCall": {"toolCallId": "c"}, "options": []}
        prompt_id = await puppet.asked("session/prompt")
        puppet.say(
            {"id": 0, "method": "session/request_permission", "params": call},
            {"id": prompt_id, "result": {"stopReason": "cancelled"}},
        )
        done = await context.first("turn.completed")
        assert done.payload.state == "interrupted"
        assert context.of("request.opened") == []
        assert len(puppet.answers()) == 1


async def test_the_cancel_is_told_before_the_permission_is_answered() -> None:
    session, context, puppet = puppet_session()
    async with pumped(session, puppet):
        await opened(session, puppet)
        await session.send_turn(turn("go"))
        call = {"toolCall": {"toolCallId": "c"}, "options": []}
        puppet.say({"id": 0, "method": "session/request_permission", "params": call})
        await context.first("request.opened")
        await session.interrupt(None)
        assert [message.get("method") for message in puppet.heard[-2:]] == ["session/cancel", None]


async def test_a_prompt_that_ends_with_its_permission_open_has_it_answered() -> None:
    session, context, puppet = puppet_session()
    async with pumped(session, puppet):
        await opened(session, puppet)
        await session.send_turn(turn("go"))
        call = {"toolCall": {"toolCallId": "c"}, "options": []}
        prompt_id = await puppet.asked("session/prompt")
        puppet.say(
            {"id": 0, "method": "session/request_permission", "params": call},
            {"id": prompt_id, "result": {"stopReason": "end_turn"}},
        )
        await context.first("turn.completed")
        assert context.of("request.resolved")[0].payload.decision == "cancel"
        assert len(puppet.answers()) == 1


async def test_an_answer_that_comes_a_second_time_ends_nothing() -> None:
    session, context, puppet = puppet_session()
    async with pumped(session, puppet):
        await opened(session, puppet)
        await session.send_turn(turn("go"))
        answer = {"id": await puppet.asked("session/prompt"), "result": {"stopReason": "end_turn"}}
        puppet.say(answer, answer)
        await context.first("runtime.warning")
        assert len(context.of("turn.completed")) == 1


async def test_a_notification_that_we_do_not_know_is_logged_alone() -> None:
    session, context, puppet = puppet_session()
    async with pumped(session, puppet):
        await opened(session, puppet)
        before = len(context.events)
        puppet.say({"method": "cursor/update_todos", "params": {}}, words("then"))
        await context.first("content.delta")
        assert ("debug", "acp.ignored", {"method": "cursor/update_todos"}) in context.logs
        assert len(context.events) == before + 2


async def test_an_agent_that_leaves_its_input_unread_ends_the_pump(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link_module, "DRAIN_DEADLINE_S", 0.01)
    session, _, puppet = puppet_session()
    puppet.reads_input.clear()
    async with pumped(session, puppet) as pump:
        puppet.say(words("x"))
        assert "left its input unread" in await asyncio.wait_for(pump, WAIT_S)


async def test_the_end_inside_a_cancel_leaves_no_timer_that_ends_the_turn() -> None:
    session, context, puppet = puppet_session()
    async with pumped(session, puppet) as pump:
        await opened(session, puppet)
        await session.send_turn(turn("go"))
        await session.interrupt(None)
        puppet.say(end=True)
        await asyncio.wait_for(pump, WAIT_S)
        assert session._up().turns._timer is None
        assert context.of("turn.completed") == []


async def test_without_a_launch_there_is_nothing_to_pump() -> None:
    session, _, _ = puppet_session()
    with pytest.raises(ProviderProcessFailed, match="not started"):
        await session.pump()


async def test_full_access_grants_nothing_to_an_agent_that_plans() -> None:
    made = spec(options={"command": "puppet"})
    start = msgspec.structs.replace(made.start, runtime_mode="full-access")
    context, puppet = FakeContext(msgspec.structs.replace(made, start=start)), Puppet()
    context.puppet = puppet
    session = AcpSession(context)
    options = [{"optionId": "y", "name": "Yes", "kind": "allow_once"}]
    call = {"toolCallId": "c", "title": "Leave plan mode", "kind": "switch_mode"}
    modes = {"currentModeId": "ask", "availableModes": [{"id": "ask"}, {"id": "plan"}]}
    async with pumped(session, puppet):
        opening = asyncio.create_task(session.initialise())
        await shake(puppet)
        answer = {"sessionId": "s", "modes": modes}
        puppet.say({"id": await puppet.asked("session/new"), "result": answer})
        await asyncio.wait_for(opening, WAIT_S)
        await session.send_turn(turn("x"))
        puppet.say(update("current_mode_update", currentModeId="plan"))
        asked = begin(puppet, "session/request_permission", toolCall=call, options=options)
        opened_ = await context.first("request.opened")
        assert context.of("request.resolved") == []
        await session.respond_to_request(
            RespondToRequestParams(
                idempotency_key="k",
                thread_id="t",
                request_id=str(opened_.request_id),
                decision="accept",
            )
        )
        assert (await answered(puppet, asked))["result"]["outcome"]["optionId"] == "y"
        puppet.say(update("current_mode_update", currentModeId="ask"))
        asked = begin(puppet, "session/request_permission", toolCall=call, options=options)
        assert (await answered(puppet, asked))["result"]["outcome"]["optionId"] == "y"


async def test_an_interrupt_while_a_turn_is_set_up_keeps_it_from_the_agent() -> None:
    session, context, puppet = puppet_session()
    async with pumped(session, puppet):
        await opened(session, puppet)
        context.note_tree_waits = asyncio.Event()
        sending = asyncio.create_task(session.send_turn(turn("hi")))
        await until_true(lambda: context.notes > 0)
        await session.interrupt(None)
        context.note_tree_waits.set()
        with pytest.raises(Cancelled, match="interrupted before"):
            await asyncio.wait_for(sending, WAIT_S)
        assert context.of("turn.started") == []
        assert "session/prompt" not in [message.get("method") for message in puppet.heard]
