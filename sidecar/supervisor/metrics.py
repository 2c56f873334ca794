"""The supervisor's own metrics: what /metrics and metrics.get show."""

import asyncio
import contextlib
import os
import threading
import time

from sidecar.observe.metrics import Metrics
from sidecar.supervisor.eventlog import EventLog
from sidecar.supervisor.supervisor import Supervisor


def register_metrics(metrics: Metrics, events: EventLog, supervisor: Supervisor) -> None:
    """Add every metric of the supervisor."""
    journal = events.journal
    add = metrics.add
    add("sidecar_sessions", "gauge", "Sessions by phase.", supervisor.counts, "phase")
    add(
        "sidecar_events_total",
        "counter",
        "Events journalled since the start.",
        lambda: events.events_total,
    )
    add("sidecar_journal_head", "gauge", "Last committed sequence number.", lambda: journal.head)
    add("sidecar_journal_oldest", "gauge", "Oldest sequence number kept.", lambda: journal.oldest)
    add(
        "sidecar_journal_uncommitted",
        "gauge",
        "Events appended and not yet committed.",
        lambda: journal.appended - journal.head,
    )
    add("sidecar_epoch", "gauge", "Starts of the sidecar on this journal.", lambda: journal.epoch)
    add(
        "sidecar_cpu_seconds_total",
        "counter",
        "CPU time of the supervisor process.",
        time.process_time,
    )
    add("sidecar_tasks", "gauge", "Asyncio tasks of the supervisor.", _tasks)
    add("sidecar_threads", "gauge", "Threads of the supervisor.", threading.active_count)
    add("sidecar_fds", "gauge", "Open descriptors of the supervisor.", _descriptors)


def _tasks() -> int:
    return len(asyncio.all_tasks())


def _descriptors() -> int:
    """Count open descriptors; 0 where no folder of the system shows them."""
    for folder in ("/proc/self/fd", "/dev/fd"):
        with contextlib.suppress(OSError):
            return len(os.listdir(folder)) - 1  # noqa: PTH208 (without the listing's own)
    return 0
