"""How a Codex session opens, and what keeps it from opening."""

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
    ModelSelection,
    SessionLimits,
)
from sidecar.providers.codex import session as module
from sidecar.providers.codex.mapping.requests import COMMAND
from tests.providers.codex.server import (
    THREAD,
    TURN,
    Server,
    opened,
    refusal,
    running,
    session,
    up,
)
from tests.providers.context import Puppet, turn

PYTHON = sys.executable


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
