"""A file that is given up when the disk is full, so that exits and resolutions can be written.

Owns one file beside the database. Never knows what is written with the room that it gives.
"""

import os
import shutil
import sqlite3
from pathlib import Path

from sidecar.contract.limits import MIB

BALLAST_BYTES = 4 * MIB
"""Room for the ends of some thousand sessions: an end is under 1 KiB but for its stderr tail."""

SPARE_FACTOR = 4
"""The ballast is taken back only when the disk has this many times its size free, so that it is
not given up again at once."""

_BLOCK = bytes(64 * 1024)


class Ballast:
    """The ballast of the database at `database`. Tests put one here that models a disk."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".ballast")

    def release(self, _connection: sqlite3.Connection) -> bool:
        """Give the room up; False when there is none left to give."""
        try:
            self._path.unlink()
        except FileNotFoundError:
            return False
        except OSError:
            return False  # a read-only folder: nothing can be given up
        return True

    def restore(self, _connection: sqlite3.Connection) -> bool:
        """Take the room back; False while the disk has none to spare."""
        try:
            if self._path.exists() and self._path.stat().st_size == BALLAST_BYTES:
                return True
            if shutil.disk_usage(self._path.parent).free < SPARE_FACTOR * BALLAST_BYTES:
                return False
            _fill(self._path)
        except OSError:
            self._path.unlink(missing_ok=True)
            return False
        return True


def _fill(path: Path) -> None:
    """Write a file whose blocks are really taken."""
    with path.open("wb") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, BALLAST_BYTES)
            return
        for _ in range(BALLAST_BYTES // len(_BLOCK)):
            file.write(_BLOCK)
