"""From drafts to event frames: stamping, encoding, credit, merging.

Owns the sequence of one session's events on their way to the supervisor. Without credit drafts
wait here, neighbouring text deltas joined, and `flow` holds the reader of the provider's pipe:
so the queue is bounded by what one read of a pipe can say, and a flood is slowed by its own pipe.
"""

import asyncio
from collections.abc import Callable, Sequence

from sidecar.contract.events import EVENTS, encode_event
from sidecar.contract.frames import EventFrame, Frame, SessionSpec
from sidecar.core.credit import CreditWindow
from sidecar.core.drafts import Draft
from sidecar.core.merging import MergingQueue, mergeable
from sidecar.core.stamping import Origin, Stamper
from sidecar.observe.clock import unique_prefix, utc_now


class Emitter:
    """Sends one session's events as far as credit goes."""

    def __init__(
        self, slot: int, spec: SessionSpec, credit_bytes: int, send: Callable[[Frame], None]
    ) -> None:
        self._slot = slot
        self._send = send
        origin = Origin(spec.provider, spec.thread_id, spec.generation, spec.provider_instance_id)
        self._stamper = Stamper(origin, unique_prefix(), utc_now)
        self._window = CreditWindow(credit_bytes)
        self._waiting = MergingQueue()
        self._coalesce_s = (spec.start.coalesce_ms or 0) / 1000
        self._timer: asyncio.TimerHandle | None = None
        self._clear = asyncio.Event()
        self._clear.set()

    def emit(self, drafts: Sequence[Draft]) -> None:
        """Send drafts in order, or queue them."""
        for draft in drafts:
            if self._window.open and not self._waiting and not self._holds(draft):
                self._send_now(draft)
            else:
                self._waiting.push(draft)
        if self._waiting:
            self._pump()

    async def flow(self) -> None:
        """Wait until everything emitted has been sent."""
        if not self._clear.is_set():
            await self._clear.wait()

    def credit(self, acked: int, credit_bytes: int) -> None:
        """Take an ack of the supervisor: bytes of this session committed, and the window."""
        self._window.resize(credit_bytes)
        self._window.acked(acked)
        self._pump()

    def flush(self) -> None:
        """Send all that waits, credit or not: an exit never waits (ARCHITECTURE §2)."""
        self._cancel_timer()
        while self._waiting:
            self._send_now(self._waiting.pop())
        self._clear.set()

    def _holds(self, draft: Draft) -> bool:
        return self._coalesce_s > 0 and mergeable(draft)

    def _pump(self) -> None:
        """Send from the queue while there is credit; deltas may wait for their timer."""
        if self._coalesce_s and self._window.open and self._waiting:
            if self._timer is None and self._only_mergeable_waits():
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(self._coalesce_s, self._on_timer)
            if self._timer is not None and self._only_mergeable_waits():
                return
        self._drain()

    def _only_mergeable_waits(self) -> bool:
        return len(self._waiting) == 1 and mergeable(self._waiting.last)

    def _on_timer(self) -> None:
        self._timer = None
        self._drain()

    def _drain(self) -> None:
        self._cancel_timer()
        while self._waiting and self._window.open:
            self._send_now(self._waiting.pop())
        if self._waiting:
            self._clear.clear()
        else:
            self._clear.set()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _send_now(self, draft: Draft) -> None:
        body = encode_event(self._stamper.stamp(draft))
        if EVENTS[draft.type].durable:
            self._window.sent(len(body))
        self._send(EventFrame(self._slot, draft.type, body))
