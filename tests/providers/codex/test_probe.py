"""What a probe finds out about Codex, and that it never raises for what it finds."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from sidecar.contract.errors import ProviderProcessFailed
from sidecar.providers.base import ProviderCommand, ProviderProcess
from sidecar.providers.codex.probe import CodexProbe
from tests.providers.codex.server import Server, refusal


class Context:
    """A ProbeContext around a scripted app-server."""

    def __init__(self, server: Server, version: str, **settings: Any) -> None:
        self._server = server
        self._version = version
        self._settings = {"binaryPath": sys.executable} | settings
        self.commands: list[ProviderCommand] = []
        self.instance_home: str | None = None

    @property
    def settings(self) -> Mapping[str, Any]:
        return self._settings

    @property
    def env(self) -> Mapping[str, str]:
        return {}

    async def run(self, argv: Sequence[str], deadline_s: float) -> tuple[int | None, str, str]:
        assert argv[1:] == ["--version"]
        return 0, self._version, ""

    async def spawn(self, command: ProviderCommand) -> ProviderProcess:
        self.commands.append(command)
        return self._server

    def log(self, level: str, event: str, **fields: Any) -> None:
        pass


def probe(version: str = "codex-cli 0.169.0", settings: Any = None, **answers: Any) -> CodexProbe:
    return CodexProbe(Context(Server(**answers), version, **(settings or {})))


async def test_an_installed_codex_with_an_account(tmp_path: Path) -> None:
    found = probe(account_read={"account": {"type": "chatgpt", "planType": "pro"}})
    assert isinstance(found.context, Context)
    found.context.instance_home = str(tmp_path / "instance")
    finding = await found.status()
    assert (finding.installed, finding.auth, finding.version) == (True, "ok", "0.169.0")
    assert finding.account == {"type": "chatgpt", "planType": "pro"}
    assert finding.path == sys.executable
    assert found.context.commands[0].env["CODEX_HOME"] == str(tmp_path / "instance")
    assert (tmp_path / "instance").is_dir(), "Codex wants it to exist"


async def test_a_codex_that_needs_no_account() -> None:
    finding = await probe("no version").status()
    assert (finding.auth, finding.version) == ("unknown", "0.169.0")


async def test_a_codex_without_a_login() -> None:
    finding = await probe(account_read={"account": None, "requiresOpenaiAuth": True}).status()
    assert (finding.installed, finding.auth) == (True, "missing")
    assert "codex login" in (finding.reason or "")
    assert await probe(account_read={"account": None, "requiresOpenaiAuth": True}).models() != []


async def test_a_codex_that_is_too_old_is_not_asked() -> None:
    finding = await probe("codex-cli 0.20.0").status()
    assert finding.version == "0.20.0"
    assert "0.20.0 is older than" in (finding.reason or "")


async def test_no_codex() -> None:
    finding = await probe(settings={"binaryPath": "/no/codex"}).status()
    assert finding.installed is False
    assert "npm install" in (finding.reason or "")


async def test_a_codex_that_refuses_to_talk() -> None:
    finding = await probe(initialize=refusal("broken")).status()
    assert (finding.installed, finding.auth) == (True, "unknown")
    assert "broken" in (finding.reason or "")


async def test_models_are_listed_without_the_hidden_ones() -> None:
    (model,) = await probe().models()
    assert (model.slug, model.name, model.is_default) == ("big", "Big", True)
    assert model.options == {
        "takesImages": True,
        "efforts": ["low", "high"],
        "defaultEffort": "low",
        "serviceTiers": [{"id": "priority", "name": "Fast", "description": "faster"}],
    }


async def test_models_that_cannot_be_asked_for_are_none() -> None:
    assert await probe(initialize=refusal("broken")).models() == []


async def test_a_program_that_does_not_start_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    found = probe()

    async def run(*_: Any) -> Any:
        raise ProviderProcessFailed("cannot start")

    monkeypatch.setattr(found.context, "run", run)
    finding = await found.status()
    assert (finding.installed, finding.reason) == (True, "cannot start")
