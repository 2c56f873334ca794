"""A Claude session against a puppet that says what the real one says, and what it should not."""

import asyncio
from typing import Any

import pytest

from sidecar.contract.errors import (
    ProviderProcessFailed,
    ProviderRequestFailed,
    Unsupported,
    ValidationFailed,
)
from sidecar.contract.methods import ModelSelection
from sidecar.providers.claude.deadlines import Deadlines
from sidecar.providers.claude.session import ClaudeSession
from tests.providers.claude.puppet import (
    DONE,
    INIT,
    PuppetContext,
    Stage,
    answers,
    decided,
)
from tests.providers.context import Puppet, turn, until_true

RULE = {"type": "addRules", "rules": [{"toolName": "Bash", "ruleContent": "ls"}]}


def warned(stage: Stage, kind: str) -> list[str]:
    warnings = stage.context.of("runtime.warning")
    return [e.payload.message for e in warnings if (e.payload.detail or {}).get("kind") == kind]


# Life


async def test_a_session_opens_and_runs_a_turn() -> None:
    async with Stage() as stage:
        turn_id = await stage.send("hello")
        assert stage.prompts() == [[{"type": "text", "text": "hello"}]]
        assert stage.context.cursors == []
        stage.say(INIT, stage.words("hi"), DONE)
        assert (await stage.end_of(turn_id)).state == "completed"
        assert stage.context.text() == "hi"
        assert stage.context.cursors == [{"sessionId": "s-1"}]
        second = await stage.session.send_turn(turn("more"))
        assert second.resume_cursor == {"sessionId": "s-1"}


async def test_what_is_said_before_the_session_is_open_comes_after_it() -> None:
    async with Stage(up=False) as stage:
        hook = {"type": "system", "subtype": "hook_started", "hook_id": "h"}
        stage.say({**hook, "hook_name": "SessionStart", "hook_event": "SessionStart"})
        await stage.open({"commands": [{"name": "compact"}]})
        await stage.context.first("hook.started")
        types = [e.type for e in stage.context.events]
        assert types.index("session.started") < types.index("hook.started")


async def test_a_claude_that_ends_before_it_is_open_is_told() -> None:
    async with Stage(up=False) as stage:
        opening = asyncio.create_task(stage.session.initialise())
        await stage.asked("initialize")
        stage.claude.say(end=True)
        with pytest.raises(ProviderProcessFailed):
            await opening
        assert await stage.until_ended() == "Claude closed its output"


async def test_a_claude_that_never_answers_runs_into_its_deadline() -> None:
    quick = Deadlines(start_s=0.05)
    async with Stage(up=False, deadlines=quick) as stage:
        with pytest.raises(ProviderRequestFailed):
            await stage.session.initialise()


async def test_a_runner_is_started_instead_and_told_the_session(tmp_path: Any) -> None:
    options = {"runner": {"command": "node", "args": ["runner.mjs"], "env": {"A": "b"}}}
    async with Stage(options=options, cwd=str(tmp_path)) as stage:
        (command,) = stage.context.commands
        assert list(command.argv) == ["node", "runner.mjs"]
        assert command.env["A"] == "b"
        told = (await stage.asked("initialize"))["request"]["session"]
        assert told["contract"] == 1
        assert told["options"]["cwd"] == str(tmp_path)
        stage.say({"type": "runner_error", "code": "x", "message": "a line was refused"})
        await stage.context.until(lambda: warned(stage, "runner"))


@pytest.mark.parametrize("start", [{"cwd": "relative"}, {"cwd": "/nowhere/at/all"}])
async def test_a_bad_directory_is_refused(start: dict[str, Any]) -> None:
    session = ClaudeSession(PuppetContext(Puppet(), **start))
    with pytest.raises(ValidationFailed):
        await session.launch()


@pytest.mark.parametrize("options", [{"runner": {}}, {"args": 7}, {"permissionMode": "none"}])
def test_bad_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationFailed):
        ClaudeSession(PuppetContext(Puppet(), options=options))


async def test_nothing_is_taken_before_the_session_is_up() -> None:
    async with Stage(up=False) as stage:
        with pytest.raises(ProviderProcessFailed):
            await stage.send()
        await stage.session.cancel()


async def test_a_claude_that_leaves_its_input_unread_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sidecar.providers.link.DRAIN_DEADLINE_S", 0.05)
    async with Stage() as stage:
        stage.claude.reads_input.clear()
        stage.say(INIT)
        assert "unread" in await stage.until_ended()


async def test_garbage_is_said_and_survived() -> None:
    async with Stage() as stage:
        turn_id = await stage.send()
        stage.claude._output.put_nowait(b"garbage\n\xff\n[]\n")
        stage.say({"type": "of_the_future"}, {"type": "system"}, DONE)
        assert (await stage.end_of(turn_id)).state == "completed"
        assert len(warned(stage, "malformed")) == 3


# Resuming


async def test_a_conversation_is_resumed() -> None:
    async with Stage(resume_cursor={"sessionId": "s-1"}) as stage:
        assert "--resume=s-1" in stage.context.commands[0].argv
        assert stage.context.of("thread.started")[0].payload.provider_thread_id == "s-1"
        assert stage.context.cursors == [{"sessionId": "s-1"}]


