"""Nobody is ended by a share that is no longer true, nor spared by one."""

from collections.abc import Iterable, Sequence

from sidecar.core.watch.budget import Budget
from sidecar.process.identity import ProcessKey
from sidecar.process.table import ProcessTable, Row
from sidecar.supervisor.watch.charging import OF_ALL, charge

MB = 1_000_000
HARD = Budget(None, 300 * MB)
AGENT, CHILD, OTHER = 10, 11, 12


class FakeTable(ProcessTable):
    """A table whose shares are what `truth` says; a process that is not there has ended."""

    def __init__(self, rows: Sequence[Row], truth: dict[int, int]) -> None:
        self.all = list(rows)
        self.truth = truth
        self.new: set[int] = set()
        self.now = 1_000.0
        self.read: list[int] = []

    def rows(self) -> Iterable[Row]:
        return self.all

    def row(self, pid: int) -> Row | None:
        return next((row for row in self.all if row.key.pid == pid), None)

    def look(self, *, deep: bool) -> list[Row]:
        return []

    def glance(self, rows: Iterable[Row]) -> None:
        raise NotImplementedError

    def is_new(self, row: Row) -> bool:
        return row.key.pid in self.new

    def read_shares(self, rows: Iterable[Row], older_than_s: float) -> None:
        for row in rows:
            old = self.now - row.pss_read_at > older_than_s
            if row.pss_bytes is None or old or older_than_s == 0:
                self.read.append(row.key.pid)
                row.pss_bytes, row.pss_rss_bytes = self.truth[row.key.pid], row.rss_bytes
                row.pss_read_at = self.now


def row(pid: int, rss: int, parent: int = 1) -> Row:
    made = Row(ProcessKey(pid, 1), parent, "p", 0.0)
    made.rss_bytes = rss * MB
    return made


def charged(table: FakeTable, budget: Budget = HARD) -> int:
    table.read.clear()
    return charge(table, table.all, budget) // MB


def test_a_fork_does_not_double_what_its_parent_cost_before() -> None:
    agent, child = row(AGENT, 250), row(CHILD, 250, AGENT)
    table = FakeTable([agent], {AGENT: 250 * MB})
    assert charged(table) == 250
    table.all.append(child)
    table.truth = {AGENT: 125 * MB, CHILD: 125 * MB}
    assert charged(table) == 250, "with the parent's old share it would be 375"


def test_pages_that_are_shared_no_more_are_found_within_a_second() -> None:
    rows = [row(AGENT, 180), row(CHILD, 180, AGENT), row(OTHER, 180, AGENT)]
    table = FakeTable(rows, dict.fromkeys((AGENT, CHILD, OTHER), 60 * MB))
    assert charged(table) == 180
    table.truth = dict.fromkeys((AGENT, CHILD, OTHER), 180 * MB)
    table.now += 0.5
    assert charged(table) == 180, "one cannot look all the time"
    table.now += 0.6
    assert charged(table) == 540


def test_who_cannot_hide_enough_is_not_read_again() -> None:
    rows = [row(AGENT, 240), row(CHILD, 30, AGENT), row(OTHER, 20, AGENT)]
    table = FakeTable(rows, {AGENT: 235 * MB, CHILD: 5 * MB, OTHER: 10 * MB})
    assert charged(table) == 250
    table.now += 2
    assert charged(table) == 250
    assert table.read == [], "all that they share, 40 MB, would fit in"
    table.truth[AGENT] = 240 * MB
    rows[0].rss_bytes = 265 * MB
    assert charged(table) == 275
    assert table.read == [CHILD], "what the others share is less than what is left"


def test_after_a_vfork_the_same_pages_are_told_twice_and_charged_once() -> None:
    agent, child = row(AGENT, 250), row(CHILD, 250, AGENT)
    table = FakeTable([agent, child], {AGENT: 250 * MB, CHILD: 250 * MB})
    table.new = {CHILD}
    assert charged(table) == 250
    table.new = set()
    assert charged(table) == 500, "who stays for a look has pages of its own"


def test_a_child_of_its_own_size_is_charged_at_once() -> None:
    agent, child = row(AGENT, 250), row(CHILD, 100, AGENT)
    table = FakeTable([agent, child], {AGENT: 250 * MB, CHILD: 100 * MB})
    table.new = {CHILD}
    assert charged(table) == 350


def test_beyond_a_soft_budget_shares_may_be_a_second_old_and_the_hard_one_is_ahead() -> None:
    budget = Budget(200 * MB, 300 * MB)
    rows = [row(AGENT, 400), row(CHILD, 100)]
    table = FakeTable(rows, {AGENT: 220 * MB, CHILD: 10 * MB})
    assert charged(table, budget) == 230
    table.now += 0.5
    charged(table, budget)
    assert table.read == []
    table.now += 0.6
    table.truth = {AGENT: 390 * MB, CHILD: 10 * MB}
    assert charged(table, budget) == 400


def test_the_whole_sidecar_is_read_more_rarely() -> None:
    rows = [row(pid, 20) for pid in range(100, 200)]
    table = FakeTable(rows, dict.fromkeys(range(100, 200), 10 * MB))
    budget = Budget(None, 1_500 * MB)
    assert charge(table, rows, budget, OF_ALL) == 1_000 * MB
    table.read.clear()
    table.now += 2
    charge(table, rows, budget, OF_ALL)
    assert table.read == []
    table.now += 4
    charge(table, rows, budget, OF_ALL)
    assert len(table.read) == 50, "the others share less than what is left"
