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
    McpParams,
    ModelSelection,
    RespondToRequestParams,
    RespondToUserInputParams,
    SessionLimits,
)
from sidecar.providers.codex import session as module
from sidecar.providers.codex.deadlines import Deadlines
from sidecar.providers.codex.mapping.requests import COMMAND, PERMISSIONS, USER_INPUT
from tests.providers.codex.server import (
    QUICK,
    THREAD,
    TURN,
    Server,
    opened,
    refusal,
    running,
    session,
    up,
)
from tests.providers.context import Puppet, turn, until_true

PYTHON = sys.executable


def answer(request_id: str, decision: Any, option: str | None = None) -> RespondToRequestParams:
    return RespondToRequestParams(
        idempotency_key="k",
        thread_id="t",
        request_id=request_id,
        decision=decision,
        option_id=option,
    )


# Opening


async def test_a_session_says_that_it_is_open_in_order() -> None:
    async with running(Server(), PYTHON) as run:
        assert [event.type for event in run.context.events] == [
            "session.started",
            "thread.started",
            "session.configured",
            "session.state.changed",
        ]
        config = run.context.of("session.configured")[0].payload.config
        assert (config["version"], config["model"]) == ("0.169.0", "big")
        assert config["models"] == ["big"], "hidden ones are left out"
        assert run.context.cursors == [], "nothing is stored yet"
        asked = run.server.calls("thread/start")[0]
        assert (asked["approvalPolicy"], asked["sandbox"]) == ("untrusted", "read-only")
        assert run.server.calls("initialize")[0]["capabilities"] == {"experimentalApi": True}


async def test_what_comes_before_the_opening_is_said_after_it() -> None:
    server = Server()

    def start(_: dict[str, Any]) -> dict[str, Any]:
        server.tell("warning", message="early")
        server.ask(9, COMMAND, command="x")
        return opened()

    server.answers_to["thread/start"] = start
    async with running(server, PYTHON) as run:
        await run.context.first("request.opened")
        types = [event.type for event in run.context.events]
        assert types.index("session.started") < types.index("runtime.warning")


async def test_too_much_before_the_opening_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HELD_MESSAGES", 1)
    server = Server()

    def start(_: dict[str, Any]) -> dict[str, Any]:
        for number in range(3):
            server.tell("warning", message=f"early {number}")
        return opened()

    server.answers_to["thread/start"] = start
    async with running(server, PYTHON) as run:
        messages = [event.payload.message for event in run.context.of("runtime.warning")]
        assert "early 0" in messages
        assert "early 1" not in messages
        assert any("too much before" in message for message in messages)


async def test_a_codex_that_is_too_old_says_how_to_upgrade() -> None:
    server = Server(initialize={"userAgent": "agent-sidecar/0.31.0 (x)"})
    with pytest.raises(ProviderProcessFailed, match=r"0\.31\.0 is older than 0\.\d+\.0; upgrade"):
        async with running(server, PYTHON):
            pass


async def test_a_missing_login_says_how_to_log_in() -> None:
    server = Server(account_read={"account": None, "requiresOpenaiAuth": True})
    async with running(server, PYTHON) as run:
        status = run.context.of("auth.status")[0].payload
        assert "codex login" in status.error
        assert "CODEX_HOME set to /home" in status.error
        assert run.context.of("runtime.warning")[0].payload.detail == {"kind": "no-account"}
        assert (await run.session.send_turn(turn("x"))).turn_id == TURN, "a gateway may need none"


async def test_an_account_is_said_without_what_is_secret() -> None:
    account = {"type": "chatgpt", "planType": "pro", "email": "a@b", "token": "secret"}
    server = Server(account_read={"account": account, "requiresOpenaiAuth": True})
    async with running(server, PYTHON) as run:
        said = run.context.of("account.updated")[0].payload.account
        assert said == {"type": "chatgpt", "planType": "pro", "email": "a@b"}


