"""The one way into the journal: hosts' events checked and appended, own facts said, all folded.

Owns the pair journal + fold, so that the fold is always that of what was appended. Bodies are
never re-encoded: what a host sent is what every client gets.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Any

import msgspec

from sidecar.contract.events import EVENTS, Event, decode_event, encode_event
from sidecar.contract.frames import EventFrame
from sidecar.contract.snapshot import SnapshotState
from sidecar.core.drafts import Draft
from sidecar.core.fold import Fold
from sidecar.core.framing import ProtocolViolation
from sidecar.core.stamping import Origin, Stamper
from sidecar.journal import Journal, Row
from sidecar.observe.clock import unique_prefix, utc_now

Ephemeral = Callable[[dict[str, Any]], None]


class EventLog:
    """Journal and fold together."""

    def __init__(
        self, journal: Journal, fold: Fold, note: Callable[[Event[Any]], None] | None = None
    ) -> None:
        self.journal = journal
        self.fold = fold
        self._note = note
        """Is told of each event that was appended: the log's chronicle."""
        self._listeners: set[Ephemeral] = set()
        self._prefix = unique_prefix()
        self._says = 0
        self.events_total = 0

    def ingest(self, origin: Origin, frames: Sequence[EventFrame]) -> tuple[int, int]:
        """Append a host's events; returns (last seq, bytes of credit they cost).

        Raises ProtocolViolation for an event that does not decode strictly or speaks for another
        session; nothing of `frames` from that event on is kept.
        """
        rows: list[Row] = []
        events: list[Event[Any]] = []
        cost = 0
        try:
            for frame in frames:
                event = check_event(origin, frame)
                if EVENTS[frame.event_type].durable:
                    rows.append(Row(origin.thread_id, frame.body))
                    events.append(event)
                    cost += len(frame.body)
                else:
                    self._tell({"topic": "event", "event": frame.body})
        finally:
            seq = self._append(rows, events)
        return seq, cost

    def say(self, origin: Origin, drafts: Sequence[Draft]) -> int:
        """Append facts of our own, in one commit; returns the last seq."""
        self._says += 1
        stamper = Stamper(origin, f"{self._prefix}-{self._says:x}", utc_now)
        events = [stamper.stamp(draft) for draft in drafts]
        return self._append([Row(origin.thread_id, encode_event(e)) for e in events], events)

    def snapshot(self, threads: Collection[str] | None) -> tuple[int, SnapshotState]:
        """Return the fold of everything appended, and the seq it is at."""
        return self.journal.appended, self.fold.snapshot(threads)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until `holds()`, asked anew behind each commit. The caller bounds the wait."""
        committed = asyncio.Event()
        unsubscribe = self.journal.subscribe(lambda _head: committed.set())
        try:
            while not holds():
                committed.clear()
                await committed.wait()
        finally:
            unsubscribe()

    def on_ephemeral(self, listener: Ephemeral) -> Callable[[], None]:
        """Call `listener` with what has no seq; returns how to end that."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    async def store_snapshot(self) -> None:
        """Write the fold down, so that a recovery starts here."""
        at, blob = self.journal.appended, self.fold.dump()
        await self.journal.committed(at)
        await self.journal.save_snapshot(at, blob)

    def _append(self, rows: list[Row], events: list[Event[Any]]) -> int:
        if not rows:
            return self.journal.appended
        seq = self.journal.append(rows)
        for event in events:
            self.fold.apply(event)
            if self._note is not None:
                self._note(event)
        self.events_total += len(rows)
        return seq

    def _tell(self, message: dict[str, Any]) -> None:
        for listener in tuple(self._listeners):
            listener(message)


def check_event(origin: Origin, frame: EventFrame) -> Event[Any]:
    """Decode a host's event strictly and check that it speaks for its own session."""
    try:
        event = decode_event(frame.event_type, frame.body)
    except KeyError:
        raise ProtocolViolation(f"unknown event type {frame.event_type!r}") from None
    except msgspec.DecodeError as error:
        raise ProtocolViolation(f"{frame.event_type} does not decode: {error}") from None
    if event.type == "session.exited":
        raise ProtocolViolation("session.exited is the supervisor's to say")
    said = (event.type, event.thread_id, event.generation, event.provider)
    own = (frame.event_type, origin.thread_id, origin.generation, origin.provider)
    if said != own:
        raise ProtocolViolation(f"an event says {said}, but its channel is {own}")
    return event
