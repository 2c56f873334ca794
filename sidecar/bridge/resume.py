"""Where a client's stream begins: its cursor against the journal's facts (PROTOCOL §3)."""

from sidecar.bridge.backend import JournalView
from sidecar.bridge.stream import Start
from sidecar.contract.bridge import Resume
from sidecar.core.cursors import LogFacts, Resumed, decide_resume


def decide_start(journal: JournalView, resume: Resume | None) -> Start:
    """Return where to begin. A stream that begins with a snapshot may owe a gap before it."""
    facts = LogFacts(
        log_id=journal.log_id,
        epoch=journal.epoch,
        head=journal.head,
        oldest=journal.oldest,
        epochs=journal.epochs,
    )
    decision = decide_resume(facts, resume)
    if isinstance(decision, Resumed):
        return Start(decision.after)
    return Start(after=0, snapshot=True, gap=decision.gap)
