"""How a turn of Codex ends: nothing of an interrupted one runs any more when it is reported."""

import asyncio
import sys
from dataclasses import replace
from typing import Any

import pytest

from sidecar.contract.errors import ProviderProcessFailed
from sidecar.core.conversation import Ending
from sidecar.providers.codex.mapping.requests import COMMAND
from tests.providers.codex.server import QUICK, THREAD, TURN, Server, Up, refusal, running
from tests.providers.context import turn, until_true

PYTHON = sys.executable
CHILD = "child-thread"


async def begun(run: Up) -> None:
    await run.session.send_turn(turn("x"))
    await run.context.first("turn.started")


async def read(run: Up) -> None:
    """Wait until the session has read all that was said."""
    seen = len(run.context.of("runtime.warning"))
    run.server.tell("warning", message="mark")
    await run.context.first("runtime.warning", seen)


async def test_the_end_is_held_back_until_what_the_turn_started_is_dead() -> None:
    async with running(Server(), PYTHON) as run:
        await begun(run)
        run.server.item("started", "commandExecution", "c", command="sleep 99")
        run.context.stopping.clear()
        await run.session.interrupt(TURN)
        run.server.complete("interrupted")
        await run.context.until(lambda: run.context.stopped_since == [1])
        assert run.context.of("turn.completed") == []
        run.server.item("completed", "commandExecution", "c", status="failed", exitCode=137)
        item = await run.context.first("item.completed")
        assert item.payload.data["exitCode"] == 137, "what is said meanwhile is said"
        run.context.stopping.set()
        done = await run.context.first("turn.completed")
        assert done.payload.state == "interrupted"


async def test_an_interrupt_that_codex_decides_on_is_held_back_too() -> None:
    async with running(Server(), PYTHON) as run:
        await begun(run)
        run.server.complete("interrupted")
        await run.context.first("turn.completed")
        assert run.context.stopped_since == [1]


async def test_a_turn_that_ends_by_itself_keeps_what_it_has_started() -> None:
    async with running(Server(), PYTHON) as run:
        await begun(run)
        run.server.complete()
        await run.context.first("turn.completed")
        assert run.context.stopped_since == []


async def test_the_next_turn_waits_for_the_end_of_the_last() -> None:
    async with running(Server(), PYTHON) as run:
        await begun(run)
        run.context.stopping.clear()
        await run.session.interrupt(None)
        run.server.complete("interrupted")
        await run.context.until(lambda: run.context.stopped_since)
        sending = asyncio.create_task(run.session.send_turn(turn("next")))
        await read(run)
        assert len(run.server.calls("turn/start")) == 1
        run.context.stopping.set()
        assert (await sending).turn_id == "turn-2"
        order = [e.type for e in run.context.events if e.type.startswith("turn.")]
        assert order == ["turn.started", "turn.completed", "turn.started"]


async def test_what_is_sent_behind_an_interrupt_is_no_part_of_the_turn_that_ends() -> None:
    async with running(Server(), PYTHON) as run:
        await begun(run)
        await run.session.interrupt(None)
        sending = asyncio.create_task(run.session.send_turn(turn("next")))
        await read(run)
        assert run.server.calls("turn/steer") == []
        run.server.complete("interrupted")
        assert (await sending).turn_id == "turn-2"


async def test_input_that_crosses_with_an_interrupt_starts_the_next_turn() -> None:
    server = Server(turn_steer=None)
    async with running(server, PYTHON) as run:
        await begun(run)
        run.context.stopping.clear()
        sending = asyncio.create_task(run.session.send_turn(turn("next")))
        await server.until_called("turn/steer")
        await run.session.interrupt(None)
        (steer,) = [m for m in server.heard if m.get("method") == "turn/steer"]
        server.complete("interrupted")
        server.say({"id": steer["id"], "error": {"code": -32600, "message": "no active turn"}})
        await read(run)
        run.context.stopping.set()
        assert (await sending).turn_id == "turn-2"


