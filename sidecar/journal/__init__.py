"""The journal: the only buffer between those who say events and those who read them.

    append ──► writer thread ──► SQLite (WAL) ──► subscribers, readers

Owns sequence numbers, epochs, retention, the stored fold and the small tables of the store. Never
looks into an event's body.
"""

from sidecar.journal.errors import CursorTooOld, JournalError, JournalUnavailable, SchemaNewer
from sidecar.journal.journal import Journal
from sidecar.journal.types import (
    Answered,
    Entry,
    Fresh,
    JournalOptions,
    JournalState,
    Mismatch,
    Page,
    RequestState,
    Row,
    Running,
    Unknown,
)

__all__ = [
    "Answered",
    "CursorTooOld",
    "Entry",
    "Fresh",
    "Journal",
    "JournalError",
    "JournalOptions",
    "JournalState",
    "JournalUnavailable",
    "Mismatch",
    "Page",
    "RequestState",
    "Row",
    "Running",
    "SchemaNewer",
    "Unknown",
]
