"""What a start finds in the journal: the fold rebuilt, and what was cut brought to its end.

Runs once, before the bridge listens: cut turns get their end, open requests their resolution,
every session that seemed to run its exit. What still lives of the last run is swept away first.
"""

from pathlib import Path

from sidecar.contract.events import decode_event, event_type_of
from sidecar.core.closing import ExitFacts, closing_drafts
from sidecar.core.fold import Fold
from sidecar.core.stamping import Origin
from sidecar.journal import Journal
from sidecar.observe.log import Log
from sidecar.supervisor.eventlog import EventLog

JOURNAL_NAME = "journal.db"


def journal_path(data_dir: Path) -> Path:
    """Return where the journal of a data dir is."""
    return data_dir / JOURNAL_NAME


def rebuild_fold(journal: Journal, log: Log) -> Fold:
    """Fold the stored snapshot and what came after it."""
    stored = journal.load_snapshot()
    after, fold = 0, Fold()
    if stored is not None:
        after, fold = stored[0], Fold.load(stored[1])
    count = 0
    for entries in journal.replay(after):
        for entry in entries:
            fold.apply(decode_event(event_type_of(entry.body), entry.body))
        count += len(entries)
    log.info("journal.recovered", epoch=journal.epoch, head=journal.head, replayed=count)
    return fold


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
