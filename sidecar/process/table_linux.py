"""Linux: what everything below one process costs, looked at again and again for little.

One listing of /proc a look; of a process that is known only its memory is read, of a new one its
parent. No descriptor is kept. Identity is checked at each deep look and whenever a process changes
by leaps. Never decides what a figure means.
"""

import os
import time
from collections.abc import Iterable

from sidecar.core.scarcity import NO_DESCRIPTOR
from sidecar.process.identity import ProcessKey
from sidecar.process.spare import with_spare
from sidecar.process.table import ProcessTable, Row

STRANGERS_KEPT_LOOKS = 30
"""Looks for which a process that is not below the top is not looked at again: its pid may pass to
one of ours meanwhile, which is then missed for so long at most."""

LEAP_BYTES = 32 * 1024 * 1024
"""Growth or shrinking between two looks that may be another process under the same pid."""

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICK_MS = 1000 // os.sysconf("SC_CLK_TCK")
_READ_BYTES = 1024
"""More than any stat or statm has."""


class LinuxTable(ProcessTable):
    """A table over /proc."""

    def __init__(self, top: int) -> None:
        self._top = str(top)
        self._strangers: set[str] = set()
        self._looks = 0
        self._looked_at = 0.0
        self._rows: dict[str, Row] = {}

    def rows(self) -> Iterable[Row]:
        """Return all rows, in no order."""
        return self._rows.values()

    def row(self, pid: int) -> Row | None:
        """Return the row of a pid."""
        return self._rows.get(str(pid))

    def look(self, *, deep: bool) -> list[Row]:
        """Find what came, drop what went, read the memory of all; CPU times too when `deep`.

        Returns what went. What ends while we look is found by the next one.
        """
        if self._looks % STRANGERS_KEPT_LOOKS == 0:
            self._strangers.clear()
        self._looks += 1
        self._looked_at = time.monotonic()
        listed = set(with_spare(lambda: os.listdir("/proc")))  # noqa: PTH208 - hot path
        went = [self._rows.pop(pid) for pid in self._rows.keys() - listed]
        self._strangers &= listed
        read = _read_stat if deep else _read_statm
        ended = [row for row in self._rows.values() if not read(row)]
        went += [self._rows.pop(str(row.key.pid)) for row in ended]
        self._meet(listed - self._rows.keys() - self._strangers)
        return went

    def glance(self, rows: Iterable[Row]) -> None:
        """Read the memory of a few rows again; what has ended costs nothing."""
        for row in rows:
            if not _read_statm(row):
                row.end()

    def read_shares(self, rows: Iterable[Row], older_than_s: float) -> None:
        """Read the shares (PSS) that are not known, or were read longer ago than this."""
        now = time.monotonic()
        for row in rows:
            if row.pss_bytes is None or now - row.pss_read_at > older_than_s:
                row.pss_bytes = _pss_of(row.key.pid)
                row.pss_rss_bytes, row.pss_read_at = row.rss_bytes, now
                if row.pss_bytes is None and not _read_statm(row):
                    row.end()

    def is_new(self, row: Row) -> bool:
        """Tell whether the last look was the first one that saw it."""
        return row.seen_at >= self._looked_at

    def _meet(self, pids: set[str]) -> None:
        """Take in those of the new processes that are below the top."""
        now = time.monotonic()
        new: dict[str, Row] = {}
        for pid in pids:
            row = _new_row(pid, now) if pid.isdigit() else None
            if row is not None:
                new[pid] = row
            else:
                self._strangers.add(pid)
        for pid, row in new.items():
            if self._is_below(pid, new):
                self._rows[pid] = row
            elif self._is_stranger(row, new):
                self._strangers.add(pid)

    def _is_below(self, pid: str, new: dict[str, Row]) -> bool:
        seen = set()
        while pid in new and pid not in seen:
            if pid == self._top or pid in self._rows:
                return True
            seen.add(pid)
            pid = str(new[pid].parent)
        return pid == self._top or pid in self._rows

    def _is_stranger(self, row: Row, new: dict[str, Row]) -> bool:
        """Tell whether it is surely none of ours; its parent may be too young to be listed."""
        parent = str(row.parent)
        return parent in new or parent in self._strangers or row.parent == 0


def _read(path: str) -> bytes:
    """Return what there is; b"" when the process is gone, and OSError when we cannot look."""
    try:
        return with_spare(lambda: _read_once(path))
    except OSError as error:
        if error.errno in NO_DESCRIPTOR:
            raise
        return b""


def _read_once(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, _READ_BYTES)
    finally:
        os.close(descriptor)


def _new_row(pid: str, now: float) -> Row | None:
    data = _read(f"/proc/{pid}/stat")
    if not data:
        return None
    opening, closing = data.index(b"("), data.rindex(b")")
    fields = data[closing + 2 :].split()
    name = data[opening + 1 : closing].decode("utf-8", "replace")
    row = Row(ProcessKey(int(pid), int(fields[19])), int(fields[1]), name, now)
    row.handle = f"/proc/{pid}/statm"
    _take_stat(row, fields)
    return row


def _read_stat(row: Row) -> bool:
    """Read everything; False when the process is gone, and another has its pid."""
    data = _read(f"/proc/{row.key.pid}/stat")
    if not data:
        return False
    opening, closing = data.index(b"("), data.rindex(b")")
    fields = data[closing + 2 :].split()
    if int(fields[19]) != row.key.create_time:
        return False
    row.parent = int(fields[1])
    row.name = data[opening + 1 : closing].decode("utf-8", "replace")
    _take_stat(row, fields)
    return True


def _take_stat(row: Row, fields: list[bytes]) -> None:
    row.cpu_ms = (int(fields[11]) + int(fields[12])) * _TICK_MS
    row.rss_bytes = int(fields[21]) * _PAGE


def _read_statm(row: Row) -> bool:
    data = _read(row.handle)
    if not data:
        return False
    rss_bytes = int(data.split(None, 2)[1]) * _PAGE
    if abs(rss_bytes - row.rss_bytes) > LEAP_BYTES:
        return _read_stat(row)
    row.rss_bytes = rss_bytes
    return True


def _pss_of(pid: int) -> int | None:
    """Return the proportional share; None where it may not be read or the kernel has none."""
    data = _read(f"/proc/{pid}/smaps_rollup")
    _, found, rest = data.partition(b"\nPss:")
    return int(rest.split(None, 1)[0]) * 1024 if found else None
