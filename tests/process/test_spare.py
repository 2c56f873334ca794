"""A process that has no descriptor left still sees who lives, and can end them."""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.process.census import descendants, is_alive
from sidecar.process.platform import IS_LINUX, SIGKILL, key_of, os_
from sidecar.process.table_linux import LinuxTable

pytestmark = pytest.mark.skipif(not IS_LINUX, reason="Linux looks at /proc itself")


@pytest.fixture
def none_left() -> Iterator[None]:
    """Take every descriptor that this process may have."""
    assert key_of(os.getpid()) is not None  # which has the spare one opened
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        while True:
            taken.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        yield
    finally:
        for fd in taken:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def child() -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_who_lives_is_seen(child: "subprocess.Popen[bytes]", none_left: None) -> None:
    del none_left
    with pytest.raises(OSError, match="Too many open files"):
        Path("/proc/self/stat").read_bytes()
    key = key_of(child.pid)
    assert key is not None
    assert is_alive(key)
    assert child.pid in {info.key.pid for info in descendants([os.getpid()])}


def test_and_is_counted_with_what_it_costs(
    child: "subprocess.Popen[bytes]", none_left: None
) -> None:
    del none_left
    table = LinuxTable(os.getpid())
    for deep in (True, False, True):
        assert table.look(deep=deep) == [], "nobody has gone"
    row = table.row(child.pid)
    assert row is not None
    table.read_shares([row], 0)
    assert row.pss_bytes


def test_one_that_ends_while_it_is_looked_at_is_merely_gone(
    child: "subprocess.Popen[bytes]", none_left: None
) -> None:
    del none_left
    table = LinuxTable(os.getpid())
    table.look(deep=True)
    row = table.row(child.pid)
    assert row is not None
    child.kill()
    child.wait()
    table.read_shares([row], 0)
    assert row.pss_bytes is None
    assert table.look(deep=False) == [row]


def test_and_can_be_killed(child: "subprocess.Popen[bytes]", none_left: None) -> None:
    del none_left
    key = key_of(child.pid)
    assert key is not None
    assert os_.send_signal(key, SIGKILL)
    assert child.wait(10) == -SIGKILL
    assert not os_.send_signal(key, SIGKILL)
