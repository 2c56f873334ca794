"""Writing the fold down now and then, so that a recovery replays little and old events may go."""

import asyncio

from sidecar.journal import JournalUnavailable
from sidecar.observe.log import Log
from sidecar.supervisor.eventlog import EventLog

SNAPSHOT_EVERY = 20_000
"""Events between two stored snapshots: a recovery replays at most twice that (100 ms)."""


class SnapshotKeeper:
    """Stores a snapshot each SNAPSHOT_EVERY committed events. One task, `run`, owned by serve."""

    def __init__(self, events: EventLog, log: Log, every: int = SNAPSHOT_EVERY) -> None:
        self._events = events
        self._log = log
        self._every = every
        self._stored = events.journal.head
        self._due = asyncio.Event()

    async def run(self) -> None:
        """Keep on until cancelled or the journal is closed."""
        unsubscribe = self._events.journal.subscribe(self._on_commit)
        try:
            while True:
                await self._due.wait()
                self._due.clear()
                await self._store()
        except JournalUnavailable as error:
            self._log.warning("snapshots.ended", reason=str(error))
        finally:
            unsubscribe()

    async def _store(self) -> None:
        """Store one; whatever goes wrong is said, and tried again after as many events as ever."""
        self._stored = self._events.journal.head
        try:
            await self._events.store_snapshot()
        except JournalUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - without snapshots no old event may ever go
            self._log.exception("snapshot.failed", error)

    def _on_commit(self, head: int) -> None:
        if head - self._stored >= self._every:
            self._due.set()
