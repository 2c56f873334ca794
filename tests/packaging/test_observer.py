"""The observer that counts processes from outside, used to judge demo and smoke test."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from buildtool import observer

pytestmark = pytest.mark.skipif(not observer.SUPPORTED, reason="needs /proc")

WAIT = "import sys; sys.stdin.read()"


@pytest.fixture
def sentinel() -> str:
    return secrets.token_hex(8)


class Waiting:
    """A process that lives until its stdin is closed."""

    def __init__(self, *arguments: str, cwd: Path | None = None, **environ: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WAIT, *arguments],
            stdin=subprocess.PIPE,
            cwd=cwd,
            env={**os.environ, **environ},
        )

    def __enter__(self) -> int:
        return self.process.pid

    def __exit__(self, *_: object) -> None:
        self.process.communicate()


def pids(sentinel: str) -> list[int]:
    return [process.pid for process in observer.seen(sentinel)]


def test_sentinel_in_argv_is_seen(sentinel: str) -> None:
    with Waiting(sentinel) as pid:
        assert wait_until_seen(sentinel) == [pid]
    assert pids(sentinel) == []


def test_sentinel_in_the_environment_is_seen(sentinel: str) -> None:
    with Waiting(ANYTHING=sentinel) as pid:
        assert wait_until_seen(sentinel) == [pid]


def test_sentinel_in_the_working_directory_is_seen(sentinel: str, tmp_path: Path) -> None:
    folder = tmp_path / sentinel
    folder.mkdir()
    with Waiting(cwd=folder) as pid:
        assert wait_until_seen(sentinel) == [pid]


def test_own_process_is_never_counted(sentinel: str, tmp_path: Path) -> None:
    with (tmp_path / sentinel).open("w"):
        assert pids(sentinel) == []


def test_waiting_ends_at_the_deadline_and_names_what_is_left(sentinel: str) -> None:
    with Waiting(sentinel) as pid:
        (left,) = observer.wait_for_none(sentinel, deadline_s=0)
        assert left.pid == pid
        assert sentinel in str(left)


def wait_until_seen(sentinel: str) -> list[int]:
    for _ in range(100):
        if found := pids(sentinel):
            return found
    return []


def test_short_sentinel_is_refused_as_it_would_match_strangers() -> None:
    with pytest.raises(ValueError, match="long and random"):
        observer.seen("")
