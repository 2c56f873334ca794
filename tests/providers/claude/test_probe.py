"""What is found out about Claude without a session, with a fake of it on PATH."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from sidecar.contract.errors import ProviderProcessFailed
from sidecar.providers.claude.probe import ClaudeProbe
from tests.providers.context import Puppet, until_true

VERSION = (0, "2.1.197 (Claude Code)\n", "")
LOGGED_IN = {"loggedIn": True, "authMethod": "claude.ai", "email": "me@x.org", "x": 7}


class Context:
    """A ProbeContext whose programs say what the test says."""

    instance_home = None

    def __init__(self, path: Path, said: dict[str, Any] | None = None, **settings: Any) -> None:
        self.settings = settings
        self.env = {"PATH": str(path)}
        self.puppet = Puppet()
        self._said = said or {}

    async def run(self, argv: Any, deadline_s: float) -> tuple[int | None, str, str]:
        assert deadline_s > 0
        found = self._said[argv[-1]]
        if isinstance(found, Exception):
            raise found
        return found  # type: ignore[no-any-return]

    async def spawn(self, command: Any) -> Any:
        return self.puppet

    def log(self, level: str, event: str, **fields: Any) -> None:
        pass


@pytest.fixture
def bin_path(tmp_path: Path) -> Path:
    program = tmp_path / "claude"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return tmp_path


async def test_a_cli_that_is_logged_in_is_found_with_its_version_and_account(
    bin_path: Path,
) -> None:
    said = {"--version": VERSION, "status": (0, json.dumps(LOGGED_IN), "")}
    found = await ClaudeProbe(Context(bin_path, said)).status()
    assert (found.installed, found.auth, found.version) == (True, "ok", "2.1.197")
    assert found.path == str(bin_path / "claude")
    assert found.account == {"email": "me@x.org", "authMethod": "claude.ai"}
    assert found.reason is None


async def test_a_missing_login_says_how_to_log_in(bin_path: Path) -> None:
    said = {"--version": (0, "", ""), "status": (1, '{"loggedIn": false}', "")}
    found = await ClaudeProbe(Context(bin_path, said)).status()
    assert (found.installed, found.auth, found.version) == (True, "missing", None)
    assert "claude auth login" in (found.reason or "")


@pytest.mark.parametrize("answer", ["unknown command", "[]", "{}"])
async def test_a_version_that_cannot_tell_is_unknown(bin_path: Path, answer: str) -> None:
    said = {"--version": VERSION, "status": (1, answer, "")}
    found = await ClaudeProbe(Context(bin_path, said)).status()
    assert (found.installed, found.auth) == (True, "unknown")


async def test_a_missing_program_says_how_to_install_it(tmp_path: Path) -> None:
    found = await ClaudeProbe(Context(tmp_path)).status()
    assert not found.installed
    assert "npm install" in (found.reason or "")
    found = await ClaudeProbe(Context(tmp_path, command="/no/claude")).status()
    assert "/no/claude" in (found.reason or "")
    assert await ClaudeProbe(Context(tmp_path)).models() == []


async def test_what_goes_wrong_is_the_reason(bin_path: Path) -> None:
    said = {"--version": ProviderProcessFailed("Cannot start claude")}
    found = await ClaudeProbe(Context(bin_path, said)).status()
    assert found.reason == "Cannot start claude"
    found = await ClaudeProbe(Context(bin_path, args=7)).status()
    assert "option" in (found.reason or "")
    assert await ClaudeProbe(Context(bin_path, args=7)).models() == []


async def test_a_runner_brings_its_own_claude(bin_path: Path) -> None:
    found = await ClaudeProbe(Context(bin_path, runner={"command": "claude"})).status()
    assert (found.installed, found.auth) == (True, "unknown")
    found = await ClaudeProbe(Context(bin_path, runner={"command": "node"})).status()
    assert not found.installed


async def test_the_models_are_those_of_the_handshake(bin_path: Path) -> None:
    context = Context(bin_path)
    asking = asyncio.create_task(ClaudeProbe(context).models())
    await until_true(lambda: context.puppet.heard)
    rows = [
        {"value": "default", "displayName": "Default", "supportedEffortLevels": ["low", 7]},
        {"value": "opus", "description": "Best", "supportedEffortLevels": 7},
        {"displayName": "nameless"},
    ]
    request_id = context.puppet.heard[0]["request_id"]
    response = {"subtype": "success", "request_id": request_id, "response": {"models": rows}}
    context.puppet.say({"type": "control_response", "response": response})
    default, opus = await asking
    assert (default.slug, default.is_default, default.options) == (
        "default",
        True,
        {"effort": ["low"]},
    )
    assert (opus.name, opus.is_default, opus.options) == ("opus", None, None)
    assert context.puppet.stdin_closed


async def test_a_claude_that_ends_has_no_models(bin_path: Path) -> None:
    context = Context(bin_path)
    context.puppet.say(end=True)
    assert await ClaudeProbe(context).models() == []
