"""The probe of a manifest says what its lines let it say."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from sidecar.contract.errors import ProviderProcessFailed
from sidecar.providers.base import Finding, ProviderCommand, ProviderProcess
from sidecar.providers.command_probe import CommandProbe


class FakeProbeContext:
    """A ProbeContext whose programs answer what the test says."""

    instance_home: str | None = None

    def __init__(self, settings: Mapping[str, Any], env: Mapping[str, str]) -> None:
        self.settings, self.env = settings, env
        self.answer: tuple[int | None, str, str] | None = (0, "", "")
        self.ran: list[list[str]] = []

    async def run(self, argv: Sequence[str], deadline_s: float) -> tuple[int | None, str, str]:
        self.ran.append(list(argv))
        if self.answer is None:
            raise ProviderProcessFailed("Cannot start it")
        return self.answer

    async def spawn(self, command: ProviderCommand) -> ProviderProcess:
        raise AssertionError(command)

    def log(self, level: str, event: str, **fields: Any) -> None:
        pass


@pytest.fixture
def path(tmp_path: Path) -> str:
    program = tmp_path / "bin" / "agent"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n", "utf-8")
    program.chmod(0o755)
    return str(program.parent)


def context(path: str, env: Mapping[str, str] | None = None, **settings: Any) -> FakeProbeContext:
    return FakeProbeContext({"command": "agent", **settings}, {"PATH": path, **(env or {})})


async def look(context: FakeProbeContext) -> Finding:
    return await CommandProbe(context).status()


async def test_a_command_that_is_not_on_path_is_not_installed(tmp_path: Path) -> None:
    found = await look(context(str(tmp_path)))
    assert found == Finding(False, reason="there is no command agent on PATH")


async def test_without_more_lines_it_is_there_and_no_more_is_known(path: str) -> None:
    probed = context(path)
    assert await look(probed) == Finding(True, "unknown", None, f"{path}/agent")
    assert probed.ran == []


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        ((0, "agent 1.2.3-beta (linux)\n", ""), "1.2.3-beta"),
        ((0, "", "v0.9\n"), "0.9"),
        ((1, "", "needs node 20.1\n"), None),
        ((0, "no number", ""), None),
        ((None, "", ""), None),
        (None, None),
    ],
)
async def test_its_version_is_what_looks_like_one(
    path: str, answer: Any, version: str | None
) -> None:
    probed = context(path, versionArgs=["--version"])
    probed.answer = answer
    assert (await look(probed)).version == version
    assert probed.ran == [[f"{path}/agent", "--version"]]


async def test_a_variable_is_a_login(path: str) -> None:
    lines: dict[str, Any] = {"authEnv": ["KEY"], "authHint": "get a key"}
    assert (await look(context(path, {"KEY": "k"}, **lines))).auth == "ok"
    declared = FakeProbeContext({"command": "agent", "env": {"KEY": "k"}, **lines}, {"PATH": path})
    assert (await look(declared)).auth == "ok"
    missing = await look(context(path, {"KEY": ""}, **lines))
    assert missing.auth == "missing"
    assert missing.reason == "not logged in: there is no variable KEY; get a key"


async def test_a_file_is_a_login(path: str, tmp_path: Path) -> None:
    lines: dict[str, Any] = {"authFiles": ["~/.agent/login.json"]}
    env = {"HOME": str(tmp_path)}
    missing = await look(context(path, env, **lines))
    assert (missing.auth, missing.reason) == (
        "missing",
        "not logged in: there is no ~/.agent/login.json",
    )
    (tmp_path / ".agent").mkdir()
    (tmp_path / ".agent" / "login.json").touch()
    assert (await look(context(path, env, **lines))).auth == "ok"


async def test_a_hint_alone_is_shown(path: str) -> None:
    found = await look(context(path, authHint="run agent login"))
    assert (found.auth, found.reason) == ("unknown", "how to log in: run agent login")