async def test_a_model_that_the_account_has_not_is_replaced_and_said() -> None:
    server = Server(account_read={"account": {"type": "chatgpt"}})
    selection = ModelSelection(model="none", options={"effort": "extreme", "fastMode": True})
    async with running(server, PYTHON, model_selection=selection) as run:
        asked = server.calls("thread/start")[0]
        assert (asked["model"], asked["serviceTier"]) == ("big", "priority")
        assert "config" not in asked
        warnings = [event.payload.message for event in run.context.of("runtime.warning")]
        assert any("no model none; big is used instead" in words for words in warnings)
        assert any("no reasoning effort extreme" in words for words in warnings)


async def test_models_that_cannot_be_listed_are_no_trouble() -> None:
    server = Server(model_list=refusal("offline"))
    async with running(server, PYTHON) as run:
        assert "models" not in run.context.of("session.configured")[0].payload.config


async def test_options_go_to_the_thread() -> None:
    options = {
        "effort": "high",
        "serviceTier": "priority",
        "config": {"web_search": "live"},
        "baseInstructions": "b",
        "developerInstructions": "d",
        "personality": "friendly",
    }
    server = Server()
    async with running(
        server, PYTHON, options=options, approval_policy="on-failure", sandbox_mode="read-only"
    ):
        asked = server.calls("thread/start")[0]
        assert asked["config"] == {"web_search": "live", "model_reasoning_effort": "high"}
        assert (asked["serviceTier"], asked["personality"]) == ("priority", "friendly")
        assert (asked["baseInstructions"], asked["developerInstructions"]) == ("b", "d")
        assert (asked["approvalPolicy"], asked["sandbox"]) == ("on-request", "read-only")


async def test_a_conversation_is_resumed() -> None:
    server = Server()
    sess = session(server, PYTHON, resume_cursor={"threadId": "old"})
    async with up(sess, server) as run:
        assert run.context.of("session.started")[0].payload.resume == {"threadId": "old"}
        assert run.context.cursors == [{"threadId": "old"}]
        assert server.calls("thread/resume")[0]["excludeTurns"] is True
        assert server.calls("thread/start") == []


@pytest.mark.parametrize("cursor", [{"threadId": "gone"}, {"threadId": " "}, "rubbish"])
async def test_a_conversation_that_cannot_be_resumed_is_begun_anew_and_said(cursor: Any) -> None:
    server = Server(thread_resume=refusal("no rollout found"))
    sess = session(server, PYTHON, resume_cursor=cursor)
    async with up(sess, server) as run:
        warning = run.context.of("runtime.warning")[0].payload
        assert warning.detail == {"kind": "not-resumed"}
        assert run.context.of("session.started")[0].payload.resume is None
        assert run.context.of("thread.started")[0].payload.provider_thread_id == THREAD


async def test_a_thread_without_an_id_fails_the_opening() -> None:
    with pytest.raises(ProviderRequestFailed, match="without an id"):
        async with running(Server(thread_start={"thread": {}}), PYTHON):
            pass


async def test_a_codex_that_never_answers_meets_the_deadline() -> None:
    fields = {"deadlines": None, "limits": SessionLimits(start_ms=200)}
    with pytest.raises(ProviderRequestFailed, match=r"did not answer initialize within 0\.2 s"):
        async with running(Server(initialize=None), PYTHON, **fields):
            pass


async def test_an_end_while_it_opens_fails_the_opening() -> None:
    server = Server(thread_start=None)
    sess = session(server, PYTHON)
    await sess.launch()
    pump = asyncio.create_task(sess.pump())
    opening = asyncio.create_task(sess.initialise())
    await server.until_called("thread/start")
    server.say(end=True)
    with pytest.raises(ProviderProcessFailed, match="ended before it answered"):
        await opening
    assert await pump == "Codex closed its output"


