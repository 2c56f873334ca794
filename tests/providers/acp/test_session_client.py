"""What an ACP session is for its agent: what it offers, its questions, logins and interrupts."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sidecar.contract.errors import ProviderRequestFailed, Unsupported, ValidationFailed
from sidecar.contract.methods import McpParams
from sidecar.providers.acp.session import AcpSession
from sidecar.providers.acp.wire import METHOD_NOT_FOUND, REQUEST_CANCELLED
from tests.providers.acp.puppets import (
    answered,
    ask,
    begin,
    given_up,
    opened,
    pumped,
    puppet_session,
    refused,
    shake,
    update,
    words,
)
from tests.providers.context import WAIT_S, FakeContext, Puppet, spec, turn

CURSOR = {"sessionId": "s"}
ALL = {
    "fs": {"readTextFile": True, "writeTextFile": True},
    "terminal": True,
    "session": {"configOptions": {"boolean": {}}},
}


# What is offered


@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        ({}, {}),
        (
            {"sandbox_mode": "read-only"},
            {"fs": {"readTextFile": True, "writeTextFile": False}, "terminal": False},
        ),
        (
            {"options": {"quirks": {"noFiles": True}}},
            {"fs": {"readTextFile": False, "writeTextFile": False}},
        ),
        ({"options": {"quirks": {"noTerminals": True}}}, {"terminal": False}),
    ],
)
async def test_an_agent_is_told_what_it_may_ask_and_may_ask_no_more(
    fields: Any, changed: Any, tmp_path: Path
) -> None:
    session, _, puppet = puppet_session(cwd=str(tmp_path), **fields)
    async with pumped(session, puppet):
        await opened(session, puppet)
        (handshake,) = [m for m in puppet.heard if m.get("method") == "initialize"]
        offered = handshake["params"]["clientCapabilities"]
        assert offered == ALL | changed
        asked = {
            "fs/read_text_file": offered["fs"]["readTextFile"],
            "fs/write_text_file": offered["fs"]["writeTextFile"],
            "terminal/output": offered["terminal"],
        }
        for method, is_offered in asked.items():
            code, _ = await refused(puppet, method)
            assert (code == METHOD_NOT_FOUND) is not is_offered


async def test_files_are_read_and_written_for_the_agent(tmp_path: Path) -> None:
    session, _, puppet = puppet_session(cwd=str(tmp_path))
    async with pumped(session, puppet):
        await opened(session, puppet)
        path = str(tmp_path / "a.txt")
        assert await ask(puppet, "fs/write_text_file", path=path, content="a\nb\n") == {}
        read = await ask(puppet, "fs/read_text_file", path=path, line=2)
        assert read == {"content": "b\n"}


async def test_settings_lie_under_the_options_of_a_start() -> None:
    settings = {"command": "of-the-settings", "args": ["theirs"]}
    given = msgspec.structs.replace(spec(options={"args": ["own"]}), provider_settings=settings)
    context = FakeContext(given)
    assert list(AcpSession(context).command().argv) == ["of-the-settings", "own"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"quirks": {"noload": True}}, "unknown field `noload`"),
        ({"quirks": {"failureTexts": ["x"] * 33}}, "over 32 failureTexts"),
        ({"mcpServers": [{}]}, r"mcpServers\[0\]"),
    ],
)
def test_what_is_declared_wrong_is_refused(options: Any, complaint: str) -> None:
    with pytest.raises(ValidationFailed, match=complaint):
        AcpSession(FakeContext(spec(options=options)))


# MCP servers


async def test_mcp_servers_are_handed_over_and_one_that_is_unusable_is_said() -> None:
    servers = [
        {"name": "files", "command": "mcp-files"},
        {"type": "sse", "name": "web", "url": "https://x"},
    ]
    session, context, puppet = puppet_session(options={"mcpServers": servers})
    async with pumped(session, puppet):
        await opened(session, puppet)
        (new,) = [m for m in puppet.heard if m.get("method") == "session/new"]
        assert [server["name"] for server in new["params"]["mcpServers"]] == ["files"]
        (warning,) = context.of("config.warning")
        assert "web" in warning.payload.summary
        status = await session.mcp("status", McpParams(thread_id="t"))
        assert [server["name"] for server in status["servers"]] == ["files", "web"]
        one = await session.mcp("status", McpParams(thread_id="t", name="web"))
        assert one == {"servers": [{"name": "web", "state": "configured"}]}
        with pytest.raises(Unsupported, match="no MCP add"):
            await session.mcp("add", McpParams(thread_id="t", name="x"))


# Logins


async def test_a_prompt_that_wants_a_login_fails_with_the_hint() -> None:
    session, context, puppet = puppet_session(options={"authHint": "run `agent login`"})
    async with pumped(session, puppet):
        await opened(session, puppet)
        await session.send_turn(turn("go"))
        error = {"code": -32000, "message": "Token expired"}
        puppet.say({"id": await puppet.asked("session/prompt"), "error": error})
        done = await context.first("turn.completed")
        assert done.payload.state == "failed"
        said = done.payload.error_message
        assert "Token expired" in said
        assert "run `agent login`" in said
        assert "one of: login" in said


async def test_a_login_that_fails_says_how_to_log_in() -> None:
    options = {"authMethod": "login", "authHint": "ask your admin"}
    session, _, puppet = puppet_session(options=options)
    async with pumped(session, puppet):
        opening = asyncio.create_task(session.initialise())
        await shake(puppet)
        error = {"code": -32603, "message": "Browser closed"}
        puppet.say({"id": await puppet.asked("authenticate"), "error": error})
        with pytest.raises(ProviderRequestFailed, match=r"Browser closed.*ask your admin"):
            await asyncio.wait_for(opening, WAIT_S)


# Resume


async def test_an_agent_that_resumes_is_not_made_to_replay() -> None:
    session, context, puppet = puppet_session(resume_cursor=CURSOR)
    async with pumped(session, puppet):
        opening = asyncio.create_task(session.initialise())
        await shake(puppet, loads=True, sessionCapabilities={"resume": {}})
        puppet.say({"id": await puppet.asked("session/resume"), "result": {}})
        await asyncio.wait_for(opening, WAIT_S)
        assert context.of("session.started")[0].payload.resume == CURSOR
        assert context.of("runtime.warning") == []
        assert context.cursors == [CURSOR]


async def test_an_agent_that_does_not_know_resume_after_all_loads() -> None:
    session, context, puppet = puppet_session(resume_cursor=CURSOR)
    async with pumped(session, puppet):
        opening = asyncio.create_task(session.initialise())
        await shake(puppet, loads=True, sessionCapabilities={"resume": {}})
        error = {"code": METHOD_NOT_FOUND, "message": "Method not found"}
        puppet.say({"id": await puppet.asked("session/resume"), "error": error})
        puppet.say(words("old"), {"id": await puppet.asked("session/load"), "result": {}})
        await asyncio.wait_for(opening, WAIT_S)
        assert context.of("session.started")[0].payload.resume == CURSOR


async def test_a_load_that_shows_nothing_of_the_conversation_is_not_believed_in_silence() -> None:
    session, context, puppet = puppet_session(resume_cursor=CURSOR)
    async with pumped(session, puppet):
        opening = asyncio.create_task(session.initialise())
        await shake(puppet, loads=True)
        puppet.say({"id": await puppet.asked("session/load"), "result": {}})
        await asyncio.wait_for(opening, WAIT_S)
        (warning,) = context.of("runtime.warning")
        assert warning.payload.detail == {"kind": "nothing-replayed"}


async def test_an_agent_of_which_it_is_declared_that_it_never_loads_is_not_asked_to() -> None:
    session, context, puppet = puppet_session(
        resume_cursor=CURSOR, options={"quirks": {"noLoad": True}}
    )
    async with pumped(session, puppet):
        opening = asyncio.create_task(session.initialise())
        await shake(puppet, loads=True, sessionCapabilities={"resume": {}})
        puppet.say({"id": await puppet.asked("session/new"), "result": {"sessionId": "s"}})
        await asyncio.wait_for(opening, WAIT_S)
        assert "cannot load" in context.of("runtime.warning")[0].payload.message
        assert {m.get("method") for m in puppet.heard} == {"initialize", "session/new"}


# Settings


async def test_what_an_agent_answers_to_a_setting_is_in_force_and_said() -> None:
    session, context, puppet = puppet_session()
    option = {"id": "effort", "category": "thought_level", "currentValue": "low"}
    async with pumped(session, puppet):
        opening = asyncio.create_task(session.initialise())
        await shake(puppet)
        result = {"sessionId": "s", "configOptions": [option]}
        puppet.say({"id": await puppet.asked("session/new"), "result": result})
        await asyncio.wait_for(opening, WAIT_S)
        assert await session.set_config("effort", "low") == {"config": {"effort": "low"}}
        setting = asyncio.create_task(session.set_config("thought_level", "high"))
        options = [{**option, "currentValue": "high"}]
        answer = {"id": await puppet.asked("session/set_config_option")}
        puppet.say({**answer, "result": {"configOptions": options}})
        assert await setting == {"config": {"thought_level": "high"}}
        changed = context.of("session.configured")[-1].payload.config
        assert changed == {"thought_level": "high", "configOptions": options}
        assert await session.set_config("effort", "high") == {"config": {"effort": "high"}}


# Interrupts


async def interrupted(session: AcpSession, puppet: Puppet) -> None:
    await session.send_turn(turn("go"))
    await session.interrupt(None)
    puppet.say({"id": await puppet.asked("session/prompt"), "result": {"stopReason": "cancelled"}})


async def test_a_turn_is_reported_interrupted_only_when_what_it_started_is_dead() -> None:
    session, context, puppet = puppet_session()
    async with pumped(session, puppet):
        await opened(session, puppet)
        context.stopping.clear()
        await interrupted(session, puppet)
        await context.until(lambda: context.stopped_since)
        assert context.stopped_since == [context.notes], "the note that was taken at its start"
        call = {"toolCallId": "c", "kind": "execute", "status": "failed"}
        puppet.say(update("tool_call", **call))
        await context.first("item.completed")
        with pytest.raises(ValidationFailed, match="still running"):
            await session.send_turn(turn("too early"))
        assert context.of("turn.completed") == []
        context.stopping.set()
        done = await context.first("turn.completed")
        assert done.payload.state == "interrupted"
        await session.send_turn(turn("next"))


async def test_what_survives_an_interrupt_is_said() -> None:
    session, context, puppet = puppet_session()
    async with pumped(session, puppet):
        await opened(session, puppet)
        context.stop_fails = True
        await interrupted(session, puppet)
        done = await context.first("turn.completed")
        assert done.payload.state == "interrupted"
        (warning,) = context.of("runtime.warning")
        assert warning.payload.detail == {"kind": "survivors"}


async def test_a_turn_that_ends_by_itself_leaves_its_processes_alone() -> None:
    session, context, puppet = puppet_session()
    async with pumped(session, puppet):
        await opened(session, puppet)
        await session.send_turn(turn("go"))
        prompt = await puppet.asked("session/prompt")
        puppet.say({"id": prompt, "result": {"stopReason": "end_turn"}})
        await context.first("turn.completed")
        assert context.stopped_since == []


async def test_a_permission_that_comes_while_a_cancelled_turn_ends_is_cancelled() -> None:
    session, context, puppet = puppet_session()
    async with pumped(session, puppet):
        await opened(session, puppet)
        context.stopping.clear()
        await interrupted(session, puppet)
        await context.until(lambda: context.stopped_since)
        answer = await ask(puppet, "session/request_permission", toolCall={}, options=[])
        assert answer == {"outcome": {"outcome": "cancelled"}}
        context.stopping.set()
        await context.first("turn.completed")


# Requests that the agent gives up


async def test_a_permission_that_the_agent_gives_up_is_closed() -> None:
    session, context, puppet = puppet_session()
    async with pumped(session, puppet):
        await opened(session, puppet)
        await session.send_turn(turn("go"))
        options = [{"optionId": "y", "kind": "allow_once"}]
        asked = begin(
            puppet, "session/request_permission", toolCall={"toolCallId": "c"}, options=options
        )
        await context.first("request.opened")
        puppet.say(given_up("another"), given_up(asked))
        resolved = await context.first("request.resolved")
        assert resolved.payload.decision == "cancel"
        assert (await answered(puppet, asked))["error"]["code"] == REQUEST_CANCELLED


async def test_a_wait_that_the_agent_gives_up_ends(tmp_path: Path) -> None:
    session, _, puppet = puppet_session(cwd=str(tmp_path))
    async with pumped(session, puppet):
        await opened(session, puppet)
        terminal = (await ask(puppet, "terminal/create", command="sleep 600"))["terminalId"]
        waiting = begin(puppet, "terminal/wait_for_exit", terminalId=terminal)
        puppet.say({"method": "$/cancel_request", "params": {}}, given_up(waiting))
        assert (await answered(puppet, waiting))["error"]["code"] == REQUEST_CANCELLED
        await ask(puppet, "terminal/release", terminalId=terminal)
