"""The log is one JSON object a line, keeps secrets, and never waits for its reader."""

import fcntl
import json
import os
from pathlib import Path

import pytest

from sidecar.core import knownsecrets
from sidecar.core.redaction import Redactor
from sidecar.observe.log import LOG_FILES, FileSink, Log, Secret, null_log, stderr_sink


def test_a_record_has_its_time_level_event_and_bound_fields() -> None:
    lines: list[str] = []
    Log((lines.append,), role="supervisor").bind(thread="t").info("host.exited", code=3)
    record = json.loads(lines[0])
    assert record.pop("at").endswith("Z")
    assert record == {
        "level": "info",
        "event": "host.exited",
        "role": "supervisor",
        "cid": "t",
        "code": 3,
    }


def test_what_correlates_becomes_one_field_wherever_it_was_bound() -> None:
    lines: list[str] = []
    log = Log((lines.append,)).bind(thread="t1", generation=2)
    log.info("turn.started", turn="turn-9")
    log.info("sidecar.ready", generation=None, thread=None)
    first, second = (json.loads(line) for line in lines)
    assert first["cid"] == "t1/2/turn-9"
    assert not {"thread", "generation", "turn"} & set(first)
    assert "cid" not in second


def test_a_known_secret_is_in_no_record_that_a_bound_log_writes() -> None:
    lines: list[str] = []
    bound = Log((lines.append,), cleaner=Redactor(["planted-secret"])).bind(where="planted-secret")
    bound.error("x", error=ValueError("planted-secret"), fields={"a": ["planted-secret"]})
    bound.exception("y", RuntimeError("planted-secret"))
    assert "planted-secret" not in "".join(lines)
    assert bound.clean("a planted-secret") == "a [redacted]"


def test_records_below_the_level_are_not_written() -> None:
    lines: list[str] = []
    log = Log((lines.append,), level="warning").bind(a=1)
    log.debug("x")
    log.info("x")
    log.warning("y")
    log.error("z")
    assert [json.loads(line)["event"] for line in lines] == ["y", "z"]


def test_a_secret_is_never_shown() -> None:
    lines: list[str] = []
    secret = Secret("planted-secret")
    Log((lines.append,)).info("boot", token=secret, text=f"{secret} {secret!r}")
    assert "planted-secret" not in lines[0]
    assert secret.reveal() == "planted-secret"


def test_an_exception_is_logged_with_its_traceback() -> None:
    lines: list[str] = []
    try:
        raise ValueError("of all things")
    except ValueError as error:
        Log((lines.append,)).exception("oops", error)
    assert "test_log.py" in json.loads(lines[0])["traceback"]


def test_the_file_is_rotated_and_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidecar.observe.log.LOG_FILE_BYTES", 2_000)
    sink = FileSink(tmp_path / "sidecar.log")
    for number in range(500):
        sink(json.dumps({"number": number}))
    sink.close()
    files = sorted(tmp_path.iterdir())
    assert len(files) == LOG_FILES
    assert all(f.stat().st_size <= 2_000 for f in files)
    last = (tmp_path / "sidecar.log").read_text().splitlines()[-1]
    assert json.loads(last) == {"number": 499}


def test_a_pipe_that_nobody_reads_stops_nobody(capfd: pytest.CaptureFixture[str]) -> None:
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    kept = os.dup(2)
    try:
        os.dup2(write, 2)
        sink = stderr_sink()
        for _ in range(50):
            sink("x" * 1_000)  # would block for ever if it waited
    finally:
        os.dup2(kept, 2)
        for fd in (kept, read, write):
            os.close(fd)


def test_a_log_without_sinks_is_silent() -> None:
    null_log().error("nothing")


def test_a_log_file_is_its_owner_s_alone(tmp_path: Path) -> None:
    path = tmp_path / "sidecar.log"
    before = os.umask(0o022)
    try:
        for _ in range(2):
            sink = FileSink(path)
            sink("a line")
            sink.close()
            assert path.stat().st_mode & 0o777 == 0o600
            path.chmod(0o644)
    finally:
        os.umask(before)


def test_it_is_logged_when_older_secrets_are_not_looked_for_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(knownsecrets, "KNOWN_BYTES_MAX", 5_000)
    lines: list[str] = []
    log = Log((lines.append,), cleaner=Redactor())
    log.learn(["a-first-secret"])
    assert lines == []
    for number in range(10):
        log.learn([f"secret-number-{number}"])
    (line,) = lines
    assert json.loads(line)["event"] == "redaction.full"
