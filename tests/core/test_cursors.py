"""Whether a cursor can be served: every case by name, and all small logs against a model."""

from itertools import product

import pytest

from sidecar.contract.bridge import Gap, Resume
from sidecar.contract.vocabulary import GapReason
from sidecar.core.cursors import LogFacts, Resumed, Snapshot, decide_resume

LOG = LogFacts(log_id="log", epoch=3, head=50, oldest=11, epochs=[(1, 1), (2, 21), (3, 41)])
"""Epoch 1 ended at 20, epoch 2 at 40; events 1 … 10 are no longer kept."""


def resume(cursor: int, epoch: int = 3, log_id: str = "log") -> Resume:
    return Resume(log_id=log_id, epoch=epoch, cursor=cursor)


def gap(reason: GapReason, first: int, last: int) -> Gap:
    return Gap(from_=first, to=last, reason=reason)


def test_a_client_without_a_cursor_gets_a_snapshot_and_no_gap() -> None:
    assert decide_resume(LOG, None) == Snapshot(None, None)


@pytest.mark.parametrize(
    ("cursor", "epoch"),
    [(50, 3), (49, 3), (41, 3), (40, 3), (10, 3), (40, 2), (21, 2), (20, 1), (10, 1)],
)
def test_a_cursor_within_its_epoch_and_what_is_kept_resumes(cursor: int, epoch: int) -> None:
    assert decide_resume(LOG, resume(cursor, epoch)) == Resumed(cursor)


def test_a_cursor_of_another_journal_shares_nothing() -> None:
    assert decide_resume(LOG, resume(50, 3, "other")) == Snapshot(
        "other_log", gap("other_log", 1, 50)
    )


@pytest.mark.parametrize("cursor", [9, 1])
def test_a_cursor_before_what_is_kept_is_too_old(cursor: int) -> None:
    assert decide_resume(LOG, resume(cursor)) == Snapshot("too_old", gap("too_old", cursor + 1, 50))


@pytest.mark.parametrize(("cursor", "epoch", "end"), [(21, 1, 20), (45, 2, 40), (60, 2, 40)])
def test_a_cursor_in_a_lost_tail_is_rewound(cursor: int, epoch: int, end: int) -> None:
    assert decide_resume(LOG, resume(cursor, epoch)) == Snapshot(
        "rewound", gap("rewound", end + 1, max(50, cursor))
    )


def test_a_cursor_beyond_the_head_is_rewound() -> None:
    assert decide_resume(LOG, resume(51)) == Snapshot("rewound", gap("rewound", 51, 51))


@pytest.mark.parametrize("cursor", [5, 50, 51])
def test_an_epoch_that_is_yet_to_come_is_rewound_from_the_beginning(cursor: int) -> None:
    assert decide_resume(LOG, resume(cursor, 4)) == Snapshot(
        "rewound", gap("rewound", 1, max(50, cursor))
    )


def test_an_epoch_that_is_no_longer_remembered_is_too_old() -> None:
    log = LogFacts("log", 9, 50, 1, [(8, 41), (9, 51)])
    assert decide_resume(log, resume(5, 7)) == Snapshot("too_old", gap("too_old", 1, 50))


@pytest.mark.parametrize("epoch", [0, 1, 3, 9])
def test_cursor_zero_is_from_the_beginning_in_any_epoch(epoch: int) -> None:
    whole = LogFacts("log", 3, 50, 1, LOG.epochs)
    assert decide_resume(whole, resume(0, epoch)) == Resumed(0)
    assert decide_resume(LOG, resume(0, epoch)) == Snapshot("too_old", gap("too_old", 1, 50))


def test_an_empty_journal_serves_cursor_zero_and_nothing_else() -> None:
    empty = LogFacts("log", 1, 0, 1, [(1, 1)])
    assert decide_resume(empty, resume(0, 1)) == Resumed(0)
    assert decide_resume(empty, resume(1, 1)) == Snapshot("rewound", gap("rewound", 1, 1))
    assert decide_resume(empty, resume(1, 1, "x")) == Snapshot("other_log", gap("other_log", 1, 1))


def test_a_journal_whose_events_were_all_dropped_serves_its_head() -> None:
    log = LogFacts("log", 1, 50, 51, [(1, 1)])
    assert decide_resume(log, resume(50, 1)) == Resumed(50)
    assert decide_resume(log, resume(49, 1)) == Snapshot("too_old", gap("too_old", 50, 50))


def test_an_epoch_without_events_ends_where_it_began() -> None:
    log = LogFacts("log", 3, 25, 1, [(1, 1), (2, 21), (3, 21)])
    assert decide_resume(log, resume(20, 2)) == Resumed(20)
    assert decide_resume(log, resume(21, 2)).__class__ is Snapshot


def test_no_cursor_is_ever_served_other_events_under_its_numbers() -> None:
    """All logs of two starts with up to four events, whose first start lost some of its tail."""
    for written, lost, second, dropped in product(range(5), range(5), range(4), range(4)):
        if lost > written or dropped > written - lost + second:
            continue
        kept = written - lost
        head = kept + second
        history = dict.fromkeys(range(1, kept + 1), 1)
        history |= dict.fromkeys(range(kept + 1, head + 1), 2)
        log = LogFacts("log", 2, head, dropped + 1, [(1, 1), (2, kept + 1)])
        for epoch, seen in ((1, written), (2, head)):
            for cursor in range(seen + 1):
                then = dict.fromkeys(range(1, cursor + 1), 1) if epoch == 1 else history
                same = all(history.get(s) == then[s] for s in range(1, cursor + 1))
                servable = same and cursor >= dropped
                got = decide_resume(log, resume(cursor, epoch))
                assert (got == Resumed(cursor)) is servable, (log, epoch, cursor)
                if isinstance(got, Snapshot):
                    assert got.gap is not None
                    assert got.gap.from_ <= got.gap.to
