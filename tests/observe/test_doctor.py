"""The doctor says what works, what does not, and what was never run."""

import json
from pathlib import Path

import pytest

from sidecar import cli
from sidecar.observe import doctor
from sidecar.process import NEVER_RUN_HERE


@pytest.fixture(autouse=True)
def _own_data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))


def test_it_lists_what_was_never_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor"]) == 0
    text = capsys.readouterr().out
    assert NEVER_RUN_HERE
    assert all(line in text for line in NEVER_RUN_HERE)
    assert "demo (Demo agent): auth ok" in text


def test_json_has_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert {p["provider"] for p in report["providers"]} >= {"acp", "demo"}
    assert report["neverRunHere"] == NEVER_RUN_HERE


def test_what_does_not_work_is_a_failed_check(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> str:
        raise OSError("no space left")

    monkeypatch.setitem(doctor._PROBES, "data dir", broken)
    assert doctor.main([]) == 1
    assert "FAIL data dir: no space left" in capsys.readouterr().out
