"""What the journal costs: `python -m tests.bench.journal_bench [--large]`. Figures, no verdicts.

commit     append of one event to its notification on the loop: with an idle loop, and beside a task
           that keeps the loop (and the interpreter lock) busy
throughput events of 1 KB committed a second, appended as fast as the bound on what waits allows
catch-up   reading one-event segments from disk, as an idle hour leaves them, by pages
open       opening again: check, epoch, first commit (--large: a journal of 512 MiB)
"""

import argparse
import asyncio
import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from sidecar.journal import Journal, JournalOptions, Row

SAMPLES = 500
BUSY_STEP_S = 0.001
"""How long the busy task computes before the loop turns: a heavy callback."""
BODY = os.urandom(512).hex().encode()
WAITING_EVENTS = 2_000


def main() -> None:
    """Run all and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="also open a journal of 512 MiB")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(bench(Path(folder), large=options.large))


async def bench(folder: Path, *, large: bool) -> None:
    """Measure one after the other."""
    path = folder / "journal.db"
    async with opened(path) as journal:
        show("commit, idle loop", await latencies(journal))
        async with busy():
            show("commit, busy loop", await latencies(journal))
        count, seconds = await throughput(journal, 1.0)
        print(f"{'throughput, 1 KB events':28} {count / seconds:10,.0f} ev/s")
        async with busy():
            count, seconds = await throughput(journal, 1.0)
        print(f"{'throughput, busy loop':28} {count / seconds:10,.0f} ev/s")
    path = folder / "small.db"
    async with opened(path, tail_bytes=0) as journal:
        for _ in range(2_000):
            await journal.committed(journal.append([Row("t", BODY)]))
        print(f"{'catch-up, idle loop':28} {await catch_up(journal):10,.0f} ev/s")
        async with busy():
            print(f"{'catch-up, busy loop':28} {await catch_up(journal):10,.0f} ev/s")
    await reopen(path)
    if large:
        path = folder / "large.db"
        async with opened(path) as journal:
            while used(path) < 512 * 1024 * 1024:
                await throughput(journal, 0.5)
        await reopen(path)


async def latencies(journal: Journal) -> list[float]:
    """Return seconds from append to the notification of its commit."""
    found = []
    for _ in range(SAMPLES):
        started = time.perf_counter()
        await journal.committed(journal.append([Row("t", BODY)]))
        found.append(time.perf_counter() - started)
    return found


async def throughput(journal: Journal, seconds: float) -> tuple[int, float]:
    """Append for a while with a bound on what waits; return (events, seconds)."""
    started = time.perf_counter()
    first = journal.head
    rows = [Row(f"t{n}", BODY) for n in range(20)]
    while time.perf_counter() - started < seconds:
        seq = journal.append(rows)
        await asyncio.sleep(0)
        if seq - journal.head > WAITING_EVENTS:
            await journal.committed(seq - WAITING_EVENTS // 2)
    await journal.committed(journal.appended)
    return journal.head - first, time.perf_counter() - started


async def catch_up(journal: Journal) -> float:
    """Read everything; return events a second."""
    started, after = time.perf_counter(), 0
    while after < journal.head:
        after = (await journal.read(after, max_bytes=256 * 1024, max_events=1000)).last_seq
    return after / (time.perf_counter() - started)


async def reopen(path: Path) -> None:
    """Open again and commit once."""
    size = used(path)
    started = time.perf_counter()
    journal = Journal.open(path)
    checked = time.perf_counter() - started
    await journal.start()
    await journal.committed(journal.append([Row("t", BODY)]))
    seconds = time.perf_counter() - started
    await journal.close()
    name = f"open, {size / 1024 / 1024:.0f} MiB"
    print(f"{name:28} {checked * 1000:10.1f} ms, first commit at {seconds * 1000:.1f} ms")


def used(path: Path) -> int:
    """Return the bytes of database and WAL."""
    wal = path.with_name(path.name + "-wal")
    return path.stat().st_size + (wal.stat().st_size if wal.exists() else 0)


@contextlib.asynccontextmanager
async def opened(path: Path, tail_bytes: int = 4 * 1024 * 1024) -> AsyncIterator[Journal]:
    """Open a journal for a while."""
    journal = Journal.open(path, JournalOptions(tail_bytes=tail_bytes))
    await journal.start()
    try:
        yield journal
    finally:
        await journal.close()


@contextlib.asynccontextmanager
async def busy() -> AsyncIterator[None]:
    """Keep the loop and the interpreter lock busy for a while."""

    async def spin() -> None:
        while True:
            until = time.perf_counter() + BUSY_STEP_S
            while time.perf_counter() < until:
                pass
            await asyncio.sleep(0)

    task = asyncio.create_task(spin())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def show(name: str, seconds: list[float]) -> None:
    """Print the spread of some latencies."""
    cuts = statistics.quantiles(seconds, n=100)
    figures = ((mark, cuts[n]) for mark, n in (("p50", 49), ("p90", 89), ("p99", 98)))
    print(f"{name:28} " + "  ".join(f"{mark} {value * 1000:7.2f} ms" for mark, value in figures))


if __name__ == "__main__":
    main()
