"""Programs that run beside: in order, some at a time, their output kept, ended with the block."""

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


def test_each_lane_takes_the_next_step_and_outcomes_keep_the_order(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    waits = f"while [ ! -e {gate} ]; do sleep 0.01; done"
    steps = [
        Step("first", ["sh", "-c", waits]),
        Step("second", ["sh", "-c", waits]),
        Step("third", ["sh", "-c", f"touch {gate}; exit 4"]),
    ]
    with Beside(steps, lanes=2) as beside:
        beside.add_lane()  # without it nobody would ever open the gate
        assert [(o.step.title, o.code) for o in beside.outcomes()] == [
            ("first", 0),
            ("second", 0),
            ("third", 4),
        ]


@pytest.mark.parametrize("lanes", [1, 2])
def test_leaving_early_ends_the_step_with_all_below_it_and_begins_no_other(
    tmp_path: Path, lanes: int
) -> None:
    never = tmp_path / "never"
    ups = [tmp_path / f"up{number}" for number in range(lanes)]
    scripts = [f"sleep 600 & echo $! > {up}.new; mv {up}.new {up}; wait" for up in ups]
    steps = [Step(f"long{n}", ["sh", "-c", script]) for n, script in enumerate(scripts)]
    with Beside([*steps, Step("next", ["touch", never])], lanes):
        deadline = time.monotonic() + WAIT_S
        while not all(up.exists() for up in ups):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        below = [int(up.read_text()) for up in ups]
        assert all(observer.is_running(pid) for pid in below)
    assert asyncio.run(observer.wait_until_ended(below, WAIT_S)) == []
    assert not never.exists()
    assert not [thread for thread in threading.enumerate() if thread.name == "beside"]
