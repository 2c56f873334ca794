"""`tail`: one stream of all logs in the order of time, over rotations, ended by Ctrl-C."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.observe import logfiles
from sidecar.observe.log import FileSink
from sidecar.observe.logfiles import Merged
from sidecar.observe.tail import main, since

WAIT_S = 20.0


def record(second: int, event: str, **fields: object) -> str:
    at = f"2026-11-22T10:00:{second:02}.000Z"
    return json.dumps({"at": at, "level": "info", "role": "supervisor", "event": event} | fields)


def write(path: Path, *records: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(f"{text}\n" for text in records))


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    write(tmp_path / "sidecar.log.2", record(1, "a"))
    write(tmp_path / "sidecar.log.1", record(3, "c", cid="t1/1"))
    write(tmp_path / "sidecar.log", record(5, "e", cid="t1/2", level="warning"), record(7, "g"))
    write(tmp_path / "client.log.1", record(2, "b", role="client"))
    write(tmp_path / "client.log", record(6, "f", role="client", cid="t1"))
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], logs: Path, *words: str) -> list[str]:
    assert main(["--data-dir", str(logs), "--no-follow", "--json", *words]) == 0
    return [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()]


def test_all_logs_are_one_in_the_order_of_time(
    capsys: pytest.CaptureFixture[str], logs: Path
) -> None:
    assert run(capsys, logs) == ["a", "b", "c", "e", "f", "g"]


@pytest.mark.parametrize(
    ("words", "events"),
    [
        (["--thread", "t1"], ["c", "e", "f"]),
        (["--thread", "t1", "--generation", "2"], ["e"]),
        (["--level", "warning"], ["e"]),
        (["--role", "client"], ["b", "f"]),
        (["--since", "2026-11-22T10:00:05+00:00"], ["e", "f", "g"]),
        (["--lines", "2"], ["f", "g"]),
        (["--turn", "none"], []),
    ],
)
def test_what_is_shown_can_be_narrowed(
    capsys: pytest.CaptureFixture[str], logs: Path, words: list[str], events: list[str]
) -> None:
    assert run(capsys, logs, *words) == events


def test_columns_are_for_people(capsys: pytest.CaptureFixture[str], logs: Path) -> None:
    assert main(["--data-dir", str(logs), "--no-follow"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "-- 2026-11-22 (UTC)"
    assert out[3].split() == ["10:00:03.000", "info", "supervisor", "t1/1", "c"]


def test_without_a_data_dir_it_says_so(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["--data-dir", str(tmp_path / "none")]) == 2
    assert "there is no data dir" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_that_nothing_fits_is_said(capsys: pytest.CaptureFixture[str], logs: Path) -> None:
    assert main(["--data-dir", str(logs), "--no-follow", "--thread", "nope"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"No line fits, of 6 in {logs}\n"


@pytest.mark.parametrize("text", ["-1", "x", "", "²", "1.5"])
def test_what_is_no_number_of_lines_is_refused(
    capsys: pytest.CaptureFixture[str], logs: Path, text: str
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["--data-dir", str(logs), f"--lines={text}"])
    assert exit_.value.code == 2
    assert "is no number of lines" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "10", "m", "10 m", "yesterday", "1y"])
def test_a_span_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["--since", text])
    assert refused.value.code == 2


def test_a_span_is_before_now_and_a_huge_one_is_no_error() -> None:
    assert since("1h") < since("1s") <= since("0ms")
    assert since("999999999d") < since("1h")
    assert since("2026-11-22T10:00:00+02:00") == "2026-11-22T08:00:00.000Z"


# files


def events_of(merged: Merged) -> list[str]:
    return [line.record["event"] for line in merged.lines()]


def test_what_came_is_read_once_over_any_number_of_rotations(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sidecar.observe.log.LOG_FILE_BYTES", 400)
    sink, merged, seen = FileSink(tmp_path / "sidecar.log"), Merged(tmp_path), []
    for number in range(40):
        sink(record(number, f"n{number}"))
        if number % 3 == 0:
            seen += events_of(merged)
    seen += events_of(merged)
    sink.close()

    assert seen == [f"n{number}" for number in range(40)]


def test_a_line_that_is_half_written_waits_for_its_rest(tmp_path: Path) -> None:
    merged, path = Merged(tmp_path), tmp_path / "sidecar.log"
    text = record(1, "whole")
    path.write_text(text[:20])
    assert events_of(merged) == []
    with path.open("a") as file:
        file.write(text[20:] + "\n")
    assert events_of(merged) == ["whole"]
    assert events_of(merged) == []


def test_a_line_without_end_costs_no_memory_and_hides_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(logfiles, "LINE_BYTES", 1000)
    write(tmp_path / "sidecar.log", "x" * 5_000, record(1, "after"))
    first, second = Merged(tmp_path).lines()
    assert len(first.text) == 1000
    assert second.record["event"] == "after"


def test_a_file_that_was_cut_short_is_read_again(tmp_path: Path) -> None:
    merged, path = Merged(tmp_path), tmp_path / "sidecar.log"
    write(path, record(1, "a"), record(2, "b"))
    assert events_of(merged) == ["a", "b"]
    path.write_text(record(3, "c") + "\n")
    assert events_of(merged) == ["c"]


def test_bytes_that_are_no_text_are_shown_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "sidecar.log").write_bytes(b"\xff\xfe\n")
    (line,) = Merged(tmp_path).lines()
    assert line.text == "\ufffd\ufffd"


def test_a_line_nested_too_deep_is_shown_as_it_is(tmp_path: Path) -> None:
    write(tmp_path / "sidecar.log", "[" * 100_000, record(1, "after"))
    first, second = Merged(tmp_path).lines()
    assert first.text == "[" * 100_000
    assert second.record["event"] == "after"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs mkfifo")
def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "client.log")
    write(tmp_path / "sidecar.log", record(1, "a"))
    assert events_of(Merged(tmp_path)) == ["a"]


# following


@pytest.fixture
def following(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    write(tmp_path / "sidecar.log", record(1, "past"))
    command = [sys.executable, "-m", "sidecar", "tail", "--data-dir", str(tmp_path), "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    ) as process:
        yield process
        process.kill()


def next_event(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], WAIT_S)[0], "nothing came"
    event: str = json.loads(process.stdout.readline())["event"]
    return event


def test_what_comes_is_followed_and_ctrl_c_ends_it_quietly(
    following: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    assert next_event(following) == "past"
    write(tmp_path / "sidecar.log", record(2, "now"))
    assert next_event(following) == "now"
    (tmp_path / "sidecar.log").rename(tmp_path / "sidecar.log.1")
    write(tmp_path / "sidecar.log.1", record(3, "last of the old"))
    write(tmp_path / "sidecar.log", record(4, "first of the new"))
    assert next_event(following) == "last of the old"
    assert next_event(following) == "first of the new"
    write(tmp_path / "client.log", record(5, "client", role="client"))
    assert next_event(following) == "client"

    following.send_signal(signal.SIGINT)
    assert following.wait(WAIT_S) == 0
    assert following.stderr is not None
    assert following.stderr.read() == b""


def test_a_reader_that_goes_ends_it_quietly(
    following: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    assert next_event(following) == "past"
    assert following.stdout is not None
    following.stdout.close()
    deadline = time.monotonic() + WAIT_S
    while following.poll() is None and time.monotonic() < deadline:
        write(tmp_path / "sidecar.log", record(2, "now"))
        time.sleep(0.05)
    assert following.returncode == 0
