"""The file that is given up when the disk is full."""

import shutil
import sqlite3
from collections import namedtuple
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sidecar.journal.ballast import BALLAST_BYTES, SPARE_FACTOR, Ballast

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        yield connection


@pytest.fixture
def ballast(tmp_path: Path) -> Ballast:
    return Ballast(tmp_path / "journal.db")


def test_the_ballast_really_takes_its_room(
    ballast: Ballast, connection: sqlite3.Connection, tmp_path: Path
) -> None:
    assert ballast.restore(connection)
    stat = (tmp_path / "journal.db.ballast").stat()
    assert stat.st_size == BALLAST_BYTES
    assert stat.st_blocks * 512 >= BALLAST_BYTES


def test_it_is_given_up_once(
    ballast: Ballast, connection: sqlite3.Connection, tmp_path: Path
) -> None:
    ballast.restore(connection)
    assert ballast.release(connection)
    assert not ballast.release(connection)
    assert list(tmp_path.iterdir()) == []


def test_restoring_what_is_there_changes_nothing(
    ballast: Ballast, connection: sqlite3.Connection, tmp_path: Path
) -> None:
    ballast.restore(connection)
    before = (tmp_path / "journal.db.ballast").stat().st_ino
    assert ballast.restore(connection)
    assert (tmp_path / "journal.db.ballast").stat().st_ino == before


def test_it_is_not_taken_back_while_there_is_no_room_to_spare(
    ballast: Ballast, connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = SPARE_FACTOR * BALLAST_BYTES
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(0, 0, room - 1))
    assert not ballast.restore(connection)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(0, 0, room))
    assert ballast.restore(connection)


def test_a_cut_ballast_is_made_anew(
    ballast: Ballast, connection: sqlite3.Connection, tmp_path: Path
) -> None:
    (tmp_path / "journal.db.ballast").write_bytes(b"cut")
    assert ballast.restore(connection)
    assert (tmp_path / "journal.db.ballast").stat().st_size == BALLAST_BYTES


def test_a_folder_that_is_gone_gives_no_ballast(
    tmp_path: Path, connection: sqlite3.Connection
) -> None:
    ballast = Ballast(tmp_path / "gone" / "journal.db")
    assert not ballast.restore(connection)
    assert not ballast.release(connection)