async def test_an_unknown_conversation_is_followed_by_a_new_one() -> None:
    stage = Stage(up=False, resume_cursor={"sessionId": "gone-1"})
    second = Puppet()
    stage.context.puppets.append(second)
    async with stage:
        opening = asyncio.create_task(stage.session.initialise())
        await stage.asked("initialize")
        errors = ["No conversation found with session ID: gone-1"]
        stage.claude.say({"type": "result", "is_error": True, "errors": errors}, end=True)
        stage.claude = second
        await stage.answer("initialize")
        await opening
        assert not any("--resume" in word for word in stage.context.commands[1].argv)
        assert len(warned(stage, "not-resumed")) == 1
        assert stage.context.of("session.started")[0].payload.resume is None
        turn_id = await stage.send()
        stage.say(INIT, stage.words("new"), DONE)
        await stage.end_of(turn_id)
        assert stage.context.cursors == [{"sessionId": "s-1"}]
        assert not second.stdin_closed


async def test_a_runner_that_refuses_to_resume_is_followed_by_a_new_one() -> None:
    options = {"runner": {"command": "node"}}
    stage = Stage(up=False, resume_cursor={"resume": "gone-1"}, options=options)
    second = Puppet()
    stage.context.puppets.append(second)
    async with stage:
        opening = asyncio.create_task(stage.session.initialise())
        told = await stage.answer("initialize", error="no conversation gone-1")
        assert told["session"]["options"]["resume"] == "gone-1"
        await until_true(lambda: stage.context.puppets[0].stdin_closed)
        stage.claude.say(end=True)
        stage.claude = second
        assert "resume" not in (await stage.answer("initialize"))["session"]["options"]
        await opening
        assert len(warned(stage, "not-resumed")) == 1


async def test_another_failure_of_a_resume_is_no_reason_to_forget() -> None:
    async with Stage(up=False, resume_cursor={"sessionId": "s-1"}) as stage:
        opening = asyncio.create_task(stage.session.initialise())
        await stage.asked("initialize")
        stage.claude.say({"type": "result", "errors": ["bad settings", 7]}, end=True)
        with pytest.raises(ProviderProcessFailed):
            await opening
        assert len(stage.context.commands) == 1


@pytest.mark.parametrize("cursor", [{"sessionId": "--help"}, {"sessionId": 7}, "s-1", {}])
async def test_a_cursor_of_something_else_begins_anew(cursor: Any) -> None:
    async with Stage(resume_cursor=cursor) as stage:
        assert not any("resume" in word for word in stage.context.commands[0].argv)
        assert len(warned(stage, "not-resumed")) == 1


# Permissions


async def test_a_permission_waits_for_its_answer() -> None:
    async with Stage() as stage:
        await stage.send()
        stage.say(INIT)
        stage.ask(input={"command": "ls"}, permission_suggestions=[RULE])
        opened = await stage.context.first("request.opened")
        with pytest.raises(ValidationFailed):
            await stage.session.respond_to_request(decided("nobody", "accept"))
        with pytest.raises(ValidationFailed):
            await stage.session.respond_to_request(decided(opened.request_id, "accept", "bogus"))
        with pytest.raises(ValidationFailed):
            await stage.session.respond_to_user_input(answers(opened.request_id, q1="x"))
        await stage.session.respond_to_request(decided(opened.request_id, "acceptForSession"))
        response = (await stage.reply())["response"]
        assert response["updatedInput"] == {"command": "ls"}
        assert response["updatedPermissions"] == [{**RULE, "destination": "session"}]


async def test_what_was_accepted_for_the_session_is_not_asked_again() -> None:
    async with Stage() as stage:
        await stage.send()
        stage.say(INIT)
        stage.ask(input={"command": "a & b"})
        opened = await stage.context.first("request.opened")
        await stage.session.respond_to_request(decided(opened.request_id, "acceptForSession"))
        stage.ask(control_id="c-2", tool_use_id="t-2", input={"command": "a & b"})
        assert (await stage.reply("c-2"))["response"]["behavior"] == "allow"
        stage.ask(control_id="c-3", tool_use_id="t-3", input={"command": "c"})
        await stage.context.first("request.opened", 1)


async def test_full_access_asks_nobody_but_for_plans() -> None:
    async with Stage(runtime_mode="full-access") as stage:
        await stage.send()
        stage.say(INIT)
        stage.ask(input={"command": "rm"})
        assert (await stage.reply())["response"]["behavior"] == "allow"
        stage.ask("ExitPlanMode", "c-2", tool_use_id="t-2", input={"plan": "x"})
        await stage.context.first("request.opened")
        assert stage.context.of("session.state.changed")[-1].payload.state == "waiting"


async def test_plan_mode_asks_whatever_was_granted() -> None:
    async with Stage(runtime_mode="full-access", options={"permissionMode": "plan"}) as stage:
        await stage.send()
        stage.say(INIT)
        stage.ask(input={"command": "rm"})
        await stage.context.first("request.opened")


