"""A table of processes knows who is below its top, what each costs, and who has gone."""

import mmap
import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from sidecar.process.table import ProcessTable, Row
from sidecar.process.table_linux import LinuxTable
from sidecar.process.table_psutil import PsutilTable
from tests.process.conftest import Misbehave
from tests.support import observer

EATER = "import sys; eaten = bytearray(b'x') * int(sys.argv[1]); print(flush=True); input()"
MB = 1_000_000


@pytest.fixture(params=[LinuxTable, PsutilTable])
def table(request: pytest.FixtureRequest) -> ProcessTable:
    made: ProcessTable = request.param(os.getpid())
    return made


class Eaters:
    """Processes that eat so many bytes and wait."""

    def __init__(self) -> None:
        self.running: list[subprocess.Popen[bytes]] = []

    def __call__(self, bytes_: int) -> "subprocess.Popen[bytes]":
        argv = [sys.executable, "-I", "-S", "-c", EATER, str(bytes_)]
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.running.append(process)
        assert process.stdout is not None
        process.stdout.readline()
        return process

    def end(self, process: "subprocess.Popen[bytes]") -> None:
        process.communicate()
        self.running.remove(process)


@pytest.fixture
def eater() -> Iterator[Eaters]:
    eaters = Eaters()
    yield eaters
    for process in list(eaters.running):
        eaters.end(process)


def row_of(table: ProcessTable, pid: int) -> Row:
    row = table.row(pid)
    assert row is not None
    return row


def test_it_has_the_top_and_what_is_below_and_nobody_else(
    table: ProcessTable, eater: Eaters
) -> None:
    child = eater(0)
    table.look(deep=True)
    pids = {row.key.pid for row in table.rows()}
    assert {os.getpid(), child.pid} <= pids
    assert os.getppid() not in pids
    row = row_of(table, child.pid)
    assert (row.parent, row.key.pid) == (os.getpid(), child.pid)
    assert row.name.startswith("python")


def test_what_comes_and_goes_is_noticed_at_the_next_look(
    table: ProcessTable, eater: Eaters
) -> None:
    table.look(deep=True)
    child = eater(0)
    assert table.row(child.pid) is None
    assert table.look(deep=False) == []
    row = row_of(table, child.pid)
    eater.end(child)
    assert table.look(deep=False) == [row]
    assert table.row(child.pid) is None


def test_growth_is_seen_by_a_look_and_by_a_glance(table: ProcessTable, eater: Eaters) -> None:
    small, large = eater(0), eater(60 * MB)
    table.look(deep=True)
    difference = row_of(table, large.pid).rss_bytes - row_of(table, small.pid).rss_bytes
    assert abs(difference - 60 * MB) < 5 * MB
    own = row_of(table, os.getpid())
    before = own.rss_bytes
    with mmap.mmap(-1, 50 * MB) as eaten:  # not of an allocator, which may have had as much
        for page in range(0, len(eaten), mmap.PAGESIZE):
            eaten[page] = 1
        table.glance([own])
    assert own.rss_bytes - before > 40 * MB


def test_cpu_time_is_read_at_deep_looks(table: ProcessTable) -> None:
    table.look(deep=True)
    own = row_of(table, os.getpid())
    before, end = own.cpu_ms, time.process_time() + 0.05
    while time.process_time() < end:
        pass
    table.look(deep=False)
    assert own.cpu_ms == before
    table.look(deep=True)
    assert own.cpu_ms >= before + 30


async def test_an_orphan_that_was_known_stays_known(
    table: ProcessTable, misbehave: Misbehave, sentinel: str
) -> None:
    child = await misbehave("tool")
    both = await observer.wait_until_seen(sentinel, 2, 5)
    (tool,) = (seen for seen in both if seen.pid != child.pid)
    table.look(deep=True)
    child.signal_group(9)
    await child.wait()
    assert observer.is_running(tool.pid)
    table.look(deep=True)
    assert table.row(tool.pid) is not None
    observer.kill_all(sentinel)


def test_a_pid_of_another_process_is_another_row() -> None:
    table = LinuxTable(os.getpid())
    table.look(deep=True)
    own = row_of(table, os.getpid())
    own.key = own.key._replace(create_time=own.key.create_time - 1)
    assert table.look(deep=True) == [own]
    assert row_of(table, os.getpid()) is not own


def test_shares_are_read_where_there_are_some_and_growth_since_is_added(eater: Eaters) -> None:
    table = LinuxTable(os.getpid())
    child = eater(30 * MB)
    table.look(deep=True)
    row = row_of(table, child.pid)
    assert row.charged_bytes == row.rss_bytes
    table.read_shares([row], 30)
    assert row.pss_bytes is not None
    assert 30 * MB < row.pss_bytes < row.rss_bytes
    row.rss_bytes += MB
    assert row.charged_bytes == row.pss_bytes + MB
    row.pss_bytes = 1
    table.read_shares([row], 30)
    assert row.pss_bytes == 1, "young enough"
    table.read_shares([row], 0)
    assert row.pss_bytes > 30 * MB
    row.pss_bytes = None
    assert row.charged_bytes == row.rss_bytes


def test_what_has_ended_since_the_look_costs_nothing(table: ProcessTable, eater: Eaters) -> None:
    glanced, shared = eater(30 * MB), eater(30 * MB)
    table.look(deep=True)
    rows = [row_of(table, process.pid) for process in (glanced, shared)]
    eater.end(glanced)
    eater.end(shared)
    table.glance(rows[:1])
    assert rows[0].charged_bytes == 0
    if isinstance(table, LinuxTable):
        table.read_shares(rows[1:], 0)
        assert rows[1].charged_bytes == 0


def test_a_process_is_new_until_the_look_after_the_one_that_met_it(
    table: ProcessTable, eater: Eaters
) -> None:
    table.look(deep=True)
    child = eater(0)
    table.look(deep=False)
    row = row_of(table, child.pid)
    table.glance([row])
    assert table.is_new(row)
    assert not table.is_new(row_of(table, os.getpid()))
    table.look(deep=False)
    assert not table.is_new(row)


def test_no_descriptor_is_kept(eater: Eaters) -> None:
    eater(0)
    table = LinuxTable(os.getpid())
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for deep in (True, False):
        table.look(deep=deep)
    table.read_shares(table.rows(), 0)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
