"""The self-check of a build: passes here, and names what is missing."""

import json

import pytest

from sidecar.observe import selftest


def test_everything_is_present_in_this_environment() -> None:
    findings = selftest.selftest()
    assert findings["failed"] == {}
    assert set(findings["passed"]) == set(selftest.CHECKS)
    assert findings["frozen"] is False


def test_a_failing_check_is_named_and_does_not_stop_the_others() -> None:
    def broken() -> str:
        raise ImportError("No module named '_ctypes'")

    findings = selftest.selftest({"ctypes": broken, "sqlite": lambda: "3"})
    assert findings["failed"] == {"ctypes": "ImportError: No module named '_ctypes'"}
    assert findings["passed"] == {"sqlite": "3"}


def test_main_prints_one_json_line_and_fails_with_a_failed_check(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(selftest, "CHECKS", {"loop": lambda: "loop"})
    assert selftest.main() == 0
    monkeypatch.setattr(selftest, "CHECKS", {"loop": lambda: 1 / 0})
    assert selftest.main() == 1
    first, second = capsys.readouterr().out.splitlines()
    assert json.loads(first)["passed"] == {"loop": "loop"}
    assert "ZeroDivisionError" in json.loads(second)["failed"]["loop"]