async def test_a_codex_without_an_app_server_is_asked_for_its_version() -> None:
    server = Server(initialize=None)
    sess = session(server, PYTHON)
    await sess.launch()
    asked = Puppet()
    sess.context.puppet = asked  # type: ignore[attr-defined]
    asked._output.put_nowait(b"codex-cli 0.20.1\n")
    asked._output.put_nowait(b"")
    server.say(end=True)
    assert "0.20.1 is older than" in await sess.pump()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"effort": 7}, "effort"),
        ({"reconnectMs": 0}, "reconnectMs"),
        ({"codexHome": "relative"}, "no absolute path"),
        ({"codexHome": "/dev/null/x"}, "codexHome"),
    ],
)
async def test_bad_options_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationFailed, match=words):
        await session(Server(), PYTHON, options=options).launch()


async def test_a_cwd_that_is_no_directory_is_refused() -> None:
    with pytest.raises(ValidationFailed, match="no absolute directory"):
        await session(Server(), PYTHON, cwd="/no/such/place").launch()


async def test_a_program_that_is_not_there_says_how_to_install_it() -> None:
    with pytest.raises(ProviderProcessFailed, match=r"no Codex at /no/codex.*npm install"):
        await session(Server(), "/no/codex").launch()


async def test_the_home_is_the_options_then_the_instances(tmp_path: Path) -> None:
    home = tmp_path / "own"
    sess = session(Server(), PYTHON, options={"codexHome": str(home)})
    assert sess._launch.command("x").env["CODEX_HOME"] == str(home)
    assert home.is_dir()
    assert home.stat().st_mode & 0o777 == 0o700
    assert "CODEX_HOME" not in session(Server(), PYTHON)._launch.command("x").env


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


# Settings, history, MCP


@pytest.mark.parametrize(
    ("key", "value", "sent"),
    [
        ("model", "other", {"model": "other"}),
        ("reasoningEffort", "high", {"effort": "high"}),
        ("serviceTier", "priority", {"serviceTier": "priority"}),
        ("personality", "none", {"personality": "none"}),
        ("approvalPolicy", "on-failure", {"approvalPolicy": "on-request"}),
        ("sandboxMode", "read-only", {"sandboxPolicy": {"type": "readOnly"}}),
    ],
)
async def test_a_setting_is_set(key: str, value: str, sent: dict[str, Any]) -> None:
    async with running(Server(), PYTHON) as run:
        assert await run.session.set_config(key, value) == {"config": {key: value}}
        asked = run.server.calls("thread/settings/update")[0]
        assert asked == {"threadId": THREAD, **sent}


async def test_plan_mode_is_a_setting() -> None:
    async with running(Server(), PYTHON) as run:
        await run.session.set_config("interactionMode", "plan")
        mode = run.server.calls("thread/settings/update")[0]["collaborationMode"]
        assert mode["mode"] == "plan"
        assert mode["settings"]["model"] == "big"


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        ("colour", "red", Unsupported),
        ("model", 7, ValidationFailed),
        ("effort", "extreme", ValidationFailed),
        ("mode", "chaos", ValidationFailed),
        ("approvalPolicy", "yolo", ValidationFailed),
        ("sandboxMode", None, ValidationFailed),
    ],
)
async def test_a_setting_that_cannot_be_is_refused(
    key: str, value: Any, error: type[Exception]
) -> None:
    async with running(Server(), PYTHON) as run:
        with pytest.raises(error):
            await run.session.set_config(key, value)


PAGES: dict[Any, dict[str, Any]] = {
    None: {"data": [{"id": "a", "items": [{"type": "x"}], "status": "completed"}, {}]},
    "next": {"data": [{"id": "b"}, {"id": "c"}]},
}


def history(params: dict[str, Any]) -> dict[str, Any]:
    cursor = params.get("cursor")
    return {**PAGES[cursor], "nextCursor": "next" if cursor is None else None}


async def test_a_thread_without_turns_is_empty_and_cannot_be_rolled_back() -> None:
    async with running(Server(), PYTHON) as run:
        assert await run.session.read_thread() == {"threadId": "t", "turns": []}
        with pytest.raises(ValidationFailed, match="has no turns"):
            await run.session.rollback_thread(1)


