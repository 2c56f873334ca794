"""What a start finds in the journal: the fold rebuilt, and what was cut brought to its end.

Runs once, before the bridge listens: cut turns get their end, open requests their resolution,
every session that seemed to run its exit. What still lives of the last run is swept away first.
"""

import sqlite3
from pathlib import Path

import msgspec

from sidecar.contract.events import decode_event, event_type_of
from sidecar.core.closing import ExitFacts, closing_drafts
from sidecar.core.fold import Fold, FoldFormatError
from sidecar.core.stamping import Origin
from sidecar.journal import Journal, JournalOptions
from sidecar.journal.segments import SegmentDamaged
from sidecar.observe.log import Log
from sidecar.supervisor.eventlog import EventLog

JOURNAL_NAME = "journal.db"


def journal_path(data_dir: Path) -> Path:
    """Return where the journal of a data dir is."""
    return data_dir / JOURNAL_NAME


async def open_journal(path: Path, options: JournalOptions, log: Log) -> tuple[Journal, Fold]:
    """Open the journal and fold it.

    Damage that only shows while it is read has it opened once more: that opening follows an
    unclean end, so it checks every page and sets a damaged file aside. Raises SchemaNewer, and
    OSError or sqlite3.Error when the place cannot be used.
    """
    journal = Journal.open(path, options)
    try:
        return journal, rebuild_fold(journal, log)
    except (sqlite3.DatabaseError, SegmentDamaged) as error:
        log.error("journal.damaged", error=str(error))
        await journal.close()
    journal = Journal.open(path, options)
    return journal, rebuild_fold(journal, log)


def rebuild_fold(journal: Journal, log: Log) -> Fold:
    """Fold the stored snapshot and what came after it.

    An event that this version cannot read is left out and counted: it stays in the journal, and a
    session must not be lost for it.
    """
    after, fold = _stored_fold(journal, log)
    count = unread = 0
    for entries in journal.replay(after):
        for entry in entries:
            try:
                fold.apply(decode_event(event_type_of(entry.body), entry.body))
            except (msgspec.DecodeError, KeyError):
                unread += 1
        count += len(entries)
    log.info(
        "journal.recovered", epoch=journal.epoch, head=journal.head, replayed=count, unread=unread
    )
    return fold


def _stored_fold(journal: Journal, log: Log) -> tuple[int, Fold]:
    """Return the stored fold and its seq; an empty one before everything if it cannot be read."""
    stored = journal.load_snapshot()
    if stored is not None:
        try:
            return stored[0], Fold.load(stored[1])
        except FoldFormatError as error:
            log.warning("journal.snapshot-unreadable", error=str(error))
    return journal.oldest - 1, Fold()


def end_cut_sessions(events: EventLog, log: Log) -> int:
    """Append the end of every generation that the last run left open; returns how many."""
    cut = 0
    for thread_id in events.fold.thread_ids():
        session = events.fold.session(thread_id)
        if session is None or session.exited:
            continue
        facts = ExitFacts(
            kind="error",
            reason="the sidecar ended unexpectedly",
            recoverable=True,
            turn_state="interrupted",
        )
        drafts = closing_drafts(session, facts)
        if drafts:
            origin = Origin(
                session.provider, thread_id, session.generation, session.provider_instance_id
            )
            events.say(origin, drafts)
            log.info("session.cut", thread=thread_id, generation=session.generation)
            cut += 1
    return cut
