"""The small tables: marks, sessions, idempotency keys, snapshot, all in order with the events."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sidecar.journal import (
    Answered,
    Fresh,
    Journal,
    JournalOptions,
    Mismatch,
    Running,
    Unknown,
    store,
)
from tests.journal.helpers import opened, query, row


class Wall:
    """A wall clock that a test moves."""

    def __init__(self) -> None:
        self.ms = 1_000_000

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def options(wall: Wall) -> JournalOptions:
    return JournalOptions(wall_ms=wall, idempotency_s=600.0)


@pytest.fixture
async def journal(path: Path, options: JournalOptions) -> AsyncIterator[Journal]:
    async with opened(path, options) as journal:
        yield journal


async def test_marks_of_earlier_starts_are_known_until_dropped(path: Path) -> None:
    async with opened(path) as journal:
        await journal.add_mark("m1", "t")
        await journal.add_mark("m2", "")
        assert journal.all_marks_before_epoch() == []
    async with opened(path) as journal:
        assert sorted(journal.all_marks_before_epoch()) == ["m1", "m2"]
        await journal.add_mark("m3", "t")
        await journal.drop_marks(["m1", "unknown"])
        await journal.drop_marks([])
        assert journal.all_marks_before_epoch() == ["m2"]


async def test_sessions_are_kept_replaced_and_dropped(path: Path) -> None:
    async with opened(path) as journal:
        await journal.put_session("a", b"1")
        await journal.put_session("b", b"2")
        await journal.put_session("a", b"3")
        await journal.drop_session("b")
        await journal.drop_session("unknown")
    async with opened(path) as journal:
        assert journal.load_sessions() == {"a": b"3"}


async def test_the_newest_snapshot_is_kept_alone(path: Path) -> None:
    async with opened(path) as journal:
        assert journal.load_snapshot() is None
        for seq in (1, 2):
            journal.append([row(seq)])
            await journal.save_snapshot(seq, b"fold %d" % seq)
        assert journal.head == 2
    async with opened(path) as journal:
        assert journal.load_snapshot() == (2, b"fold 2")


async def test_what_is_stored_comes_behind_what_was_appended_before(
    journal: Journal, path: Path
) -> None:
    seq = journal.append([row(1)])
    await journal.put_session("t", b"spec")
    assert query(path, "SELECT max(last_seq) FROM segments") == [(seq,)]


# Idempotency


async def test_a_key_is_fresh_once_then_running_then_answered(journal: Journal) -> None:
    assert await journal.begin_request("c", "m", "k", b"h") == Fresh()
    assert await journal.begin_request("c", "m", "k", b"h") == Running()
    await journal.finish_request("c", "m", "k", b"answer")
    assert await journal.begin_request("c", "m", "k", b"h") == Answered(b"answer")


async def test_other_params_under_a_key_are_a_mismatch(journal: Journal) -> None:
    await journal.begin_request("c", "m", "k", b"h")
    assert await journal.begin_request("c", "m", "k", b"other") == Mismatch()
    await journal.finish_request("c", "m", "k", b"answer")
    assert await journal.begin_request("c", "m", "k", b"other") == Mismatch()


async def test_the_scope_of_a_key_is_client_and_method(journal: Journal) -> None:
    for name in (("c", "m"), ("c", "n"), ("d", "m")):
        assert await journal.begin_request(*name, "k", b"h") == Fresh()


async def test_an_answer_survives_a_restart_and_a_cut_call_is_unknown(path: Path) -> None:
    async with opened(path) as journal:
        await journal.begin_request("c", "m", "done", b"h")
        await journal.finish_request("c", "m", "done", b"")
        await journal.begin_request("c", "m", "cut", b"h")
    async with opened(path) as journal:
        assert await journal.begin_request("c", "m", "done", b"h") == Answered(b"")
        assert await journal.begin_request("c", "m", "cut", b"h") == Unknown()
        assert await journal.begin_request("c", "m", "cut", b"x") == Mismatch()


async def test_an_answer_expires_ten_minutes_after_it_was_given(
    journal: Journal, wall: Wall
) -> None:
    await journal.begin_request("c", "m", "k", b"h")
    wall.ms += 599_000
    await journal.finish_request("c", "m", "k", b"answer")
    wall.ms += 599_999
    assert await journal.begin_request("c", "m", "k", b"h") == Answered(b"answer")
    wall.ms += 1
    assert await journal.begin_request("c", "m", "k", b"other") == Fresh()


async def test_a_running_call_never_expires(journal: Journal, wall: Wall) -> None:
    await journal.begin_request("c", "m", "k", b"h")
    wall.ms += 10_000_000
    assert await journal.begin_request("c", "m", "k", b"h") == Running()


async def test_a_cut_call_expires(path: Path, options: JournalOptions, wall: Wall) -> None:
    async with opened(path, options) as journal:
        await journal.begin_request("c", "m", "k", b"h")
    wall.ms += 600_000
    async with opened(path, options) as journal:
        assert await journal.begin_request("c", "m", "k", b"h") == Fresh()


async def test_expired_keys_are_removed_now_and_then(
    journal: Journal, wall: Wall, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PURGE_EVERY", 4)
    await journal.begin_request("c", "m", "running", b"h")
    for n in range(10):
        await journal.begin_request("c", "m", f"k{n}", b"h")
        await journal.finish_request("c", "m", f"k{n}", b"answer")
    wall.ms += 600_000
    for n in range(4):
        await journal.begin_request("c", "m", f"new{n}", b"h")
    keys = {key for (key,) in query(path, "SELECT key FROM requests")}
    assert keys == {"running", "new0", "new1", "new2", "new3"}
