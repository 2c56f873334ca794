"""A bundle is written whole or not at all, and what cannot be found out does not hide the rest."""

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from sidecar.observe import bundle as bundles
from sidecar.observe.bundle import LOG_BYTES
from sidecar.observe.diagnose import main

SECRET = "sk-planted-0123456789abcdef"


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def diagnose(data_dir: Path, *words: str) -> tuple[int, dict[str, str]]:
    out = data_dir.parent / "out.zip"
    code = main(["--data-dir", str(data_dir), "--out", str(out), "--no-agents", *words])
    with zipfile.ZipFile(out) as bundle:
        return code, {Path(name).name: bundle.read(name).decode() for name in bundle.namelist()}


def record(**fields: Any) -> str:
    return json.dumps({"at": "2026-11-22T10:00:00.000Z", "event": "x", **fields}) + "\n"


def test_without_a_data_dir_nothing_is_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["--data-dir", str(tmp_path / "none"), "--out", str(tmp_path / "out.zip")]) == 2
    assert "there is no data dir" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_not_written_over(
    capsys: pytest.CaptureFixture[str], data_dir: Path
) -> None:
    out = data_dir.parent / "out.zip"
    out.write_text("mine")
    assert main(["--data-dir", str(data_dir), "--out", str(out)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert out.read_text() == "mine"


def test_a_place_that_cannot_be_written_is_said(
    capsys: pytest.CaptureFixture[str], data_dir: Path
) -> None:
    out = data_dir / "no" / "such" / "out.zip"
    assert main(["--data-dir", str(data_dir), "--out", str(out), "--no-agents"]) == 2
    assert "Cannot write a bundle" in capsys.readouterr().err


def test_what_is_broken_says_so_and_hides_nothing_else(
    capsys: pytest.CaptureFixture[str], data_dir: Path
) -> None:
    (data_dir / "journal.db").write_bytes(b"no database at all" * 100)
    (data_dir / "run.json").write_text("[")
    (data_dir / "sidecar.log").write_text(record(cid="t1/1"))
    code, parts = diagnose(data_dir)

    assert code == 1
    assert "Cannot read the journal" in json.loads(parts["journal.json"])["error"]
    assert "error" in json.loads(parts["run.json"])
    assert json.loads(parts["sessions.json"]) == {"sessions": [], "exits": []}
    assert json.loads(parts["sidecar.log"])["cid"] == "t1/1"
    assert "journal.json could not" in capsys.readouterr().err


def test_logs_are_redacted_again_bounded_and_readable(
    monkeypatch: pytest.MonkeyPatch, data_dir: Path
) -> None:
    monkeypatch.setenv("MY_TOKEN", "planted-in-the-environment")
    monkeypatch.setattr(bundles, "LOG_BYTES", 5_000)
    (data_dir / "sidecar.log.1").write_text(
        record(why=SECRET) + "no JSON planted-in-the-environment\n" + record(said={"a": [SECRET]})
    )
    (data_dir / "sidecar.log").write_text("".join(record(n=n) for n in range(500)))
    (data_dir / "client.log").write_text(record(role="client"))
    _, parts = diagnose(data_dir)

    assert "planted" not in "".join(parts.values())
    assert parts["sidecar.log.1"].count("[redacted]") == 3
    lines = parts["sidecar.log"].splitlines()
    assert [json.loads(line)["n"] for line in lines] == list(range(500 - len(lines), 500))
    assert len(parts["sidecar.log"]) <= 5_000 < LOG_BYTES
    assert "client.log" in parts


def test_a_damaged_log_is_taken_along_and_stops_nothing(data_dir: Path) -> None:
    damage = ["[" * 100_000, '{"cid": {}, "at": 5}', '{"m": "\\ud800"}', "\0" * 100]
    (data_dir / "sidecar.log").write_text("\n".join([*damage, record(n=1)]))
    (data_dir / "client.log").mkdir()
    _, parts = diagnose(data_dir)

    lines = parts["sidecar.log"].splitlines()
    assert len(lines) == len(damage) + 1
    assert json.loads(lines[-1])["n"] == 1


def test_a_bundle_of_one_session_has_no_lines_of_another(data_dir: Path) -> None:
    (data_dir / "sidecar.log").write_text(record(cid="t1/1") + record(cid="t2/1") + record())
    _, parts = diagnose(data_dir, "--thread", "t1")
    assert [json.loads(line).get("cid") for line in parts["sidecar.log"].splitlines()] == [
        "t1/1",
        None,
    ]


def test_a_session_that_nobody_knows_is_said(
    capsys: pytest.CaptureFixture[str], data_dir: Path
) -> None:
    code, parts = diagnose(data_dir, "--thread", "nope")
    assert code == 1
    assert "the journal has no session nope" in parts["sessions.json"]
    assert "sessions.json could not be found out" in capsys.readouterr().err


def test_it_is_for_its_owner_alone_and_leaves_no_half_of_itself(data_dir: Path) -> None:
    diagnose(data_dir)
    out = data_dir.parent / "out.zip"
    assert out.stat().st_mode & 0o777 == 0o600
    assert sorted(os.listdir(data_dir.parent)) == ["data", "out.zip"]  # noqa: PTH208
