"""A session with a *fake* of Cursor's CLI: what Cursor's profile adds to ACP.

The real CLI needs an account and cannot be installed here, so each test says `fake` in its name:
what it shows holds for the documented protocol (tests/fakes/cursor_agent.py).
"""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from sidecar.contract.errors import ProviderProcessFailed, ProviderRequestFailed, ValidationFailed
from sidecar.contract.methods import (
    ModelSelection,
    RespondToRequestParams,
    RespondToUserInputParams,
)
from sidecar.providers.cursor.session import CursorSession
from tests.providers.context import FAKES, FakeContext, Running, spec, turn

FAKE = FAKES / "cursor_agent.py"


def install(folder: Path, name: str) -> Path:
    """Put the fake under the name of a program into a folder, to be found along PATH."""
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {FAKE} "$@"\n')
    program.chmod(0o755)
    return folder


def session(*args: str, **fields: Any) -> CursorSession:
    options = {"command": sys.executable, "args": [str(FAKE), *args, "acp"]}
    return CursorSession(FakeContext(spec("cursor", options=options, **fields)))


def answers(request_id: str | None, **given: Any) -> RespondToUserInputParams:
    assert request_id
    return RespondToUserInputParams(
        idempotency_key="k", thread_id="t", request_id=request_id, answers=given
    )


# Start


@pytest.mark.parametrize("name", ["cursor-agent", "cursor"])
async def test_the_fake_cli_is_found_along_the_sessions_path(tmp_path: Path, name: str) -> None:
    path = f"{install(tmp_path / 'bin', name)}:/usr/bin:/bin"
    context = FakeContext(spec("cursor", env={"PATH": path}))
    async with Running(CursorSession(context)) as run:
        assert (await run.turn("say hello")).payload.state == "completed"
        assert context.text() == "hello"


async def test_without_a_cli_the_start_says_so(tmp_path: Path) -> None:
    context = FakeContext(spec("cursor", env={"PATH": str(tmp_path)}))
    with pytest.raises(ProviderProcessFailed, match="Cursor's CLI is not installed"):
        await CursorSession(context).launch()


async def test_a_command_without_args_is_started_as_an_acp_agent(tmp_path: Path) -> None:
    program = install(tmp_path / "bin", "my-cursor") / "my-cursor"
    context = FakeContext(spec("cursor", options={"command": str(program)}))
    async with Running(CursorSession(context)):
        assert context.of("session.started")


async def test_the_fakes_login_is_done_before_the_session_is_opened() -> None:
    async with Running(session()) as run:
        config = run.context.of("session.configured")[0].payload.config
        assert config["authMethods"] == [{"id": "cursor_login", "name": "Cursor Login"}]


async def test_a_fake_without_an_account_says_how_to_log_in() -> None:
    with pytest.raises(ProviderRequestFailed, match=r"Not logged in.*cursor-agent login"):
        async with Running(session("--logged-out")):
            pass


# Questions


async def test_questions_of_the_fake_are_answered_by_their_labels() -> None:
    async with Running(session()) as run:
        await run.session.send_turn(turn("question"))
        asked = await run.context.first("user-input.requested")
        first, second = asked.payload.questions
        assert (first.id, first.header, first.question) == ("db", "Database", "Which database?")
        assert [option.label for option in first.options] == ["PostgreSQL", "SQLite"]
        assert (first.multi_select, second.multi_select) == (None, True)
        assert run.context.balance.state == "waiting"
        given = answers(asked.request_id, db="SQLite", extras=["Audit", "b"])
        await run.session.respond_to_user_input(given)
        await run.context.first("turn.completed")
        assert json.loads(run.context.text())["outcome"] == {
            "outcome": "answered",
            "answers": [
                {"questionId": "db", "selectedOptionIds": ["lite"]},
                {"questionId": "extras", "selectedOptionIds": ["a", "b"]},
            ],
        }
        resolved = run.context.of("user-input.resolved")[0]
        assert resolved.payload.answers == {"db": "SQLite", "extras": ["Audit", "b"]}


