"""Whether a client's cursor can be served from the journal, or needs a snapshot (PROTOCOL §3).

Pure. A cursor is {logId, epoch, seq}: after a loss of power an epoch may have ended before what a
client has seen, and its numbers were used again by the next epoch for other events.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sidecar.contract.bridge import Gap, Resume
from sidecar.contract.vocabulary import GapReason


@dataclass(frozen=True, slots=True)
class LogFacts:
    """What the journal has. `epochs` are (epoch, first seq), ascending, up to the current one.

    `oldest` is the first seq that is kept; head + 1 when none is.
    """

    log_id: str
    epoch: int
    head: int
    oldest: int
    epochs: Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Resumed:
    """Every event behind `after` can be served."""

    after: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot must be sent, behind `gap` if the client had presented a cursor."""

    reason: GapReason | None = None
    gap: Gap | None = None


def decide_resume(log: LogFacts, resume: Resume | None) -> Resumed | Snapshot:
    """Judge a cursor.

    other_log: of another journal. rewound: beyond the end of its epoch, or of an epoch that this
    journal has not reached. too_old: the next event, or the epoch, is no longer kept. The gap names
    the seqs that the client will not get as events: from the last one that it surely shares with
    this journal, up to the newest that either side has.
    """
    if resume is None:
        return Snapshot()
    if resume.log_id != log.log_id:
        return _gap("other_log", 0, log.head)
    if resume.cursor == 0:  # it has nothing yet, whatever epoch it names
        return Resumed(0) if log.oldest <= 1 else _gap("too_old", 0, log.head)
    newest = max(log.head, resume.cursor)
    if resume.epoch > log.epoch:
        return _gap("rewound", 0, newest)
    end = _end_of(log, resume.epoch)
    if end is None:
        return _gap("too_old", 0, newest)
    if resume.cursor > end:
        return _gap("rewound", end, newest)
    if resume.cursor < log.oldest - 1:
        return _gap("too_old", resume.cursor, newest)
    return Resumed(resume.cursor)


def _end_of(log: LogFacts, epoch: int) -> int | None:
    """Return the last seq of an epoch, None if the epoch is not remembered."""
    if epoch == log.epoch:
        return log.head
    firsts = dict(log.epochs)
    if epoch not in firsts:
        return None
    return min([first for later, first in firsts.items() if later > epoch]) - 1


def _gap(reason: GapReason, shared: int, newest: int) -> Snapshot:
    """Return a snapshot behind the gap shared + 1 … newest; never an empty one."""
    first = min(shared, newest) + 1
    return Snapshot(reason, Gap(from_=first, to=max(first, newest), reason=reason))
