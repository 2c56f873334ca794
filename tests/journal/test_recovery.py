"""What a start finds: epochs, a lost tail, what a kill left, damage that is set aside."""

import asyncio
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from sidecar.contract.bridge import Resume
from sidecar.core.cursors import LogFacts, Resumed, Snapshot, decide_resume
from sidecar.journal import Journal, JournalOptions, SchemaNewer, recovery, schema
from sidecar.journal.schema import SCHEMA_VERSION
from tests.fakes.journal_writer import body
from tests.journal.helpers import DEADLINE_S, opened, query, read_all, write

ROOT = Path(__file__).parents[2]
WRITER = ROOT / "tests" / "fakes" / "journal_writer.py"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def facts(journal: Journal) -> LogFacts:
    return LogFacts(journal.log_id, journal.epoch, journal.head, journal.oldest, journal.epochs)


# Epochs


async def test_each_start_is_an_epoch_of_the_same_journal(path: Path) -> None:
    async with opened(path) as first:
        await write(first, 3)
    async with opened(path) as second:
        await write(second, 2)
    async with opened(path) as third:
        assert third.log_id == first.log_id
        assert third.epoch == 3
        assert third.epochs == [(1, 1), (2, 4), (3, 6)]
        assert (third.head, third.oldest) == (5, 1)
        assert third.reset_name is None


async def test_two_journals_have_different_ids(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db") as one, opened(tmp_path / "b.db") as other:
        assert one.log_id != other.log_id


async def test_the_memory_of_epochs_is_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "EPOCHS_KEPT", 2)
    for _ in range(4):
        async with opened(path) as journal:
            await write(journal, 1)
    assert journal.epochs == [(3, 3), (4, 4)]


async def test_the_end_is_clean_only_if_it_was_said_to_be(path: Path) -> None:
    async with opened(path) as journal:
        assert not journal.previous_end_clean
        await journal.mark_clean()
    async with opened(path) as journal:
        assert journal.previous_end_clean
    async with opened(path) as journal:
        assert not journal.previous_end_clean


async def test_a_lost_tail_is_rewound_and_its_numbers_are_used_again(
    path: Path, tmp_path: Path
) -> None:
    """Power fails: what was not yet synced is gone, the epoch's own row is not."""
    async with opened(path) as journal:
        await write(journal, 5)
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", tmp_path / f"synced.db{suffix}")
        await write(journal, 5)
        seen = Resume(log_id=journal.log_id, epoch=journal.epoch, cursor=journal.head)
    async with opened(tmp_path / "synced.db") as journal:
        assert (journal.head, journal.epoch) == (5, 2)
        await write(journal, 20)
        judged = decide_resume(facts(journal), seen)
        assert isinstance(judged, Snapshot)
        assert judged.reason == "rewound"
        synced = Resume(log_id=seen.log_id, epoch=1, cursor=5)
        assert decide_resume(facts(journal), synced) == Resumed(5)


def test_an_epoch_is_synced_before_anything_is_said_in_it(path: Path) -> None:
    statements: list[str] = []

    def traced(where: Path) -> sqlite3.Connection:
        connection = schema.connect(where)
        connection.set_trace_callback(statements.append)
        return connection

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recovery, "connect", traced)
        recovery.open_database(path, lambda: 0).connection.close()
    full = statements.index("PRAGMA synchronous=FULL")
    epoch = next(n for n, s in enumerate(statements) if s.startswith("INSERT INTO epochs"))
    assert full < epoch < statements.index("PRAGMA synchronous=NORMAL", full)


# Kill −9


def test_a_killed_writer_loses_nothing_that_was_committed(path: Path) -> None:
    chance = random.Random(7)
    acked, epochs = 0, 0
    for seed in range(6):
        before = acked
        acked = kill_after(path, seed, chance.uniform(0.0, 0.25))
        epochs += 1
        head = check_journal(path)
        epochs += 1
        assert head >= acked > before
        acked = head
    journal = Journal.open(path)
    assert journal.epoch == epochs + 1
    stored = journal.load_snapshot()
    assert stored is not None
    assert 0 < stored[0] <= journal.head
    assert stored[1] == str(stored[0]).encode()
    recovery_end(journal)