async def test_answers_that_the_fake_does_not_offer_are_refused_and_may_be_given_again() -> None:
    async with Running(session()) as run:
        await run.session.send_turn(turn("question"))
        asked = await run.context.first("user-input.requested")
        with pytest.raises(ValidationFailed, match="Oracle is none of the answers on offer"):
            await run.session.respond_to_user_input(answers(asked.request_id, db="Oracle"))
        with pytest.raises(ValidationFailed, match="takes one answer"):
            await run.session.respond_to_user_input(answers(asked.request_id, db=["pg", "lite"]))
        with pytest.raises(ValidationFailed, match="is not open"):
            await run.session.respond_to_user_input(answers("req-0", db="pg"))
        await run.session.respond_to_user_input(answers(asked.request_id))
        await run.context.first("turn.completed")
        assert json.loads(run.context.text())["outcome"]["outcome"] == "skipped"


async def test_an_interrupt_cancels_the_questions_of_the_fake() -> None:
    async with Running(session()) as run:
        await run.session.send_turn(turn("question | wait"))
        await run.context.first("user-input.requested")
        await run.session.interrupt(None)
        done = await run.context.first("turn.completed")
        assert done.payload.state == "interrupted"
        assert run.context.of("user-input.resolved")[0].payload.answers == {}
        assert json.loads(run.context.text())["outcome"] == {"outcome": "cancelled"}


# Plans, to-dos, sub-agents


async def test_a_plan_of_the_fake_is_proposed_and_its_todos_are_the_turns_plan() -> None:
    async with Running(session()) as run:
        await run.turn("plan")
        proposed = run.context.of("turn.proposed.completed")[0]
        assert proposed.payload.plan_markdown == "# Login\n\n1. Change the form."
        steps = run.context.of("turn.plan.updated")[0].payload.plan
        assert [(step.step, step.status) for step in steps] == [("Change the form", "pending")]
        assert json.loads(run.context.text())["outcome"] == {"outcome": "accepted"}


async def test_todos_of_the_fake_are_replaced_and_merged() -> None:
    async with Running(session()) as run:
        await run.turn("todos | merge")
        first, second = (e.payload.plan for e in run.context.of("turn.plan.updated"))
        assert [step.status for step in first] == ["inProgress", "pending"]
        assert [(s.step, s.status) for s in second] == [("Change the form", "completed")]
        assert json.loads(run.context.text())["outcome"] == {"outcome": "accepted"}


async def test_a_sub_agent_of_the_fake_is_a_task() -> None:
    async with Running(session(raw="state")) as run:
        await run.turn("task")
        started, ended = run.context.of("task.started")[0], run.context.of("task.completed")[0]
        assert started.payload.task_id == ended.payload.task_id == "agent-1"
        assert started.payload.description == "Look around"
        assert (ended.payload.role, ended.payload.status) == ("explore", "completed")
        assert started.raw is not None
        assert started.raw.source == "acp.cursor.extension"
        assert started.raw.method == "cursor/task"


async def test_an_image_of_the_fake_is_acknowledged_and_an_unknown_method_refused() -> None:
    async with Running(session()) as run:
        await run.turn("image")
        assert run.context.text() == "{}"
        await run.turn("unknown")
        assert json.loads(run.context.text().removeprefix("{}"))["code"] == -32601


# Permissions, models, modes


async def test_permissions_of_the_fake_are_chosen_by_what_their_ids_spell() -> None:
    async with Running(session()) as run:
        await run.session.send_turn(turn("tool"))
        opened = await run.context.first("request.opened")
        assert [option.decision for option in opened.payload.options] == [
            "accept",
            "acceptForSession",
            "decline",
        ]
        assert opened.request_id
        params = RespondToRequestParams(
            idempotency_key="k", thread_id="t", request_id=opened.request_id, decision="decline"
        )
        await run.session.respond_to_request(params)
        await run.context.first("turn.completed")
        assert json.loads(run.context.text())["outcome"]["optionId"] == "reject-once"


async def test_a_model_of_the_fake_is_named_without_its_variant_and_with_its_options() -> None:
    chosen = ModelSelection(model="gpt-5", options={"thought_level": "high"})
    async with Running(session(model_selection=chosen)) as run:
        changes = [e.payload.config for e in run.context.of("session.configured")[1:]]
        assert changes[0]["currentModelId"] == "gpt-5[effort=medium]"
        assert changes[1]["thought_level"] == "high"
        assert run.context.of("runtime.warning") == []
        await run.turn("say a", model_selection=ModelSelection(model="default"))
        assert run.context.of("turn.started")[0].payload.model == "default[]"


async def test_plan_mode_of_the_fake_is_entered() -> None:
    async with Running(session()) as run:
        await run.turn("say a", interaction_mode="plan")
        changes = [e.payload.config for e in run.context.of("session.configured")]
        assert {"currentModeId": "plan"} in changes