async def test_questions_are_answered_in_the_input() -> None:
    async with Stage() as stage:
        await stage.send()
        stage.say(INIT)
        questions = [{"question": "Which?", "options": [{"label": "red"}]}]
        stage.ask("AskUserQuestion", input={"questions": questions})
        asked = await stage.context.first("user-input.requested")
        with pytest.raises(ValidationFailed):
            await stage.session.respond_to_request(decided(asked.request_id, "accept"))
        await stage.session.respond_to_user_input(answers(asked.request_id, q1="red"))
        updated = (await stage.reply())["response"]["updatedInput"]
        assert updated == {"questions": questions, "answers": {"Which?": "red"}}
        with pytest.raises(ValidationFailed):
            await stage.session.respond_to_user_input(answers(asked.request_id, q1="red"))


async def test_a_withdrawn_permission_is_resolved() -> None:
    async with Stage() as stage:
        await stage.send()
        stage.say(INIT)
        stage.ask(input={"command": "ls"})
        await stage.context.first("request.opened")
        stage.say({"type": "control_cancel_request", "request_id": "c-1"})
        resolved = await stage.context.first("request.resolved")
        assert resolved.payload.decision == "cancel"


async def test_what_nobody_can_answer_is_denied() -> None:
    async with Stage() as stage:
        stage.ask("AskUserQuestion", input={})
        assert (await stage.reply())["response"]["behavior"] == "deny"
        await stage.send()
        await stage.session.interrupt(None)
        stage.ask(control_id="c-2")
        assert (await stage.reply("c-2"))["response"]["behavior"] == "deny"
        request = {"subtype": "mcp_message"}
        stage.say({"type": "control_request", "request_id": "c-3", "request": request})
        assert (await stage.reply("c-3"))["subtype"] == "error"


# Settings


async def test_model_and_mode_are_switched_while_it_runs() -> None:
    async with Stage() as stage:
        setting = asyncio.create_task(stage.session.set_config("model", "opus"))
        assert (await stage.answer("set_model"))["model"] == "opus"
        assert await setting == {"config": {"model": "opus"}}
        setting = asyncio.create_task(stage.session.set_config("permissionMode", "acceptEdits"))
        assert (await stage.answer("set_permission_mode"))["mode"] == "acceptEdits"
        await setting
        setting = asyncio.create_task(stage.session.set_config("maxThinkingTokens", None))
        assert (await stage.answer("set_max_thinking_tokens"))["max_thinking_tokens"] is None
        await setting
        setting = asyncio.create_task(stage.session.set_config("effort", "high"))
        assert (await stage.answer("apply_flag_settings"))["settings"] == {"effortLevel": "high"}
        await setting
        said = [e.payload.config for e in stage.context.of("session.configured")]
        assert {"model": "opus"} in said
        assert {"permissionMode": "acceptEdits"} in said


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        ("colour", "red", Unsupported),
        ("model", 7, ValidationFailed),
        ("maxThinkingTokens", "x", ValidationFailed),
    ],
)
async def test_bad_settings_are_refused(key: str, value: Any, error: type[Exception]) -> None:
    async with Stage() as stage:
        with pytest.raises(error):
            await stage.session.set_config(key, value)


async def test_a_turn_goes_to_plan_mode_and_the_next_one_back() -> None:
    async with Stage(runtime_mode="auto-accept-edits") as stage:
        sending = asyncio.create_task(stage.send(interaction_mode="plan"))
        assert (await stage.answer("set_permission_mode"))["mode"] == "plan"
        first = await sending
        stage.say(INIT, DONE)
        await stage.end_of(first)
        sending = asyncio.create_task(stage.send(interaction_mode="default"))
        assert (await stage.answer("set_permission_mode", count=2))["mode"] == "acceptEdits"
        await sending


async def test_the_model_of_the_start_is_told_and_not_set_again() -> None:
    selection = ModelSelection(model="opus", options={"effort": "high"})
    async with Stage(model_selection=selection) as stage:
        assert {"--model=opus", "--effort=high"} <= set(stage.context.commands[0].argv)
        first = await stage.send(model_selection=selection)
        assert stage.context.of("turn.started")[0].payload.model == "opus"
        assert [m["type"] for m in stage.claude.heard] == ["control_request", "user"]
        stage.say(INIT, DONE)
        await stage.end_of(first)
        less = ModelSelection(model="opus", options={"effort": "low"})
        sending = asyncio.create_task(stage.send(model_selection=less))
        told = await stage.answer("apply_flag_settings")
        assert told["settings"] == {"effortLevel": "low"}
        await sending


async def test_a_model_is_set_once() -> None:
    selection = ModelSelection(model="opus")
    async with Stage() as stage:
        sending = asyncio.create_task(stage.send(model_selection=selection))
        await stage.answer("set_model")
        first = await sending
        stage.say(INIT, DONE)
        await stage.end_of(first)
        await stage.send(model_selection=selection)
        asked = [
            m for m in stage.claude.heard if m.get("request", {}).get("subtype") == "set_model"
        ]
        assert len(asked) == 1
