"""The doctor says what works, what does not, what agents there are, and what was never run."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sidecar.observe import doctor
from sidecar.process import NEVER_RUN_HERE

ROOT = Path(__file__).parents[2]
NO_SHELL = {"env": {"loginShell": False}}


def run(tmp_path: Path, *arguments: str, settings: Any = None, path: str = "") -> tuple[int, str]:
    """Run the doctor as a person does; a whole process, as it adopts orphans."""
    (tmp_path / "settings.json").write_text(json.dumps(NO_SHELL | (settings or {})), "utf-8")
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "sidecar", "doctor", *arguments),
            *("--data-dir", str(tmp_path / "data"), "--settings", str(tmp_path / "settings.json")),
        ],
        cwd=ROOT,
        env=os.environ
        | {
            "PATH": f"{path}:/usr/bin:/bin" if path else "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "SHELL": "/bin/bash",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ran.returncode, ran.stdout + ran.stderr


def agent(folder: Path, body: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "my-agent"
    path.write_text(f"#!/bin/sh\n{body}\n", "utf-8")
    path.chmod(0o755)
    return path


def manifest(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "data" / "providers"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text(text, "utf-8")


def test_it_lists_what_was_never_run_and_every_provider(tmp_path: Path) -> None:
    code, text = run(tmp_path)
    assert code == 0
    assert NEVER_RUN_HERE
    assert all(line in text for line in NEVER_RUN_HERE)
    assert "demo (Demo agent): installed" in text
    assert "login shell: not asked" in text


def test_json_has_the_same(tmp_path: Path) -> None:
    code, text = run(tmp_path, "--json")
    report = json.loads(text)
    assert code == 0
    assert {p["provider"] for p in report["providers"]} >= {"acp", "demo", "cursor"}
    assert report["neverRunHere"] == NEVER_RUN_HERE
    assert report["environment"]["path"] == "/usr/bin:/bin"


def test_an_installed_agent_is_shown_with_its_version_and_why_it_cannot_log_in(
    tmp_path: Path,
) -> None:
    manifest(
        tmp_path,
        'command = "my-agent"\nversionArgs = ["-V"]\nauthEnv = ["MY_KEY"]\n'
        'authHint = "run my-agent login"\n',
    )
    agent(tmp_path / "bin", "echo my-agent 4.2.1")
    _, text = run(tmp_path, "--json", path=str(tmp_path / "bin"))
    found = next(p for p in json.loads(text)["providers"] if p["provider"] == "mine")
    assert (found["installed"], found["version"], found["auth"]) == (True, "4.2.1", "missing")
    assert found["path"] == str(tmp_path / "bin" / "my-agent")
    assert found["reason"] == ("not logged in: there is no variable MY_KEY; run my-agent login")


def test_what_is_not_installed_and_what_is_declared_wrongly_say_so(tmp_path: Path) -> None:
    manifest(tmp_path, 'command = "my-agent"\n')
    code, text = run(tmp_path, settings={"agents": {"bad": {"comand": "x"}}})
    assert code == 0
    assert "mine (mine): not installed; there is no command my-agent on PATH" in text
    assert "bad (bad): not installed; settings agents.bad" in text


def test_the_login_shell_is_asked(tmp_path: Path) -> None:
    (tmp_path / ".bash_profile").write_text("export PATH=/from/the/shell:$PATH\n", "utf-8")
    _, text = run(tmp_path, settings={"env": {}})
    assert "login shell: answered" in text
    assert "/from/the/shell:" in text


def test_settings_that_cannot_be_read_are_an_error(tmp_path: Path) -> None:
    code, text = run(tmp_path, settings={"stopMs": "soon"})
    assert code == 2
    assert "stopMs" in text


def test_what_does_not_work_is_a_failed_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> str:
        raise OSError("no space left")

    async def nothing(*_: object) -> tuple[dict[str, Any], list[Any]]:
        return {"path": "", "loginShell": ""}, []

    monkeypatch.setattr(doctor, "_look", nothing)
    monkeypatch.setitem(doctor._PROBES, "temporary folder", broken)
    assert doctor.main(["--data-dir", str(tmp_path)]) == 1
    assert "FAIL temporary folder: no space left" in capsys.readouterr().out