@pytest.mark.parametrize("older", [False, True])
async def test_history_is_read_page_by_page_and_rolled_back(older: bool) -> None:
    server = Server()
    server.answers_to["thread/turns/list"] = history
    server.answers_to["thread/revert"] = refusal("unknown variant `thread/revert`") if older else {}
    server.answers_to["thread/rollback"] = {}
    async with running(server, PYTHON) as run:
        await run.session.send_turn(turn("x"))
        with pytest.raises(ValidationFailed, match="is running"):
            await run.session.rollback_thread(1)
        server.complete()
        await run.context.first("turn.completed")
        thread: Any = await run.session.read_thread()
        assert [t["id"] for t in thread["turns"]] == ["a", "b", "c"]
        assert thread["turns"][0] == {"id": "a", "items": [{"type": "x"}], "status": "completed"}
        kept: Any = await run.session.rollback_thread(2)
        assert [t["id"] for t in kept["turns"]] == ["a"]
        assert server.calls("thread/revert") == [{"threadId": THREAD, "beforeTurnId": "b"}]
        assert len(server.calls("thread/rollback")) == int(older)
        with pytest.raises(ValidationFailed, match="the thread has 3"):
            await run.session.rollback_thread(4)


async def test_a_refused_rollback_is_refused() -> None:
    server = Server(thread_revert=refusal("busy"))
    server.answers_to["thread/turns/list"] = history
    async with running(server, PYTHON) as run:
        await run.session.send_turn(turn("x"))
        server.complete()
        await run.context.first("turn.completed")
        with pytest.raises(ProviderRequestFailed, match="busy"):
            await run.session.rollback_thread(1)


SERVERS = [
    {"name": "a", "runtimeStatus": "connected", "tools": {"t": {}}},
    {"name": "b", "runtimeStatus": "failed", "toolsError": "e"},
    {"name": "c", "runtimeStatus": "connected", "authStatus": "notLoggedIn"},
    {"name": "d"},
    {},
]


async def test_mcp_servers_are_told_and_changed() -> None:
    server = Server()
    server.answers_to["mcpServerStatus/list"] = lambda p: {
        "data": SERVERS if "cursor" not in p else [],
        "nextCursor": None if "cursor" in p else "more",
    }
    server.answers_to |= {"config/value/write": {}, "config/mcpServer/reload": {}}
    async with running(server, PYTHON) as run:
        told: Any = await run.session.mcp("status", McpParams(thread_id="t"))
        assert told["servers"] == [
            {"name": "a", "state": "connected", "tools": ["t"]},
            {"name": "b", "state": "failed", "error": "e"},
            {"name": "c", "state": "needs-auth"},
            {"name": "d", "state": "unknown"},
        ]
        config = {"type": "http", "url": "https://x", "headers": {"A": "b"}}
        await run.session.mcp("add", McpParams(thread_id="t", name="x.y", config=config))
        await run.session.mcp("connect", McpParams(thread_id="t", name="x"))
        await run.session.mcp("disconnect", McpParams(thread_id="t", name="x"))
        edits = [(e["keyPath"], e["value"]) for e in server.calls("config/value/write")]
        assert edits == [
            ('mcp_servers."x.y"', {"url": "https://x", "http_headers": {"A": "b"}}),
            ("mcp_servers.x.enabled", True),
            ("mcp_servers.x.enabled", False),
        ]
        assert len(server.calls("config/mcpServer/reload")) == 3
        for verb, params, error in (
            ("add", McpParams(thread_id="t"), ValidationFailed),
            ("add", McpParams(thread_id="t", name="x"), ValidationFailed),
            ("dance", McpParams(thread_id="t", name="x"), Unsupported),
        ):
            with pytest.raises(error):
                await run.session.mcp(verb, params)


# Noise


async def test_garbage_is_said_and_the_session_goes_on() -> None:
    async with running(Server(), PYTHON) as run:
        run.server._output.put_nowait(b"not json\n[]\n")
        await run.context.first("runtime.warning", 1)
        assert (await run.session.send_turn(turn("x"))).turn_id == TURN


async def test_a_codex_that_reads_nothing_ends_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidecar.providers.codex.link.DRAIN_DEADLINE_S", 0.05)
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