async def test_who_waits_for_the_end_of_a_turn_hears_that_codex_has_ended() -> None:
    async with running(Server(), PYTHON) as run:
        await begun(run)
        await run.session.interrupt(None)
        sending = asyncio.create_task(run.session.send_turn(turn("next")))
        await read(run)
        run.server.say(end=True)
        with pytest.raises(ProviderProcessFailed):
            await sending


async def test_a_turn_of_codexs_own_waits_too() -> None:
    async with running(Server(), PYTHON) as run:
        await begun(run)
        run.context.stopping.clear()
        await run.session.interrupt(None)
        run.server.complete("interrupted")
        await run.context.until(lambda: run.context.stopped_since)
        run.server.tell("turn/started", turn={"id": "own"})
        run.context.stopping.set()
        assert (await run.context.first("turn.started", 1)).turn_id == "own"
        assert run.context.notes == 2
        states = [e.payload.state for e in run.context.of("turn.completed")]
        assert states == ["interrupted"]


async def test_what_cannot_be_killed_is_said_and_the_turn_is_not_called_interrupted() -> None:
    async with running(Server(), PYTHON) as run:
        await begun(run)
        run.context.stop_fails = True
        await run.session.interrupt(None)
        run.server.complete("interrupted")
        done = (await run.context.first("turn.completed")).payload
        assert (done.state, done.stop_reason) == ("failed", "not-stopped")
        assert "2 processes live on" in done.error_message


async def test_an_interrupt_is_asked_for_once_and_withdraws_what_is_asked() -> None:
    async with running(Server(), PYTHON) as run:
        await begun(run)
        run.server.ask(5, COMMAND, command="x", turnId=TURN)
        await run.context.first("request.opened")
        await run.session.interrupt("another turn")
        assert run.server.calls("turn/interrupt") == []
        await run.session.interrupt(TURN)
        await run.session.interrupt(TURN)
        assert len(run.server.calls("turn/interrupt")) == 1
        assert run.server.answers() == [{"id": 5, "result": {"decision": "cancel"}}]
        assert (await run.context.first("request.resolved")).payload.decision == "cancel"
        run.server.complete("interrupted")
        await run.context.first("turn.completed")
        await run.session.interrupt(TURN)
        assert len(run.server.calls("turn/interrupt")) == 1


async def test_an_interrupt_waits_for_a_turn_that_is_being_started() -> None:
    server = Server(turn_start=None)
    async with running(server, PYTHON) as run:
        sending = asyncio.create_task(run.session.send_turn(turn("x")))
        rpc_id = await server.asked("turn/start")
        interrupting = asyncio.create_task(run.session.interrupt(None))
        await read(run)
        assert server.calls("turn/interrupt") == []
        server.say({"id": rpc_id, "result": {"turn": {"id": "t"}}})
        await sending
        await interrupting
        assert server.calls("turn/interrupt") == [{"threadId": THREAD, "turnId": "t"}]
        server.complete("interrupted", "t")
        await run.context.first("turn.completed")


async def test_a_turn_that_codex_does_not_end_is_ended() -> None:
    deadlines = replace(QUICK, cancel_s=0.05)
    async with running(Server(), PYTHON, deadlines=deadlines) as run:
        await begun(run)
        await run.session.interrupt(None)
        done = (await run.context.first("turn.completed")).payload
        assert done.state == "interrupted"
        warnings = [e.payload.detail for e in run.context.of("runtime.warning")]
        assert {"kind": "cancel-ignored"} in warnings
        run.server.item("started", "agentMessage", "late")
        run.server.complete("interrupted")
        await read(run)
        assert len(run.context.of("turn.completed")) == 1
        assert run.context.of("item.started") == []


async def test_what_still_asks_when_a_turn_ends_is_answered() -> None:
    async with running(Server(), PYTHON) as run:
        await begun(run)
        run.server.ask(5, COMMAND, turnId=TURN)
        await run.context.first("request.opened")
        run.server.complete("failed", error={"message": "broken"})
        done = (await run.context.first("turn.completed")).payload
        assert (done.state, done.error_message) == ("failed", "broken")
        assert run.server.answers() == [{"id": 5, "result": {"decision": "cancel"}}]


