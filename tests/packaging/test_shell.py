"""Running other programs: quiet when all is well, telling when not."""

import os
import signal
import sys

import pytest

from buildtool import shell


@pytest.fixture(autouse=True)
def logs_in_a_temporary_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setattr(shell, "LOGS", tmp_path_factory.mktemp("logs"))


def test_quiet_returns_the_output_and_prints_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    said = shell.quiet("a step", [sys.executable, "-c", "print('much text')"])
    assert said == "much text\n"
    printed = capsys.readouterr().out
    assert printed.startswith("  a step")
    assert "much text" not in printed


def test_quiet_failure_shows_the_end_of_the_log() -> None:
    code = "print('early'); print('\\n' * 100 + 'the cause'); raise SystemExit(3)"
    with pytest.raises(shell.BuildError) as failure:
        shell.quiet("a step", [sys.executable, "-c", code])
    assert "exit code 3" in str(failure.value)
    assert "the cause" in str(failure.value)
    assert "early" not in str(failure.value)


def test_quiet_says_which_program_is_missing() -> None:
    with pytest.raises(shell.BuildError, match="cannot start no-such-program"):
        shell.quiet("a step", ["no-such-program"])


def test_streamed_passes_on_and_keeps_the_last_lines(capsys: pytest.CaptureFixture[str]) -> None:
    code = "print('one'); print('two'); raise SystemExit(4)"
    assert shell.streamed([sys.executable, "-c", code]) == (4, ["one", "two"])
    assert capsys.readouterr().out == "one\ntwo\n"


LEAVES_ONE = """
import subprocess, sys
left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(left.pid, flush=True)
"""


def test_streamed_does_not_wait_for_a_process_that_holds_the_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shell, "OUTPUT_DEADLINE_S", 0.1)
    code, lines = shell.streamed([sys.executable, "-c", LEAVES_ONE])
    os.kill(int(lines[0]), signal.SIGKILL)
    assert code == 0
    assert "holds the output open" in capsys.readouterr().out
