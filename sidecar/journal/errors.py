"""What can go wrong with the journal.

JournalError
├── SchemaNewer         the database was written by a newer version
├── JournalUnavailable  it is closed, or cannot be written or read any more
└── CursorTooOld        the events behind a cursor were dropped by retention

None of them crosses the bridge as it is: the bridge and the supervisor say what they mean there.
"""


class JournalError(Exception):
    """Root of the journal's errors. Raised only through a subclass."""


class SchemaNewer(JournalError):  # noqa: N818 - named after what was found
    """Raised by Journal.open for a database that a newer version has written."""

    def __init__(self, found: int, known: int) -> None:
        super().__init__(
            f"Cannot open the journal: its schema is version {found}, this build knows {known}"
        )
        self.found = found
        self.known = known


class JournalUnavailable(JournalError):  # noqa: N818 - named after the state
    """Raised by every call that needs the database once it is closed or has failed."""


class CursorTooOld(JournalError):  # noqa: N818 - named after what was found
    """Raised by Journal.read when the event behind the cursor is no longer kept."""

    def __init__(self, after: int, oldest: int) -> None:
        super().__init__(f"Cannot read behind {after}: the oldest event kept is {oldest}")
        self.after = after
        self.oldest = oldest
