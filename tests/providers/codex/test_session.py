"""A Codex session against a scripted app-server: what the shell promises."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sidecar.contract.errors import (
    LimitExceeded,
    ProviderProcessFailed,
    ProviderRequestFailed,
    Unsupported,
    ValidationFailed,
)
from sidecar.contract.limits import ATTACHMENT_BYTES, ATTACHMENTS
from sidecar.contract.methods import (
    Attachment,
    ModelSelection,
    RespondToRequestParams,
    RespondToUserInputParams,
)
from sidecar.providers.codex.deadlines import Deadlines
from sidecar.providers.codex.mapping.requests import COMMAND, PERMISSIONS, USER_INPUT
from tests.providers.codex.server import (
    QUICK,
    THREAD,
    TURN,
    Server,
    refusal,
    running,
    session,
    up,
)
from tests.providers.context import turn, until_true

PYTHON = sys.executable


def answer(request_id: str, decision: Any, option: str | None = None) -> RespondToRequestParams:
    return RespondToRequestParams(
        idempotency_key="k",
        thread_id="t",
        request_id=request_id,
        decision=decision,
        option_id=option,
    )


# Turns


async def test_a_turn_runs_and_the_cursor_is_told() -> None:
    async with running(Server(), PYTHON) as run:
        result = await run.session.send_turn(turn("hello"))
        assert result.turn_id == TURN
        run.server.item("started", "agentMessage", text="")
        run.server.tell("item/agentMessage/delta", itemId="i", delta="Hi", turnId=TURN)
        run.server.complete()
        done = await run.context.first("turn.completed")
        assert (done.turn_id, done.payload.state) == (TURN, "completed")
        assert run.context.text() == "Hi"
        assert run.context.cursors == [{"threadId": THREAD}]
        started = run.context.of("turn.started")[0]
        assert started.payload.model == "big"
        assert run.context.notes == 1, "the tree was noted before the turn"


async def test_a_turn_that_codex_refuses_is_refused() -> None:
    async with running(Server(turn_start=refusal("no")), PYTHON) as run:
        with pytest.raises(ProviderRequestFailed, match="Codex refused turn/start: no"):
            await run.session.send_turn(turn("x"))
        run.server.answers_to["turn/start"] = {"turn": {}}
        with pytest.raises(ProviderRequestFailed, match="without an id"):
            await run.session.send_turn(turn("x"))
        assert run.context.of("turn.started") == []


async def test_what_differs_from_what_is_in_force_goes_with_the_turn() -> None:
    async with running(Server(), PYTHON) as run:
        selection = ModelSelection(model="other", options={"effort": "high"})
        await run.session.send_turn(
            turn(
                "x", model_selection=selection, interaction_mode="plan", options={"fastMode": True}
            )
        )
        asked = run.server.calls("turn/start")[0]
        assert (asked["model"], asked["effort"], asked["serviceTier"]) == (
            "other",
            "high",
            "priority",
        )
        assert asked["collaborationMode"] == {
            "mode": "plan",
            "settings": {
                "model": "other",
                "reasoning_effort": "high",
                "developer_instructions": None,
            },
        }
        said = {"model": "other", "effort": "high", "collaborationMode": {"mode": "plan"}}
        run.server.tell("thread/settings/updated", threadSettings=said)
        run.server.complete()
        await run.context.first("turn.completed")
        await run.session.send_turn(turn("y", interaction_mode="plan", model_selection=selection))
        assert set(run.server.calls("turn/start")[1]) == {"threadId", "input"}


async def test_input_steers_the_running_turn() -> None:
    async with running(Server(), PYTHON) as run:
        first = await run.session.send_turn(turn("x"))
        selection = ModelSelection(model="other")
        second = await run.session.send_turn(turn("more", model_selection=selection))
        assert second.turn_id == first.turn_id
        asked = run.server.calls("turn/steer")[0]
        assert (asked["expectedTurnId"], asked["input"][0]["text"]) == (TURN, "more")
        assert run.server.calls("thread/settings/update")[0]["model"] == "other"
        assert len(run.server.calls("turn/start")) == 1
        run.server.answers_to["turn/steer"] = refusal("not steerable")
        with pytest.raises(ProviderRequestFailed, match="not steerable"):
            await run.session.send_turn(turn("more"))


async def test_a_turn_that_ends_under_its_steering_gives_a_new_one() -> None:
    server = Server()

    def steer(_: dict[str, Any]) -> Any:
        server.complete()
        return refusal("no active turn to steer")

    server.answers_to["turn/steer"] = steer
    async with running(server, PYTHON) as run:
        await run.session.send_turn(turn("x"))
        assert (await run.session.send_turn(turn("y"))).turn_id == "turn-2"


async def test_images_go_as_data_or_as_a_path(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"png")
    images = [
        Attachment(type="image", mime_type="image/png", data=b"png"),
        Attachment(type="image", mime_type="image/png", path=str(path)),
    ]
    async with running(Server(), PYTHON) as run:
        await run.session.send_turn(turn(None, attachments=images))
        assert run.server.calls("turn/start")[0]["input"] == [
            {"type": "image", "url": "data:image/png;base64,cG5n"},
            {"type": "localImage", "path": str(path)},
        ]


@pytest.mark.parametrize(
    ("fields", "error", "words"),
    [
        ({}, ValidationFailed, "neither input nor attachments"),
        ({"path": "/no/such.png"}, ValidationFailed, "Cannot read"),
        ({"path": "relative.png"}, ValidationFailed, "no absolute path"),
        ({"path": "/dev/zero"}, ValidationFailed, "no regular file"),
        ({"data": b"x" * (ATTACHMENT_BYTES + 1)}, LimitExceeded, "at most"),
        ({"count": ATTACHMENTS + 1, "data": b"x"}, LimitExceeded, "attachments"),
        ({"count": 1}, ValidationFailed, "neither data nor path"),
    ],
)
async def test_bad_input_is_refused(
    fields: dict[str, Any], error: type[Exception], words: str
) -> None:
    number = fields.pop("count", 1 if fields else 0)
    images = [Attachment(type="image", mime_type="image/png", **fields)] * number
    async with running(Server(), PYTHON) as run:
        with pytest.raises(error, match=words):
            await run.session.send_turn(turn(None, attachments=images))


async def test_a_model_without_eyes_takes_no_images() -> None:
    image = Attachment(type="image", mime_type="image/png", data=b"x")
    async with running(Server(), PYTHON) as run:
        with pytest.raises(Unsupported, match="takes no images"):
            selection = ModelSelection(model="plain")
            await run.session.send_turn(turn("x", attachments=[image], model_selection=selection))


async def test_a_turn_that_codex_begins_itself_is_one() -> None:
    async with running(Server(), PYTHON) as run:
        run.server.tell("turn/started", turn={"id": "own"})
        assert (await run.context.first("turn.started")).turn_id == "own"
        assert run.context.notes == 1
        run.server.complete(turn="own")
        await run.context.first("turn.completed")


async def test_the_end_of_another_turn_changes_nothing() -> None:
    async with running(Server(), PYTHON) as run:
        run.server.complete(turn="unknown")
        await run.session.send_turn(turn("x"))
        run.server.complete(turn="unknown")
        run.server.complete()
        await run.context.first("turn.completed")
        assert len(run.context.of("turn.completed")) == 1


# Requests


async def test_an_approval_is_answered_and_said() -> None:
    async with running(Server(), PYTHON) as run:
        await run.session.send_turn(turn("x"))
        run.server.ask(0, COMMAND, command="ls", turnId=TURN)
        request_id = (await run.context.first("request.opened")).request_id
        assert request_id is not None
        await run.session.respond_to_request(answer(request_id, "accept"))
        assert run.server.answers() == [{"id": 0, "result": {"decision": "accept"}}]
        with pytest.raises(ValidationFailed, match="is not open"):
            await run.session.respond_to_request(answer(request_id, "accept"))


async def test_an_option_that_is_not_offered_is_refused() -> None:
    async with running(Server(), PYTHON) as run:
        run.server.ask(0, COMMAND, availableDecisions=["accept"])
        request_id = (await run.context.first("request.opened")).request_id or ""
        with pytest.raises(ValidationFailed, match="no option maybe"):
            await run.session.respond_to_request(answer(request_id, "accept", "maybe"))


async def test_what_the_mode_grants_is_granted_at_once() -> None:
    server = Server()
    sess = session(server, PYTHON)
    start = msgspec.structs.replace(sess.context.spec.start, runtime_mode="full-access")
    sess.context._spec = msgspec.structs.replace(sess.context.spec, start=start)  # type: ignore[attr-defined]
    async with up(sess, server) as run:
        server.ask(4, COMMAND, command="ls")
        resolved = await run.context.first("request.resolved")
        assert resolved.payload.decision == "accept"
        assert server.answers() == [{"id": 4, "result": {"decision": "accept"}}]


async def test_cancelling_permissions_interrupts_the_turn() -> None:
    async with running(Server(), PYTHON) as run:
        await run.session.send_turn(turn("x"))
        run.server.ask(1, PERMISSIONS, permissions={"network": {"enabled": True}})
        request_id = (await run.context.first("request.opened")).request_id or ""
        await run.session.respond_to_request(answer(request_id, "cancel"))
        assert run.server.calls("turn/interrupt") == [{"threadId": THREAD, "turnId": TURN}]
        run.server.complete("interrupted")
        await run.context.first("turn.completed")


async def test_questions_are_answered() -> None:
    async with running(Server(), PYTHON) as run:
        run.server.ask("q", USER_INPUT, questions=[{"id": "a", "question": "?"}])
        request_id = (await run.context.first("user-input.requested")).request_id or ""
        with pytest.raises(ValidationFailed, match="is not open"):
            await run.session.respond_to_request(answer(request_id, "accept"))
        params = RespondToUserInputParams(
            idempotency_key="k", thread_id="t", request_id=request_id, answers={"a": "b"}
        )
        await run.session.respond_to_user_input(params)
        assert run.server.answers() == [
            {"id": "q", "result": {"answers": {"a": {"answers": ["b"]}}}}
        ]
        with pytest.raises(ValidationFailed, match="No questions"):
            await run.session.respond_to_user_input(params)


async def test_every_request_of_codex_gets_an_answer() -> None:
    async with running(Server(), PYTHON) as run:
        for rpc_id, method in enumerate(
            ("currentTime/read", "item/tool/call", "attestation/generate", "brand/new")
        ):
            run.server.ask(rpc_id, method)
        await until_true(lambda: len(run.server.answers()) == 4)
        clock, tool, attest, unknown = run.server.answers()
        assert clock["result"]["currentTimeAt"] > 1_700_000_000
        assert tool["result"]["success"] is False
        assert "cannot attest" in attest["error"]["message"]
        assert unknown["error"]["code"] == -32601


# Noise


async def test_garbage_is_said_and_the_session_goes_on() -> None:
    async with running(Server(), PYTHON) as run:
        run.server._output.put_nowait(b"not json\n[]\n")
        await run.context.first("runtime.warning", 1)
        assert (await run.session.send_turn(turn("x"))).turn_id == TURN


async def test_a_codex_that_reads_nothing_ends_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidecar.providers.link.DRAIN_DEADLINE_S", 0.05)
    async with running(Server(), PYTHON) as run:
        run.server.reads_input.clear()
        run.server.tell("warning", message="x")
        assert "left its input unread" in await asyncio.wait_for(asyncio.shield(run.pump), 10)


async def test_after_the_end_nothing_can_be_called() -> None:
    async with running(Server(), PYTHON) as run:
        run.server.say(end=True)
        await asyncio.wait_for(asyncio.shield(run.pump), 10)
        with pytest.raises(ProviderProcessFailed, match="not up"):
            await run.session.send_turn(turn("x"))
    with pytest.raises(ProviderProcessFailed):
        await session(Server(), PYTHON).send_turn(turn("x"))
    assert Deadlines() != QUICK
