"""Programs that run beside: in order, with their output kept, ended with the block."""

import asyncio
import sys
import threading
import time
from pathlib import Path

import pytest

from buildtool import paths
from buildtool.beside import Beside, Step
from tests.support import observer

WAIT_S = 20.0


@pytest.fixture(autouse=True)
def logs_in_a_temporary_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setattr(paths, "LOGS", tmp_path_factory.mktemp("logs"))


def python(title: str, code: str, **more: object) -> Step:
    return Step(title, [sys.executable, "-c", code], **more)  # type: ignore[arg-type]


def test_steps_run_in_order_and_tell_how_they_ended(capfd: pytest.CaptureFixture[str]) -> None:
    first = python("first", "import os; print(os.environ['WORD']); exit(3)", env={"WORD": "one"})
    with Beside([first, python("second", "print('two')")]) as beside:
        outcomes = beside.outcomes()
    assert [(o.step.title, o.code, o.lines) for o in outcomes] == [
        ("first", 3, ["one"]),
        ("second", 0, ["two"]),
    ]
    assert capfd.readouterr() == ("", "")


def test_nothing_to_run_is_over_at_once() -> None:
    with Beside([]) as beside:
        assert beside.outcomes() == []


def test_leaving_early_ends_the_step_with_all_below_it_and_begins_no_other(tmp_path: Path) -> None:
    up, never = tmp_path / "up", tmp_path / "never"
    script = f"sleep 600 & echo $! > {up}.new; mv {up}.new {up}; wait"
    steps = [Step("long", ["sh", "-c", script]), Step("next", ["touch", never])]
    with Beside(steps):
        deadline = time.monotonic() + WAIT_S
        while not up.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        below = int(up.read_text())
        assert observer.is_running(below)
    assert asyncio.run(observer.wait_until_ended([below], WAIT_S)) == []
    assert not never.exists()
    assert not [thread for thread in threading.enumerate() if thread.name == "beside"]
