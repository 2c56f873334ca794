"""Delivers the journal to one client: does what its Stream says, step by step (PROTOCOL §4).

Owns the only task that writes a connection's ordered stream. Keeps one page of events at most;
what the client does not take stays in the journal. Never polls: it is woken by commits, acks,
heartbeats and `subscribe`.
"""

import asyncio
from typing import Any

from sidecar.bridge.backend import Backend, Following
from sidecar.bridge.bounds import EVENTS_BYTES, EVENTS_COUNT
from sidecar.bridge.codec import encode_notification
from sidecar.bridge.outbox import Outbox
from sidecar.bridge.refusals import Refusal, Refused
from sidecar.bridge.snapshots import encode_fitting, take_snapshot
from sidecar.bridge.stream import Place, Start, Step, Stream, batches
from sidecar.bridge.window import Window
from sidecar.contract.bridge import Advance, Synchronized
from sidecar.contract.errors import InternalError, Overloaded, ValidationFailed
from sidecar.contract.limits import OPEN_REQUESTS, TRANSFER_BYTES
from sidecar.contract.methods import SubscribeParams
from sidecar.journal.errors import CursorTooOld, JournalUnavailable
from sidecar.journal.types import Entry

ENVELOPE_BYTES = 64
"""More than `[2, "events", {"list": [[seq, bin]]}]` adds to one event."""


class Delivery:
    """One connection's cursor over the journal."""

    def __init__(
        self,
        backend: Backend,
        outbox: Outbox,
        start: Start,
        threads: frozenset[str] | None,
        credit_bytes: int,
    ) -> None:
        self._backend = backend
        self._outbox = outbox
        self._stream = Stream(start, threads, Window(credit_bytes, start.after))
        self._credit_bytes = credit_bytes
        self._message_bytes = min(EVENTS_BYTES, credit_bytes)
        self._following: Following | None = None
        self._wake = asyncio.Event()
        self._subscriptions: list[tuple[SubscribeParams, asyncio.Future[None]]] = []
        self._ended = False
        self._idle = False

    @property
    def sent_seq(self) -> int:
        """Last seq that the client was told of."""
        return self._stream.window.sent_seq

    @property
    def acked_seq(self) -> int:
        """Last seq that the client has committed."""
        return self._stream.window.acked_seq

    @property
    def drained(self) -> bool:
        """Whether all is sent that there is and that the client has credit for."""
        return self._ended or (self._idle and self._next() is Step.WAIT)

    def wants(self, thread_id: str) -> bool:
        """Tell whether the client's filter lets a thread through."""
        return self._stream.threads is None or thread_id in self._stream.threads

    def ack(self, seq: int) -> bool:
        """Take an ack; return whether it moved anything. Raises Refused(ACK_UNSENT)."""
        moved = self._stream.window.ack(seq)
        self._wake.set()
        if self._following is not None:
            self._following.acked(self.acked_seq)
        return moved

    def heartbeat(self) -> None:
        """Tell a filtered client its position before long."""
        self._stream.heartbeat()
        self._wake.set()

    async def subscribe(self, params: SubscribeParams) -> None:
        """Change the filter between two messages; in force when this returns.

        Raises ValidationFailed for an `after` above the head, Overloaded when too many changes
        wait, InternalError when the journal has failed and nothing is delivered any more.
        """
        if self._ended:
            raise _journal_gone()
        head = self._backend.journal.head
        if params.after is not None and params.after > head:
            raise ValidationFailed(
                f"Cannot subscribe behind {params.after}: the last event is {head}", head=head
            )
        if len(self._subscriptions) >= OPEN_REQUESTS:  # those that were given up still wait
            raise Overloaded("Cannot subscribe: many changes wait for the stream")
        done = asyncio.get_running_loop().create_future()
        self._subscriptions.append((params, done))
        self._wake.set()
        await done

    async def run(self) -> None:
        """Deliver for ever. Returns only when the journal is closed or has failed."""
        unsubscribe = self._backend.journal.subscribe(lambda _head: self._wake.set())
        try:
            while True:
                self._apply_subscriptions()
                await self._do(self._next())
        except JournalUnavailable:
            # `journal` notifications tell the client; its other requests are answered on
            self._ended = True
            for _params, done in self._subscriptions:
                if not done.done():
                    done.set_exception(_journal_gone())
        finally:
            unsubscribe()
            self._unfollow()

    def _next(self) -> Step:
        return self._stream.next(self._backend.journal.head, self._backend.journal.oldest)

    async def _do(self, step: Step) -> None:
        match step:
            case Step.SNAPSHOT:
                await self._send_snapshot()
            case Step.READ:
                await self._send_page()
            case Step.ADVANCE:
                self._stream.advance_sent()
                await self._send("advance", Advance(seq=self._stream.position))
            case Step.SYNCHRONIZED:
                self._stream.synchronized_sent()
                self._follow()
                await self._send("synchronized", Synchronized(head=self._stream.position))
            case Step.WAIT:
                self._idle = True
                await self._wake.wait()
                self._idle = False
                self._wake.clear()

    async def _send_snapshot(self) -> None:
        stream = self._stream
        snapshot = await take_snapshot(self._backend, stream.threads)
        if stream.gap is not None:
            await self._send("gap", stream.gap)
        data = encode_fitting(snapshot, lambda value: encode_notification("snapshot", value))
        stream.snapshot_sent(snapshot.at)
        await self._outbox.stream(data)

    async def _send_page(self) -> None:
        stream = self._stream
        try:
            page = await self._backend.journal.read(
                stream.position,
                max_bytes=self._message_bytes,
                max_events=EVENTS_COUNT,
                threads=stream.threads,
            )
        except CursorTooOld:
            stream.cannot_serve("too_old", self._backend.journal.head)
            return
        except JournalUnavailable as error:
            if self._backend.journal.state == "failed":
                raise
            # a later read may succeed: the client comes back, as it must not be left deaf
            raise Refused(Refusal.DEFECT, str(error)) from error
        assert page.last_seq > stream.position, "a page without progress would be read for ever"
        for batch in batches(page.rows, self._message_bytes):
            if not stream.window.open:
                return  # the rest is read again
            await self._send_events(batch)
            if stream.place is Place.OWES_SNAPSHOT:
                return
        stream.skipped(page.last_seq)

    async def _send_events(self, batch: list[Entry]) -> None:
        size = sum(len(entry.body) for entry in batch)
        if size + ENVELOPE_BYTES > TRANSFER_BYTES:
            # no message can hold it, so it counts as dropped
            self._stream.cannot_serve("too_old", self._backend.journal.head)
            return
        self._stream.events_sent(batch[-1].seq, size)
        await self._send("events", {"list": [(entry.seq, entry.body) for entry in batch]})

    def _follow(self) -> None:
        """Have floods wait for this client; one with a filter acks too seldom for that."""
        if self._stream.threads is None and self._following is None:
            self._following = self._backend.follow(self.acked_seq, self._credit_bytes)

    def _unfollow(self) -> None:
        if self._following is not None:
            self._following.left()
            self._following = None

    async def _send(self, method: str, params: Any) -> None:
        await self._outbox.stream(encode_notification(method, params))

    def _apply_subscriptions(self) -> None:
        for params, done in self._subscriptions:
            threads = None if params.threads is None else frozenset(params.threads)
            self._stream.subscribe(threads, params.after)
            self._unfollow()
            if self._stream.place is Place.LIVE:
                self._follow()
            if not done.done():
                done.set_result(None)
        self._subscriptions.clear()


def _journal_gone() -> InternalError:
    return InternalError("Cannot subscribe: the journal is closed or has failed")