def kill_after(path: Path, seed: int, delay_s: float) -> int:
    """Let a process write for a while from its first commit on, kill it; return the last ack."""
    with subprocess.Popen(
        [sys.executable, str(WRITER), str(path), str(seed)],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdout is not None
        first = int(process.stdout.readline())
        while int(process.stdout.readline()) == first:
            pass
        time.sleep(delay_s)  # the moment of the kill is what is random here
        process.kill()
        acks = process.stdout.read().split("\n")
        assert process.wait(DEADLINE_S) == -signal.SIGKILL
    whole = [int(ack) for ack in acks[:-1]]
    return max([first + 1, *whole])


def check_journal(path: Path) -> int:
    """Check that every seq is there once, every byte is right, every group whole; return head."""
    journal = Journal.open(path)
    assert journal.reset_name is None
    seqs, last_of_group = [], 0
    for entries in journal.replay(0):
        for entry in entries:
            _, first, last, _ = msgspec.msgpack.decode(entry.body)
            assert entry.body == body(entry.seq, first, last)
            assert entry.thread_id == f"t{entry.seq % 3}"
            seqs.append(entry.seq)
            last_of_group = last
    assert seqs == list(range(1, journal.head + 1))
    assert last_of_group == journal.head
    recovery_end(journal)
    return journal.head


def recovery_end(journal: Journal) -> None:
    """Close a journal that was opened without an event loop, as a crash would."""
    journal._close_lookups()
    journal._connection.close()


# Damage


async def reset_of(path: Path) -> str:
    """Open, check the new journal; return under what name the damaged one was set aside."""
    async with opened(path, JournalOptions(wall_ms=lambda: 1_790_000_000_000)) as journal:
        assert (journal.head, journal.epoch) == (0, 1)
        assert await write(journal, 1) == 1
        assert journal.reset_name is not None
        return journal.reset_name


@pytest.mark.parametrize("content", [b"no database" * 100, b"SQLite format 3\x00" + b"\xff" * 5000])
async def test_a_file_that_is_no_database_is_set_aside(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    name = await reset_of(path)
    assert name == "journal.db.damaged-20260921T141320Z"
    assert path.with_name(name).read_bytes() == content


async def test_a_corrupted_page_is_found_and_the_whole_set_aside(path: Path) -> None:
    async with opened(path) as journal:
        await write(journal, 200, size=500)
        old = journal.log_id
    with path.open("r+b") as file:
        file.seek(20 * 4096)
        file.write(b"\xde\xad" * 2048)
    damaged = path.read_bytes()
    name = await reset_of(path)
    assert path.with_name(name).read_bytes() == damaged
    async with opened(path) as journal:
        assert journal.log_id != old
        assert journal.reset_name is None


async def test_a_missing_segment_is_damage(path: Path) -> None:
    async with opened(path) as journal:
        await write(journal, 10)
    query(path, "DELETE FROM segments WHERE first_seq = 5")
    await reset_of(path)


async def test_a_newest_segment_that_cannot_be_read_is_damage(path: Path) -> None:
    async with opened(path) as journal:
        await write(journal, 10)
        await journal.mark_clean()
    query(path, "UPDATE segments SET idx = x'00' WHERE first_seq = 10")
    await reset_of(path)


async def test_a_database_of_somebody_else_is_set_aside(path: Path) -> None:
    query(path, "CREATE TABLE theirs (x)")
    name = await reset_of(path)
    assert query(path.with_name(name), "SELECT name FROM sqlite_master") == [("theirs",)]


async def test_a_half_made_database_is_set_aside(path: Path) -> None:
    async with opened(path):
        pass
    query(path, "DROP TABLE marks")
    await reset_of(path)


@pytest.mark.parametrize("leftover", [b"", None])
async def test_an_empty_file_becomes_the_journal(path: Path, leftover: bytes | None) -> None:
    if leftover is None:
        with closing(sqlite3.connect(path)) as connection:  # killed before its first commit
            connection.execute("PRAGMA journal_mode=WAL")
    else:
        path.write_bytes(leftover)
    async with opened(path) as journal:
        assert journal.reset_name is None
        assert await write(journal, 1) == 1


async def test_the_wal_of_a_damaged_database_goes_with_it(path: Path) -> None:
    path.write_bytes(b"no database" * 100)
    path.with_name("journal.db-wal").write_bytes(b"its wal")
    name = await reset_of(path)
    assert path.with_name(f"{name}-wal").read_bytes() == b"its wal"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sqlite3 cannot be told before Python 3.12")
async def test_nothing_of_a_damaged_database_is_changed(path: Path, tmp_path: Path) -> None:
    async with opened(path) as journal:
        await write(journal, 200, size=500)
        await asyncio.to_thread(journal._checkpointer._checkpoint, journal._connection)
        await write(journal, 1)
        files = {s: Path(f"{path}{s}").read_bytes() for s in ("", "-wal")}
    for suffix, content in files.items():
        Path(f"{tmp_path / 'cut.db'}{suffix}").write_bytes(content)
    with (tmp_path / "cut.db").open("r+b") as file:
        file.seek(20 * 4096)
        file.write(b"\xde\xad" * 2048)
    damaged = (tmp_path / "cut.db").read_bytes()
    name = await reset_of(tmp_path / "cut.db")
    assert (tmp_path / name).read_bytes() == damaged
    assert (tmp_path / f"{name}-wal").read_bytes() == files["-wal"]


async def test_two_damaged_journals_of_one_second_get_two_names(path: Path) -> None:
    names = set()
    for n in range(3):
        for suffix in ("", "-wal", "-shm"):
            path.with_name(f"journal.db{suffix}").unlink(missing_ok=True)
        path.write_bytes(b"no database %d" % n * 50)
        names.add(await reset_of(path))
    assert len(names) == 3
    assert len(list(path.parent.glob("*.damaged-*"))) == 3


async def test_a_newer_schema_is_refused_and_left_alone(path: Path) -> None:
    async with opened(path):
        pass
    query(path, f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    before = path.read_bytes()
    with pytest.raises(SchemaNewer) as refused:
        Journal.open(path)
    assert (refused.value.found, refused.value.known) == (SCHEMA_VERSION + 1, SCHEMA_VERSION)
    assert path.read_bytes() == before
    assert not list(path.parent.glob("*.damaged-*"))


def test_a_place_that_cannot_be_used_is_no_damage(tmp_path: Path) -> None:
    (tmp_path / "journal.db").mkdir()
    with pytest.raises(sqlite3.OperationalError):
        Journal.open(tmp_path / "journal.db")
    assert [p.name for p in tmp_path.iterdir()] == ["journal.db"]


@pytest.mark.parametrize(
    ("clean", "suspect", "found"),
    [(True, False, False), (False, False, True), (True, True, True)],
    ids=["clean end", "unclean end", "a read found damage"],
)
async def test_a_large_database_is_checked_unless_it_is_trusted(
    path: Path, monkeypatch: pytest.MonkeyPatch, *, clean: bool, suspect: bool, found: bool
) -> None:
    monkeypatch.setattr(recovery, "CHECK_BYTES", 0)
    async with opened(path) as journal:
        await write(journal, 10)
        journal._suspect = suspect
        if clean:
            await journal.mark_clean()
    query(path, "DELETE FROM segments WHERE first_seq = 5")
    async with opened(path) as journal:
        assert (journal.reset_name is not None) is found


async def test_a_snapshot_from_the_lost_tail_is_dropped(path: Path) -> None:
    async with opened(path) as journal:
        await write(journal, 3)
        await journal.save_snapshot(3, b"fold")
    query(path, "DELETE FROM segments WHERE first_seq = 3")
    async with opened(path) as journal:
        assert (journal.head, journal.load_snapshot()) == (2, None)
        assert await read_all(journal)


async def test_what_was_said_is_its_owner_s_alone(path: Path) -> None:
    """Whatever the umask says, and also where an older version has left it open."""
    before = os.umask(0o022)
    try:
        async with opened(path) as journal:
            await write(journal, 3)
            files = [path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm")]
            assert [file.stat().st_mode & 0o777 for file in files] == [0o600] * 3
        path.chmod(0o644)
        await Journal.open(path).close()
        assert path.stat().st_mode & 0o777 == 0o600
        path.write_bytes(b"no database" * 100)
        reset = Journal.open(path)
        assert reset.reset_name is not None
        assert path.stat().st_mode & 0o777 == 0o600
        await reset.close()
    finally:
        os.umask(before)
