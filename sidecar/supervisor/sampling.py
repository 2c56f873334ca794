"""Whose the processes below the hosts are: sampled once a host, told apart by their marks."""

from collections.abc import Mapping
from typing import NamedTuple

from sidecar.core.watch.budget import NO_BUDGET, Budget
from sidecar.process import ProcessSample, sample_tree
from sidecar.process.marks import mark_of
from sidecar.process.wallclock import created_at_s

HOST = ""
"""Stands for a thread where a process is its host's: the host itself, and what sessions share."""


class Lodging(NamedTuple):
    """Where a session lives now."""

    host_pid: int
    mark: str
    shared: bool


class Tenant(NamedTuple):
    """A generation that runs somewhere, and what it may use there."""

    thread_id: str
    generation: int
    lodging: Lodging
    budget: Budget = NO_BUDGET


def sample_sessions(lodgings: Mapping[str, Lodging]) -> dict[str, list[ProcessSample]]:
    """Return the processes of each thread, parents first; create times are seconds since 1970.

    A host of one is its session's. Blocks: some 30 µs a process.
    """
    found: dict[str, list[ProcessSample]] = {HOST: []}
    shared: dict[int, dict[str, str]] = {}
    for thread_id, lodging in lodgings.items():
        if lodging.shared:
            shared.setdefault(lodging.host_pid, {})[thread_id] = lodging.mark
        else:
            found[thread_id] = sample_tree(lodging.host_pid)
    for host_pid, marks in shared.items():
        _share_out(host_pid, marks, found)
    return {thread_id: [_dated(s) for s in samples] for thread_id, samples in found.items()}


def _share_out(
    host_pid: int, marks: Mapping[str, str], found: dict[str, list[ProcessSample]]
) -> None:
    owners: dict[int, str] = {host_pid: HOST}
    threads = {mark: thread for thread, mark in marks.items()}
    for sample in sample_tree(host_pid):
        pid = sample.key.pid
        if pid not in owners:
            inherited = owners.get(sample.parent, HOST)
            owners[pid] = inherited if inherited != HOST else _owner(pid, threads)
        found.setdefault(owners[pid], []).append(sample)


def _owner(pid: int, threads: Mapping[str, str]) -> str:
    mark = mark_of(pid, threads)
    return HOST if mark is None else threads[mark]


def _dated(sample: ProcessSample) -> ProcessSample:
    key = sample.key._replace(create_time=created_at_s(sample.key))
    return sample._replace(key=key)