async def test_the_stop_of_the_session_asks_codex_to_end_the_turn() -> None:
    async with running(Server(), PYTHON) as run:
        await run.session.cancel()
        await begun(run)
        await run.session.cancel()
        assert len(run.server.calls("turn/interrupt")) == 1


async def test_an_end_of_codex_in_the_middle_of_it_leaves_nothing_running() -> None:
    async with running(Server(), PYTHON) as run:
        await begun(run)
        run.context.stopping.clear()
        await run.session.interrupt(None)
        run.server.complete("interrupted")
        await run.context.until(lambda: run.context.stopped_since)
        run.server.say(end=True)
        assert await asyncio.wait_for(asyncio.shield(run.pump), 10) == "Codex closed its output"
        assert run.context.of("turn.completed") == [], "the supervisor ends it"


# Sub-agents


def spawn(server: Server, thread: str = CHILD, root: str = TURN) -> None:
    server.tell("turn/started", thread, turn={"id": f"turn-of-{thread}", "rootTurnId": root})


async def test_an_interrupt_ends_the_turns_sub_agents_first() -> None:
    async with running(Server(), PYTHON) as run:
        await begun(run)
        spawn(run.server)
        spawn(run.server, "earlier", "another turn")
        await run.context.first("task.started", 1)
        run.server.say({"id": 8, "method": COMMAND, "params": {"threadId": CHILD, "command": "x"}})
        await run.context.first("request.opened")
        await run.session.interrupt(TURN)
        assert run.server.calls("turn/interrupt") == [
            {"threadId": THREAD, "turnId": TURN},
            {"threadId": CHILD, "turnId": f"turn-of-{CHILD}"},
        ]
        assert run.server.answers() == [{"id": 8, "result": {"decision": "cancel"}}]
        run.server.complete("interrupted")
        await read(run)
        assert run.context.stopped_since == [], "a sub-agent could start another command"
        run.server.tell("turn/completed", CHILD, turn={"status": "interrupted"})
        await run.context.first("turn.completed")
        assert run.context.stopped_since == [1]
        tasks = [e.payload for e in run.context.of("task.completed")]
        assert [(t.task_id, t.status) for t in tasks] == [(CHILD, "stopped")]


async def test_codexs_own_interrupt_ends_the_sub_agents_as_well() -> None:
    async with running(Server(), PYTHON) as run:
        await begun(run)
        spawn(run.server)
        await run.context.first("task.started")
        run.server.complete("interrupted")
        await run.server.until_called("turn/interrupt")
        assert run.server.calls("turn/interrupt")[0]["threadId"] == CHILD
        run.server.tell("turn/completed", CHILD, turn={"status": "interrupted"})
        await run.context.first("turn.completed")


async def test_a_sub_agent_that_does_not_end_holds_nothing_up_for_ever() -> None:
    deadlines = replace(QUICK, agents_s=0.05)
    async with running(Server(), PYTHON, deadlines=deadlines) as run:
        await begun(run)
        spawn(run.server)
        await run.context.first("task.started")
        await run.session.interrupt(TURN)
        run.server.complete("interrupted")
        await run.context.first("turn.completed")
        assert ("warning", "codex.agents-busy") in [(r[0], r[1]) for r in run.context.logs]


# A model out of reach


def retries(server: Server, thread: str = THREAD) -> None:
    error = {"message": "Reconnecting... waiting for network", "additionalDetails": "refused"}
    server.tell("error", thread, error=error, willRetry=True, turnId=TURN)


