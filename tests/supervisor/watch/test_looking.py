"""A look tells whose each process is, by descent or by mark, and what each session costs."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from sidecar.core.watch.budget import Budget
from sidecar.process import new_mark
from sidecar.supervisor.sampling import Lodging, Tenant
from sidecar.supervisor.watch.looking import Looker

MB = 1_000_000
PARENT = """
import subprocess, sys, os
EATER = "import sys; x = bytearray(b'x') * int(sys.argv[1]); print(flush=True); input()"
marks = sys.argv[1].split(",")
children = [subprocess.Popen(
    [sys.executable, "-I", "-S", "-c", EATER, size],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    env=os.environ | ({"AGENT_SIDECAR_MARKS": mark} if mark else {}))
    for mark, size in zip(marks, sys.argv[2:])]
for child in children:
    child.stdout.readline()
print(*(child.pid for child in children), flush=True)
for line in sys.stdin:
    children[int(line)].communicate()
    print(flush=True)
for child in children:
    child.poll() is None and child.communicate()
"""
"""A host with one child a mark, each of a size; a number on stdin ends that child."""


class FakeHost:
    """A process with children, as a host has them."""

    def __init__(self, marks: list[str], sizes: list[int]) -> None:
        words = [",".join(marks), *map(str, sizes)]
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", PARENT, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pids = [int(word) for word in self._line().split()]

    def end_child(self, number: int) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{number}\n")
        self.process.stdin.flush()
        self._line()

    def end(self) -> None:
        self.process.communicate()

    def tenant(
        self, thread: str, mark: str, *, shared: bool, budget: Budget | None = None
    ) -> Tenant:
        lodging = Lodging(self.process.pid, mark, shared)
        return Tenant(thread, 1, lodging, budget or Budget())

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()


@pytest.fixture
def hosts() -> Iterator[list[FakeHost]]:
    started: list[FakeHost] = []
    yield started
    for host in started:
        host.end()


def test_a_host_of_one_is_its_session_s_with_all_below(hosts: list[FakeHost]) -> None:
    host = FakeHost(["", ""], [0, 40 * MB])
    hosts.append(host)
    look = Looker(os.getpid()).look([host.tenant("a", new_mark(), shared=False)])
    usage = look.usages["a"]
    assert usage.processes == 3
    assert {figure.pid for figure in usage.largest} == {host.process.pid, *host.pids}
    assert usage.largest[0].pid == host.pids[1]
    assert 40 * MB < usage.rss_bytes < look.rss_bytes
    assert usage.pss_bytes is None, "there is no budget to be near to"
    assert list(look.hosts) == [host.process.pid]


def test_in_a_host_of_several_marks_tell_and_the_rest_is_nobody_s(hosts: list[FakeHost]) -> None:
    marks = [new_mark(), new_mark()]
    host = FakeHost([*marks, ""], [30 * MB, 0, 0])
    hosts.append(host)
    tenants = [host.tenant(t, mark, shared=True) for t, mark in zip("ab", marks, strict=True)]
    looker = Looker(os.getpid())
    usages = looker.look(tenants).usages
    assert [usages[t].processes for t in "ab"] == [1, 1]
    assert [usages[t].largest[0].pid for t in "ab"] == host.pids[:2]
    assert usages["a"].rss_bytes > usages["b"].rss_bytes + 20 * MB
    again = looker.look([tenants[1]]).usages
    assert list(again) == ["b"]
    assert again["b"].processes == 1, "what was another session's is nobody else's"


def test_shares_are_read_near_a_budget_alone(hosts: list[FakeHost]) -> None:
    host = FakeHost([""], [40 * MB])
    hosts.append(host)
    looker = Looker(os.getpid())
    far = host.tenant("a", "m", shared=False, budget=Budget(None, 1_000 * MB))
    assert looker.look([far]).usages["a"].pss_bytes is None
    near = far._replace(budget=Budget(None, 45 * MB))
    usage = looker.look([near]).usages["a"]
    assert usage.pss_bytes is not None
    assert 40 * MB < usage.pss_bytes < usage.rss_bytes
    assert usage.charged_bytes == usage.pss_bytes
    (glanced,) = looker.glance([near]).values()
    assert glanced.processes == usage.processes
    assert glanced.pss_bytes is not None


def test_cpu_time_of_what_has_ended_is_kept_and_never_falls(hosts: list[FakeHost]) -> None:
    host = FakeHost(["", ""], [200 * MB, 0])
    hosts.append(host)
    tenant = host.tenant("a", "m", shared=False)
    looker = Looker(os.getpid())
    before = looker.look([tenant]).usages["a"]
    assert before.cpu_ms > 0
    host.end_child(0)
    end = time.monotonic() + 10
    while (after := looker.look([tenant]).usages["a"]).processes == 3:
        assert time.monotonic() < end
    assert after.cpu_ms >= before.cpu_ms
    assert after.rss_bytes < before.rss_bytes - 150 * MB


def test_the_total_has_everything_and_its_share_only_near_its_budget(
    hosts: list[FakeHost],
) -> None:
    host = FakeHost([""], [0])
    hosts.append(host)
    looker = Looker(os.getpid())
    far = looker.look([], Budget(None, 1 << 40))
    assert far.charged_bytes == far.rss_bytes
    near = looker.look([], Budget(None, 1))
    assert near.charged_bytes < near.rss_bytes
