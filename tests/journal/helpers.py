"""What the journal's tests share: opening, writing, reading everything, waiting with a deadline."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from sidecar.journal import Entry, Journal, JournalOptions, Row

DEADLINE_S = 20.0
"""Patience of a test with a machine under load; nothing that works comes near it."""


@asynccontextmanager
async def opened(path: Path, options: JournalOptions | None = None) -> AsyncIterator[Journal]:
    """Open and start a journal, close it at the end."""
    journal = Journal.open(path, options)
    try:
        await journal.start()
        yield journal
    finally:
        await journal.close()


def row(n: int, thread: str = "t", size: int = 20) -> Row:
    """Return a row whose body tells which it is."""
    return Row(thread, f"{n}:".encode().ljust(size, b"."))


async def write(journal: Journal, count: int, thread: str = "t", size: int = 20) -> int:
    """Append and commit `count` events one by one, so each is a segment; return the last seq."""
    seq = journal.appended
    for n in range(count):
        seq = journal.append([row(n, thread, size)])
        await journal.committed(seq)
    return seq


async def read_all(journal: Journal, after: int = 0, max_bytes: int = 1000) -> list[Entry]:
    """Read page by page up to the head."""
    entries: list[Entry] = []
    while after < journal.head:
        page = await journal.read(after, max_bytes=max_bytes, max_events=1000)
        entries += page.rows
        assert page.last_seq > after
        after = page.last_seq
    return entries


async def until(true: Callable[[], bool]) -> None:
    """Wait until something is true."""
    async with asyncio.timeout(DEADLINE_S):
        while not true():
            await asyncio.sleep(0.005)


def query(path: Path, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """Run a statement on the database from outside."""
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement, values).fetchall()
