"""What lives of a sidecar now, found from outside: below its supervisor, and by its marks.

For whoever looks at a data dir; never acts on what it sees.
"""

import os
from collections.abc import Mapping
from typing import Any

from sidecar.process.identity import ProcessKey
from sidecar.process.marks import mark_of
from sidecar.process.platform import os_
from sidecar.process.sampling import ProcessSample, sample_process, sample_tree


def living(
    marks: Mapping[str, str], supervisor_pid: int | None, create_time: float | None
) -> list[dict[str, Any]]:
    """Return the processes, those below the supervisor first; of a name only the program's.

    `marks` gives a thread to each mark, "" for none. A supervisor that is not the very process of
    that create time is not believed. Blocks: some 50 µs for each process of the user.
    """
    rows: dict[int, dict[str, Any]] = {}
    if supervisor_pid is not None and _is(supervisor_pid, create_time):
        for sample in sample_tree(supervisor_pid):
            rows[sample.key.pid] = _row(sample, None, supervisor=sample.key.pid == supervisor_pid)
    mine = os.getuid() if hasattr(os, "getuid") else None
    for info in os_.every_process() if marks else ():
        pid = info.key.pid
        if info.dead or os_.owner_of(pid) != mine or (mark := mark_of(pid, marks)) is None:
            continue
        if (found := sample_process(info)) is not None:
            supervisor = rows.get(pid, {}).get("supervisor", False)
            rows[pid] = _row(found, marks[mark] or None, supervisor=supervisor)
    return list(rows.values())


def _is(pid: int, create_time: float | None) -> bool:
    return create_time is not None and os_.key_of(pid) == ProcessKey(pid, create_time)


def _row(sample: ProcessSample, thread_id: str | None, *, supervisor: bool) -> dict[str, Any]:
    return {
        "pid": sample.key.pid,
        "parent": sample.parent,
        "name": sample.name,
        "threadId": thread_id,
        "supervisor": supervisor,
        "ageS": round(sample.age_s, 1),
        "rssBytes": sample.rss_bytes,
        "cpuMs": sample.cpu_ms,
    }
