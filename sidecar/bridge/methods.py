"""Who carries a method out: what reads the journal is done here, all else by the backend.

`hello` and `subscribe` belong to a connection and are not here.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from sidecar.bridge.backend import Backend
from sidecar.bridge.bounds import PAGE_BYTES, PAGE_EVENTS, SCAN_BYTES
from sidecar.bridge.snapshots import take_snapshot
from sidecar.contract.errors import ValidationFailed
from sidecar.contract.methods import EventsReadParams, MethodSpec, SnapshotParams
from sidecar.contract.results import EventsPage
from sidecar.contract.snapshot import Snapshot
from sidecar.journal.errors import CursorTooOld
from sidecar.journal.types import Entry, Page


class Methods:
    """The executor of checked calls."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._own: dict[str, Callable[[Any], Awaitable[Any]]] = {
            "snapshot.get": self._snapshot_get,
            "events.read": self._events_read,
        }

    async def carry_out(self, spec: MethodSpec, params: Any) -> Any:
        """Return the result of a call, a Wire or plain values. Raises SidecarError."""
        own = self._own.get(spec.name)
        if own is not None:
            return await own(params)
        return await self._backend.call(spec.name, params)

    async def _snapshot_get(self, params: SnapshotParams) -> Snapshot:
        return await take_snapshot(self._backend, params.threads)

    async def _events_read(self, params: EventsReadParams) -> EventsPage:
        """Read until the limit, the end, or as much as one answer may cost."""
        journal = self._backend.journal
        if params.after > journal.head:
            text = f"Cannot read behind {params.after}: the last event is {journal.head}"
            raise ValidationFailed(text, head=journal.head)
        rows: list[Entry] = []
        limit, cursor, budget, scanned = min(params.limit, PAGE_EVENTS), params.after, PAGE_BYTES, 0
        while cursor < journal.head and len(rows) < limit and budget > 0 and scanned < SCAN_BYTES:
            page = await self._read(cursor, params, budget, limit - len(rows))
            rows += page.rows
            budget -= sum(len(entry.body) for entry in page.rows)
            scanned += PAGE_BYTES if params.threads is not None else 0
            cursor = page.last_seq
        events = [(entry.seq, entry.body) for entry in rows]
        return EventsPage(events=events, head=journal.head, next=cursor)

    async def _read(
        self, after: int, params: EventsReadParams, max_bytes: int, max_events: int
    ) -> Page:
        threads = None if params.threads is None else frozenset(params.threads)
        try:
            return await self._backend.journal.read(
                after, max_bytes=max_bytes, max_events=max_events, threads=threads
            )
        except CursorTooOld as error:
            text = f"Cannot read behind {after}: the oldest event kept is {error.oldest}"
            raise ValidationFailed(text, oldest=error.oldest) from None
