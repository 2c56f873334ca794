"""What the writer does when the disk refuses: statements that fail as they are told."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sidecar.journal import patience
from sidecar.journal.ballast import Ballast
from sidecar.journal.patience import LACK_TRIES, TROUBLE_TRIES, Disk


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "RETRY_FIRST_S", 0.001)
    monkeypatch.setattr(patience, "RETRY_LAST_S", 0.002)


class Weight(Ballast):
    """A ballast of memory alone, to be given up `left` times."""

    left = 1

    def release(self, _connection: sqlite3.Connection) -> bool:
        self.left -= 1
        return self.left >= 0

    def restore(self, _connection: sqlite3.Connection) -> bool:
        return self.left > 0


@pytest.fixture
def weight() -> Weight:
    return Weight(Path("none"))


@pytest.fixture
def disk(weight: Weight) -> Iterator[Disk]:
    with closing(sqlite3.connect(":memory:")) as connection:
        yield Disk(connection, weight, 0.05, time.monotonic)


def failing(code: int, times: float, tried: list[int]) -> Callable[[], str]:
    """Return a statement that fails with a code some times and then succeeds."""

    def run() -> str:
        tried.append(1)
        if len(tried) <= times:
            error = sqlite3.OperationalError("refused")
            error.sqlite_errorcode = code
            raise error
        return "done"

    return run


def test_what_succeeds_is_tried_once(disk: Disk) -> None:
    tried: list[int] = []
    assert disk.attempt(failing(0, 0, tried)) == "done"
    assert (len(tried), disk.full) == (1, False)


def test_a_full_disk_gets_the_ballast_and_then_all_patience(disk: Disk, weight: Weight) -> None:
    tried: list[int] = []
    told: list[bool] = []
    disk.on_full(lambda: told.append(disk.full))
    assert disk.attempt(failing(sqlite3.SQLITE_FULL, 20, tried)) == "done"
    assert len(tried) == 21
    assert weight.left < 0
    assert told[0]
    assert disk.full
    assert disk.message == "the disk is full: refused"


def test_the_ballast_lets_the_next_try_come_at_once(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_wait(_self: Disk, _error: Exception, _delay_s: float) -> bool:
        raise AssertionError("waited")

    monkeypatch.setattr(Disk, "_wait", no_wait)
    assert disk.attempt(failing(sqlite3.SQLITE_FULL, 1, [])) == "done"


def test_it_is_full_until_the_ballast_is_back(
    disk: Disk, weight: Weight, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "FULL_POLL_S", 0.0)
    disk.attempt(failing(sqlite3.SQLITE_FULL, 1, []))
    disk.look_again()
    assert disk.full
    weight.left = 1
    disk.look_again()
    assert (disk.full, disk.message) == (False, None)


@pytest.mark.parametrize(
    "code",
    [sqlite3.SQLITE_IOERR, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED],
)
def test_trouble_is_tried_again_a_few_times(disk: Disk, code: int) -> None:
    assert disk.attempt(failing(code, TROUBLE_TRIES, [])) == "done"
    tried: list[int] = []
    with pytest.raises(sqlite3.OperationalError):
        disk.attempt(failing(code, TROUBLE_TRIES + 1, tried))
    assert len(tried) == TROUBLE_TRIES + 1
    assert not disk.full


def test_a_lack_of_memory_gets_more_patience(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def poor() -> str:
        tried.append(1)
        if len(tried) <= LACK_TRIES:
            raise MemoryError
        return "done"

    assert disk.attempt(poor) == "done"
    assert len(tried) == LACK_TRIES + 1
    with pytest.raises(MemoryError):
        disk.attempt(_out_of_memory)
    tried.clear()
    monkeypatch.setattr(patience, "RETRY_FIRST_S", 0.03)
    monkeypatch.setattr(patience, "RETRY_LAST_S", 0.03)
    disk.hurry()
    with pytest.raises(MemoryError):
        disk.attempt(poor)
    assert len(tried) <= LACK_TRIES, "a close does not wait for all tries"


def _out_of_memory() -> str:
    raise MemoryError


@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR_NOMEM, sqlite3.SQLITE_IOERR_SHMMAP])
def test_one_that_sqlite_meets_gets_it_too(disk: Disk, code: int) -> None:
    assert disk.attempt(failing(code, LACK_TRIES, [])) == "done"
    with pytest.raises(sqlite3.OperationalError):
        disk.attempt(failing(code, LACK_TRIES + 1, []))


@pytest.mark.parametrize("code", [sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_READONLY, 0])
def test_what_waiting_cannot_help_is_not_tried_again(disk: Disk, code: int) -> None:
    tried: list[int] = []
    with pytest.raises(sqlite3.OperationalError):
        disk.attempt(failing(code, 1, tried))
    assert len(tried) == 1


def test_a_hurry_ends_the_patience_with_a_full_disk(disk: Disk) -> None:
    disk.hurry()
    tried: list[int] = []
    with pytest.raises(sqlite3.OperationalError):
        disk.attempt(failing(sqlite3.SQLITE_FULL, float("inf"), tried))
    assert len(tried) > 2