async def test_a_model_out_of_reach_fails_the_turn_at_the_deadline() -> None:
    deadlines = replace(QUICK, reconnect_s=0.05)
    async with running(Server(), PYTHON, deadlines=deadlines) as run:
        await begun(run)
        retries(run.server)
        retries(run.server)
        assert (await run.context.first("runtime.warning")).payload.detail["willRetry"] is True
        await run.server.until_called("turn/interrupt")
        run.server.complete("interrupted")
        done = (await run.context.first("turn.completed")).payload
        assert (done.state, done.stop_reason) == ("failed", "model-unreachable")
        assert "could not be reached for 0.05 s" in done.error_message
        assert "refused" in done.error_message
        assert run.context.stopped_since == [1]


async def test_the_option_sets_that_deadline() -> None:
    sess = running(Server(), PYTHON, deadlines=None, options={"reconnectMs": 1234}).session
    assert sess._deadlines.reconnect_s == 1.234


@pytest.mark.parametrize("how", ["item", "request"])
async def test_progress_puts_the_deadline_off(how: str) -> None:
    async with running(Server(), PYTHON) as run:
        await begun(run)
        retries(run.server)
        await run.context.first("runtime.warning")
        ends: Any = run.session._ends
        assert ends._stall_timer is not None
        if how == "item":
            run.server.item("started", "agentMessage")
            await run.context.first("item.started")
        else:
            run.server.ask(1, COMMAND, turnId=TURN)
            await run.context.first("request.opened")
        assert ends._stall_timer is None
        run.server.complete()
        await run.context.first("turn.completed")


async def test_a_sub_agents_trouble_is_not_the_turns() -> None:
    async with running(Server(), PYTHON) as run:
        await begun(run)
        retries(run.server, CHILD)
        await run.context.first("runtime.warning")
        ends: Any = run.session._ends
        assert ends._stall_timer is None
        run.server.item("started", "agentMessage", "i", thread=CHILD)
        await run.context.first("item.started")


async def test_trouble_between_turns_waits_for_nothing() -> None:
    async with running(Server(), PYTHON) as run:
        retries(run.server)
        await run.context.first("runtime.warning")
        ends: Any = run.session._ends
        assert ends._stall_timer is None
        ends._abandon()
        assert ends._verdict is None
        assert Ending("failed").state == "failed"


# MCP servers


async def test_a_server_that_gets_ready_before_any_command_is_spared() -> None:
    async with running(Server(), PYTHON) as run:
        await begun(run)
        run.server.tell("mcpServer/startupStatus/updated", name="m", status="ready")
        run.server.item("started", "agentMessage", "a")
        await run.context.first("item.started")
        await run.session.interrupt(None)
        run.server.complete("interrupted")
        await run.context.first("turn.completed")
        assert run.context.stopped_since == [2], "the note was renewed"
        assert run.server.calls("config/mcpServer/reload") == []


async def test_a_command_that_starts_meanwhile_is_not_spared() -> None:
    async with running(Server(), PYTHON) as run:
        await begun(run)
        run.server.tell("mcpServer/startupStatus/updated", name="m", status="ready")
        run.server.item("started", "commandExecution", "c", command="x")
        await run.context.first("item.started")
        await run.session.interrupt(None)
        run.server.complete("interrupted")
        await run.context.first("turn.completed")
        assert run.context.notes == 2
        assert run.context.stopped_since == [1]


@pytest.mark.parametrize("answer", [{}, refusal("no")])
async def test_servers_that_were_killed_with_the_commands_are_started_again(answer: Any) -> None:
    server = Server()
    server.answers_to["config/mcpServer/reload"] = answer
    async with running(server, PYTHON) as run:
        await begun(run)
        server.item("started", "commandExecution", "c", command="x")
        server.tell("mcpServer/startupStatus/updated", name="m", status="ready")
        await run.context.first("mcp.status.updated")
        kill = run.context.stop_since

        async def stop_since(note: Any, deadline_s: float) -> int:
            return await kill(note, deadline_s) + 1

        run.context.stop_since = stop_since  # type: ignore[method-assign]
        await run.session.interrupt(None)
        server.complete("interrupted")
        await server.until_called("config/mcpServer/reload")
        await until_true(lambda: run.context.of("turn.completed"))
