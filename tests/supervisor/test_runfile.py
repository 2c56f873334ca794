import json
from pathlib import Path

import pytest

from sidecar.core.redaction import Redactor
from sidecar.observe.log import Log, null_log
from sidecar.supervisor.runfile import RunFile, read_run_file
from sidecar.supervisor.settings import parse_settings

SETTINGS = parse_settings(
    {
        "placement": "one",
        "providers": {"codex": {"apiKey": "planted"}},
        "instances": {"work": {"provider": "codex", "env": {"A": "planted"}}},
    }
)


def test_it_tells_what_runs_for_its_owner_alone_and_no_secret(tmp_path: Path) -> None:
    run = RunFile(tmp_path, SETTINGS, Redactor(["planted-token"]), null_log())
    run.note(instance="i", why="with planted-token in it")
    run.note(stoppedAt="now")

    facts = read_run_file(tmp_path)
    assert (facts["instance"], facts["stoppedAt"]) == ("i", "now")
    assert facts["settings"]["placement"] == "one"
    assert "planted" not in (tmp_path / "run.json").read_text()
    assert (tmp_path / "run.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_that_it_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    lines: list[str] = []
    RunFile(tmp_path / "none", SETTINGS, Redactor(), Log((lines.append,))).note(instance="i")
    assert json.loads(lines[0])["event"] == "run-file.not-written"


@pytest.mark.parametrize("text", ["", "[", "[1]", "null"])
def test_one_that_is_broken_is_an_error_that_can_be_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(ValueError, match=r".+"):
        read_run_file(tmp_path)
