"""A journal's numbers are read without changing a byte of it, whether it is open or not."""

from pathlib import Path
from typing import Any

import pytest

from sidecar.contract.events import encode_event
from sidecar.contract.events.session import SessionExited, SessionStateChanged
from sidecar.core.drafts import Draft
from sidecar.core.stamping import Origin, Stamper
from sidecar.journal import Row
from sidecar.journal.errors import JournalUnavailable
from sidecar.journal.inspect import inspect_journal
from tests.journal.helpers import opened

MOMENT = "2026-01-01T00:00:00.000Z"


def events(thread_id: str, *drafts: Draft, generation: int = 1) -> list[Row]:
    stamper = Stamper(Origin("demo", thread_id, generation), f"e{generation}", lambda: MOMENT)
    return [Row(thread_id, encode_event(stamper.stamp(draft))) for draft in drafts]


def starting(detail: Any = None) -> Draft:
    payload = SessionStateChanged(state="starting", detail=detail)
    return Draft(type="session.state.changed", payload=payload)


def exited(reason: str) -> Draft:
    payload = SessionExited(reason=reason, exit_kind="error", recoverable=True)
    return Draft(type="session.exited", payload=payload)


ROWS = [
    *events("t1", starting(), exited("it fell")),
    *events("t1", starting({"kind": "restarting", "count": 1}), generation=2),
    *events("t2", starting()),
]


async def test_types_threads_restarts_and_exits_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with opened(path) as journal:
        for row in [*ROWS, Row("t3", b"no event")]:
            await journal.committed(journal.append([row]))
        await journal.add_mark("ab" * 16, "t1")
        while_open = inspect_journal(path)
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    closed = inspect_journal(path)

    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before
    assert closed.facts["counted"] == while_open.facts["counted"]
    counted = closed.facts["counted"]
    types = {"session.state.changed": 3, "session.exited": 1, "unreadable": 1}
    assert counted["byType"] == types
    assert counted["byThread"] == {"t1": 3, "t2": 1, "t3": 1}
    assert counted["restartsByThread"] == {"t1": 1}
    assert [(e["threadId"], e["generation"]) for e in closed.facts["exits"]] == [("t1", 1)]
    assert (closed.facts["firstSeq"], closed.facts["lastSeq"]) == (1, 5)
    assert closed.marks == while_open.marks == {"ab" * 16: "t1"}
    assert closed.fold.thread_ids() == ["t1", "t2"]
    assert closed.fold.generation_of("t1") == 2


async def test_only_the_newest_events_are_counted_but_all_are_folded(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with opened(path) as journal:
        for row in ROWS:
            await journal.committed(journal.append([row]))
        found = inspect_journal(path, scan_bytes=1)
        bare = inspect_journal(path, fold=False)

    assert found.facts["counted"]["fromSeq"] == 4
    assert found.facts["counted"]["byThread"] == {"t2": 1}
    assert found.fold.thread_ids() == ["t1", "t2"]
    assert bare.facts["counted"]["events"] == 4
    assert bare.fold.thread_ids() == []


async def test_an_empty_journal_has_no_events(tmp_path: Path) -> None:
    async with opened(tmp_path / "journal.db"):
        found = inspect_journal(tmp_path / "journal.db")
    assert found.facts["counted"]["events"] == 0
    assert found.facts["oldest"] is None


@pytest.mark.parametrize("content", [None, b"", b"no database at all" * 100])
def test_what_is_no_journal_is_said_and_not_made(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "journal.db"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(JournalUnavailable):
        inspect_journal(path)
    assert path.exists() == (content is not None)
