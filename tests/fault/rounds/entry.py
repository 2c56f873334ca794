"""The sidecar on a disk that is full whenever a test says so.

    python -m tests.fault.rounds.entry serve     with FULL_WHEN=<path> in the environment

While the file at FULL_WHEN exists, SQLite may not grow the journal (PRAGMA max_page_count), and the
ballast is worth BALLAST_PAGES. Only the supervisor is changed: its children start as ever.
"""

import functools
import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import sidecar.serve
from sidecar.cli import main
from sidecar.journal import JournalOptions, patience
from sidecar.journal import journal as journal_module
from sidecar.journal.ballast import Ballast
from sidecar.journal.patience import Disk
from sidecar.journal.schema import number

T = TypeVar("T")

FULL_WHEN = "AGENT_SIDECAR_TEST_FULL_WHEN"
BALLAST_PAGES = 200
NO_BOUND = 0x3FFFFFFF
LOOK_EVERY_S = 0.2
"""Instead of the product's 5 s: a round has no time for them."""

_switch = Path(os.environ.get(FULL_WHEN, "/nowhere"))
_full = False


def _obey(connection: sqlite3.Connection) -> None:
    """Bring the bound to what the switch says."""
    global _full  # noqa: PLW0603 - one disk
    if _switch.exists() == _full:
        return
    _full = not _full
    _bound(connection, number(connection, "page_count") if _full else NO_BOUND)


def _bound(connection: sqlite3.Connection, pages: int) -> None:
    connection.execute(f"PRAGMA max_page_count={pages}")


class SmallDisk(Disk):
    """Looks at the switch before each statement."""

    def attempt(self, statement: Callable[[], T]) -> T:
        """See Disk."""

        def obedient() -> T:
            _obey(self._connection)
            return statement()

        return super().attempt(obedient)


class PageBallast(Ballast):
    """Ballast of a disk that is bounded in pages."""

    _held = True

    def release(self, connection: sqlite3.Connection) -> bool:
        """See Ballast."""
        if not self._held:
            return False
        self._held = False
        _bound(connection, number(connection, "max_page_count") + BALLAST_PAGES)
        return True

    def restore(self, connection: sqlite3.Connection) -> bool:
        """See Ballast."""
        _obey(connection)
        if _full and not self._held:
            return False
        self._held = True
        return True


if __name__ == "__main__":
    vars(journal_module)["Disk"] = SmallDisk
    vars(sidecar.serve)["JournalOptions"] = functools.partial(JournalOptions, ballast=PageBallast)
    patience.FULL_POLL_S = patience.RETRY_LAST_S = LOOK_EVERY_S
    sys.exit(main())
