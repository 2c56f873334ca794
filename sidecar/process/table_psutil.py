"""macOS and Windows: the table of processes by psutil. Tested on Linux, never run where it is used.

Costs some ten times what Linux's does; there are no shares, so shared pages count in full.
"""

import time
from collections.abc import Iterable
from contextlib import suppress

import psutil

from sidecar.process.identity import ProcessKey
from sidecar.process.table import ProcessTable, Row


class PsutilTable(ProcessTable):
    """A table over psutil. What was below the top once is kept by its identity."""

    def __init__(self, top: int) -> None:
        self._top = top
        self._rows: dict[int, Row] = {}
        self._looked_at = 0.0

    def rows(self) -> Iterable[Row]:
        """Return all rows, in no order."""
        return self._rows.values()

    def row(self, pid: int) -> Row | None:
        """Return the row of a pid."""
        return self._rows.get(pid)

    def look(self, *, deep: bool) -> list[Row]:
        """Find what came, drop what went, read the memory of all; returns what went."""
        self._looked_at = time.monotonic()
        ended = [row for row in self._rows.values() if not _read(row, deep=deep)]
        for row in ended:
            del self._rows[row.key.pid]
        with suppress(psutil.Error):
            top = psutil.Process(self._top)
            for process in [top, *top.children(recursive=True)]:
                self._meet(process)
        return ended

    def glance(self, rows: Iterable[Row]) -> None:
        """Read the memory of a few rows again; what has ended costs nothing."""
        for row in rows:
            if not _read(row, deep=False):
                row.end()

    def read_shares(self, rows: Iterable[Row], older_than_s: float) -> None:
        """Do nothing: there are no shares."""

    def is_new(self, row: Row) -> bool:
        """Tell whether the last look was the first one that saw it."""
        return row.seen_at >= self._looked_at

    def _meet(self, process: psutil.Process) -> None:
        if process.pid in self._rows:
            return
        with suppress(psutil.Error):
            key = ProcessKey(process.pid, process.create_time())
            row = Row(key, process.ppid() or 0, process.name(), time.monotonic())
            row.handle = process
            if _read(row, deep=True):
                self._rows[process.pid] = row


def _read(row: Row, *, deep: bool) -> bool:
    """Read a row anew; False when its process is gone."""
    process: psutil.Process = row.handle
    try:
        if not process.is_running():
            return False
        with process.oneshot():
            row.rss_bytes = process.memory_info().rss
            if deep:
                times = process.cpu_times()
                row.cpu_ms = int((times.user + times.system) * 1000)
    except psutil.Error:
        return False
    return True
