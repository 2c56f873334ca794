"""The log files of a data dir, read as one stream in the order of time, and followed.

Files are opened anew at each look and known by their inode: what was rotated meanwhile is read to
its end under its new name. Holds one line of each file in memory, and no file open between looks.
"""

import heapq
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from sidecar.observe.log import LOG_FILES
from sidecar.observe.logview import Line, read_line

NAMES = ("sidecar.log", "client.log")
"""What the supervisor writes (also for hosts and providers), and what the app's side does."""

LINE_BYTES = 256 * 1024
"""Longest line that is read, of a longer one its beginning. A record has some 10 KB at most."""

READ_BYTES = 256 * 1024


class LogFile:
    """One log with its rotated predecessors (`.1` is younger than `.2`)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode: int | None = None
        """The file that was read last, and how far."""
        self._offset = 0
        self._at = ""

    def lines(self) -> Iterator[Line]:
        """Yield what has come since the last time; at first, all that there is."""
        for path, inode in self._unread():
            if inode != self._inode:
                self._inode, self._offset = inode, 0
            yield from self._rest(path)

    def _unread(self) -> list[tuple[Path, int]]:
        """Return the files to read, oldest first: from the one that was read last on."""
        names = [self._path.with_name(f"{self._path.name}.{n}") for n in range(LOG_FILES, 0, -1)]
        files = [(path, inode) for path in (*names, self._path) if (inode := _inode(path))]
        known = [inode for _, inode in files]
        return files[known.index(self._inode) :] if self._inode in known else files

    def _rest(self, path: Path) -> Iterator[Line]:
        try:
            with path.open("rb") as file:
                if os.fstat(file.fileno()).st_ino != self._inode:
                    return  # rotated since we looked: the next look finds it
                if file.seek(0, os.SEEK_END) < self._offset:
                    self._offset = 0  # cut short by somebody
                file.seek(self._offset)
                while (line := _whole_line(file)) is not None:
                    self._offset = file.tell()
                    read = read_line(line.decode("utf-8", "replace"), self._at)
                    self._at = read.at
                    yield read
        except OSError:
            return  # it went, or is not ours to read: what else there is still comes


def _whole_line(file: BinaryIO) -> bytes | None:
    """Return the next line without its end; None when it is not finished yet, or at the end."""
    line = file.readline(LINE_BYTES)
    if line.endswith(b"\n"):
        return line[:-1]
    if len(line) < LINE_BYTES:
        return None
    while piece := file.readline(READ_BYTES):
        if piece.endswith(b"\n"):
            return line
    return None


def _inode(path: Path) -> int | None:
    """Return the inode of a file; None without one, and of what to open could take for ever."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino if stat.S_ISREG(found.st_mode) else None


class Merged:
    """All logs of a data dir."""

    def __init__(self, data_dir: Path) -> None:
        self._files = [LogFile(data_dir / name) for name in NAMES]

    def lines(self) -> Iterator[Line]:
        """Yield what has come since the last time, in the order of time."""
        yield from heapq.merge(*(file.lines() for file in self._files), key=lambda line: line.at)
