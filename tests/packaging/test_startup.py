"""Starting a binary to measure it: what is good, and what the smoke test must not let pass."""

import os
import re
import signal
import sys
from pathlib import Path

import pytest

from buildtool import observer, startup
from buildtool.shell import BuildError

READY = """
import json, os, subprocess, sys
bootstrap = json.loads(sys.stdin.readline())
assert len(bootstrap["token"]) == 64 and sys.argv[1] == "serve"
print(json.dumps({"event": "ready", "pid": os.getpid(), "url": "ws://"}), flush=True)
"""
UNTIL_EOF = "sys.stdin.read()\n"


def program(folder: Path, text: str) -> Path:
    """Write an executable that stands in for the sidecar."""
    path = folder / "agent-sidecar"
    path.write_text(f"#!{sys.executable}\n{text}", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_good_program_is_measured_and_ended(tmp_path: Path) -> None:
    with startup.running(program(tmp_path, READY + UNTIL_EOF), dict(os.environ)) as started:
        assert started.ready["event"] == "ready"
        assert started.ready_ms > 0
        if observer.SUPPORTED:
            (memory,) = startup.memory_of(started)
            assert 0 < memory.pss_bytes <= memory.rss_bytes
    assert started.process.returncode == 0
    assert not started.folder.exists()


def test_program_that_cannot_start_is_reported_with_its_stderr(tmp_path: Path) -> None:
    text = "import sys\nprint('{\"event\":\"failed\"}')\nsys.exit('no disk')\n"
    with (
        pytest.raises(BuildError, match="no disk"),
        startup.running(program(tmp_path, text), dict(os.environ)),
    ):
        pass


def test_program_that_never_says_ready_is_killed_at_the_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(startup, "READY_DEADLINE_S", 0.2)
    text = "import sys\nsys.stdin.read()\n"
    with (
        pytest.raises(BuildError, match="does not get ready"),
        startup.running(program(tmp_path, text), dict(os.environ)),
    ):
        pass


def test_exit_code_after_end_of_stdin_must_be_zero(tmp_path: Path) -> None:
    path = program(tmp_path, READY + UNTIL_EOF + "sys.exit(3)\n")
    with (
        pytest.raises(BuildError, match="exit code 3"),
        startup.running(path, dict(os.environ)),
    ):
        pass


def test_program_that_ignores_end_of_stdin_is_reported_and_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(startup, "EXIT_DEADLINE_S", 0.2)
    path = program(tmp_path, READY + "import time\ntime.sleep(600)\n")
    with (
        pytest.raises(BuildError, match="after its stdin was closed"),
        startup.running(path, dict(os.environ)) as started,
    ):
        pass
    assert started.process.returncode == -signal.SIGKILL


@pytest.mark.skipif(not observer.SUPPORTED, reason="needs /proc")
def test_process_left_behind_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startup, "EXIT_DEADLINE_S", 1.0)
    leave = "subprocess.Popen(['sleep', '601'], start_new_session=True, stdout=2)\n"
    path = program(tmp_path, READY + leave + UNTIL_EOF)
    with (
        pytest.raises(BuildError, match=r"processes left.*sleep 601") as failure,
        startup.running(path, dict(os.environ)),
    ):
        pass
    named = re.search(r"(\d+) sleep 601", str(failure.value))
    assert named is not None
    os.kill(int(named[1]), signal.SIGKILL)


def test_unpacked_folder_left_behind_is_reported(tmp_path: Path) -> None:
    unpack = "import pathlib\npathlib.Path(os.environ['TMPDIR'], '_MEIx').mkdir()\n"
    with (
        pytest.raises(BuildError, match="_MEIx"),
        startup.running(program(tmp_path, READY + unpack + UNTIL_EOF), dict(os.environ)),
    ):
        pass
