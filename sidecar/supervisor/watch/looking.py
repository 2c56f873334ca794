"""One look at all processes: whose each is, and what each session costs. Runs in a thread.

Ownership is found out once a process: its host's session, or in a host of several what its parent
is, or whose mark it carries. An orphan falls to its host, so neither ever changes.
"""

import heapq
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from sidecar.core.watch.budget import NO_BUDGET, Budget
from sidecar.core.watch.usage import LARGEST_KEPT, Figure, Usage
from sidecar.process.marks import mark_of
from sidecar.process.table import Row, table_below
from sidecar.supervisor.sampling import Lodging, Tenant
from sidecar.supervisor.watch.charging import OF_ALL, charge

DEEP_S = 4.5
"""From one reading of CPU times to the next."""

SETTLED_S = 10.0
"""Between fork and exec a process carries its host's marks: one that carries no session's is looked
at again while it is younger than this."""

NOBODYS = ""
"""Owner of what is a shared host's own, and of the processes that sessions share in it."""


class Look(NamedTuple):
    """What a look found."""

    usages: dict[str, Usage]
    rss_bytes: int
    """Of everything: supervisor, zygote, hosts and what is below them."""

    charged_bytes: int
    """The same with shared pages divided, where the total is near its budget."""

    hosts: dict[int, int]
    """RSS of each host process itself, by pid."""

    cpu_s: float
    """What the look cost."""


class Looker:
    """Looks; keeps what it knows of the processes below `top`. For one thread at a time."""

    def __init__(self, top: int) -> None:
        self._table = table_below(top)
        self._deep_at = 0.0
        self._spent: dict[str, int] = {}
        """CPU time of ended processes, by mark."""

    def look(self, tenants: Sequence[Tenant], total: Budget = NO_BUDGET) -> Look:
        """Look at everything. Blocks: some 10 µs a process."""
        began, now = time.thread_time(), time.monotonic()
        deep = now >= self._deep_at
        if deep:
            self._deep_at = now + DEEP_S
        went = self._table.look(deep=deep)
        marks = {tenant.lodging.mark for tenant in tenants}
        self._count_ended(went, marks)
        self._find_owners(tenants, marks)
        owned: dict[str, list[Row]] = {}
        rows, rss_bytes = list(self._table.rows()), 0
        for row in rows:
            rss_bytes += row.rss_bytes
            if row.owner:
                owned.setdefault(row.owner, []).append(row)
        near = total.is_near(rss_bytes)
        charged_bytes = charge(self._table, rows, total, OF_ALL) if near else rss_bytes
        usages = {
            tenant.thread_id: self._usage(tenant, owned.get(tenant.lodging.mark, []))
            for tenant in tenants
        }
        hosts = self._hosts(tenants)
        return Look(usages, rss_bytes, charged_bytes, hosts, time.thread_time() - began)

    def glance(self, tenants: Iterable[Tenant]) -> dict[str, Usage]:
        """Look again at what is known of a few; what they have started since is not seen."""
        owned: dict[str, list[Row]] = {tenant.lodging.mark: [] for tenant in tenants}
        for row in self._table.rows():
            if row.owner in owned:
                owned[row.owner].append(row)
        usages = {}
        for tenant in tenants:
            rows = owned[tenant.lodging.mark]
            self._table.glance(rows)
            usages[tenant.thread_id] = self._usage(tenant, rows)
        return usages

    def _usage(self, tenant: Tenant, rows: list[Row]) -> Usage:
        rss_bytes = sum(row.rss_bytes for row in rows)
        near = tenant.budget.is_near(rss_bytes)
        pss_bytes = charge(self._table, rows, tenant.budget) if near else None
        cpu_ms = sum(row.cpu_ms for row in rows) + self._spent.get(tenant.lodging.mark, 0)
        return Usage(
            tenant.thread_id,
            tenant.generation,
            rss_bytes,
            pss_bytes,
            cpu_ms,
            len(rows),
            _largest(rows),
        )

    def _count_ended(self, went: Iterable[Row], marks: set[str]) -> None:
        self._spent = {mark: ms for mark, ms in self._spent.items() if mark in marks}
        for row in went:
            if row.owner in marks:
                self._spent[row.owner] = self._spent.get(row.owner, 0) + row.cpu_ms

    def _find_owners(self, tenants: Sequence[Tenant], marks: set[str]) -> None:
        hosts = {tenant.lodging.host_pid: tenant.lodging for tenant in tenants}
        now = time.monotonic()
        said: dict[int, str | None] = {}
        for row in list(self._table.rows()):
            if row.owner is None:
                for step in reversed(self._up_to_known(row, hosts, said)):
                    said[step.key.pid] = self._owner(step, hosts, marks, said, now)

    def _up_to_known(
        self, row: Row, hosts: Mapping[int, Lodging], said: Mapping[int, str | None]
    ) -> list[Row]:
        """Return a row and those above it, up to where an owner is known or nobody is found."""
        line: list[Row] = []
        step: Row | None = row
        while step is not None and step.key.pid not in said and step not in line:
            line.append(step)
            if step.owner is not None or step.key.pid in hosts:
                break
            step = self._table.row(step.parent)
        return line

    def _owner(
        self,
        row: Row,
        hosts: Mapping[int, Lodging],
        marks: set[str],
        said: Mapping[int, str | None],
        now: float,
    ) -> str | None:
        """Say whose a process is, given its parent's; kept in the row once it is certain."""
        if row.owner is not None:
            return row.owner
        lodging = hosts.get(row.key.pid)
        if lodging is not None:
            row.owner = NOBODYS if lodging.shared else lodging.mark
            return row.owner
        above = said.get(row.parent)
        if above != NOBODYS:
            row.owner = above
            return above
        mark = mark_of(row.key.pid, marks)
        if mark is not None or now - row.seen_at > SETTLED_S:
            row.owner = mark or NOBODYS
        return mark or NOBODYS

    def _hosts(self, tenants: Iterable[Tenant]) -> dict[int, int]:
        pids = {tenant.lodging.host_pid for tenant in tenants}
        rows = [row for pid in pids if (row := self._table.row(pid)) is not None]
        return {row.key.pid: row.rss_bytes for row in rows}


def _largest(rows: Iterable[Row]) -> tuple[Figure, ...]:
    by_size: Callable[[Row], int] = lambda row: row.charged_bytes  # noqa: E731
    return tuple(
        Figure(row.key.pid, row.name, row.rss_bytes, row.pss_bytes)
        for row in heapq.nlargest(LARGEST_KEPT, rows, key=by_size)
    )
