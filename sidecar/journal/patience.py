"""What the writer does when the disk refuses: give up ballast, wait, try again, or give up.

Owns the judgement of SQLite's errors and the ballast. Runs on the writer's thread alone, but for
`hurry`.
"""

import sqlite3
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from sidecar.journal.ballast import Ballast
from sidecar.journal.schema import primary_code

T = TypeVar("T")

RETRY_FIRST_S = 0.1
RETRY_LAST_S = 5.0
"""Between two tries, doubling: room may come back at any time, and nobody is helped by a storm."""

FULL_POLL_S = 5.0
"""How often to look whether a full disk has room again."""

TROUBLE_TRIES = 5
"""Tries after an input/output error or a lock that did not open: some drives and file shares
recover. 0.1 + 0.2 + 0.4 + 0.8 + 1.6 s, then the journal has failed."""

LACK_TRIES = 10
"""Tries after a lack of memory, which is nobody's defect and mostly passes: half a minute."""

_TROUBLE = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}

_LACKS = {
    sqlite3.SQLITE_IOERR_NOMEM,
    sqlite3.SQLITE_IOERR_SHMMAP,  # no room in the address space for more of the WAL's index
    sqlite3.SQLITE_IOERR_SHMSIZE,
}


class Disk:
    """The disk as the writer sees it. `on_full` is called when it becomes full."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        ballast: Ballast,
        close_s: float,
        monotonic: Callable[[], float],
    ) -> None:
        self._connection = connection
        self._ballast = ballast
        self._close_s = close_s
        self._monotonic = monotonic
        self._hurry = threading.Event()
        self._give_up_at = float("inf")
        self._next_look = 0.0
        self._on_full: Callable[[], None] = lambda: None
        self.full = False
        self.message: str | None = None

    def on_full(self, tell: Callable[[], None]) -> None:
        """Name who is told at once when the disk refuses."""
        self._on_full = tell

    def hurry(self) -> None:
        """Try once more and then give up within `close_s` (any thread)."""
        self._give_up_at = self._monotonic() + self._close_s
        self._hurry.set()

    def attempt(self, statement: Callable[[], T]) -> T:
        """Run a statement until the disk takes it. Raises sqlite3.Error when it never will."""
        delay_s, troubles = RETRY_FIRST_S, 0
        while True:
            try:
                return statement()
            except (MemoryError, sqlite3.Error) as error:
                if self._may_pass(error, troubles):
                    troubles += 1
                elif not _is_full(error):
                    raise
                elif self._note_full(error):
                    continue
                if not self._wait(error, delay_s):
                    raise
                delay_s = min(delay_s * 2, RETRY_LAST_S)

    def look_again(self) -> None:
        """See, now and then, whether a full disk has room again."""
        if self.full and self._monotonic() >= self._next_look:
            self.restore_ballast()

    def restore_ballast(self) -> None:
        """Take the ballast back if the disk has room; only then is it no longer full."""
        self._next_look = self._monotonic() + FULL_POLL_S
        self.full = not self._ballast.restore(self._connection)
        self.message = "the disk is almost full" if self.full else None

    def _may_pass(self, error: Exception, troubles: int) -> bool:
        """Tell whether another try may do, after so many."""
        if _is_lack(error):
            return troubles < LACK_TRIES
        trouble = isinstance(error, sqlite3.Error) and primary_code(error) in _TROUBLE
        return trouble and troubles < TROUBLE_TRIES

    def _note_full(self, error: Exception) -> bool:
        """Give up ballast; False when there is none left."""
        self.full = True
        self.message = f"the disk is full: {error}"
        self._on_full()
        return self._ballast.release(self._connection)

    def _wait(self, error: Exception, delay_s: float) -> bool:
        """Wait for the next try; False when it is time to give up."""
        hurried = self._hurry.is_set()
        left_s = self._give_up_at - self._monotonic() if hurried else delay_s
        if left_s <= 0:
            return False
        if hurried or _is_lack(error):  # not by an event there: that would take memory
            time.sleep(min(delay_s, left_s))
        else:
            self._hurry.wait(delay_s)
        return True


def _is_lack(error: Exception) -> bool:
    return isinstance(error, MemoryError) or getattr(error, "sqlite_errorcode", 0) in _LACKS


def _is_full(error: Exception) -> bool:
    return isinstance(error, sqlite3.Error) and primary_code(error) == sqlite3.SQLITE_FULL
