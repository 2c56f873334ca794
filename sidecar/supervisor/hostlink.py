"""The supervisor's end of one host: frames, stderr, and the host's end.

The supervisor always reads its channels; what bounds them is the hosts' credit. A host that breaks
the frame protocol is killed and harms nobody else. The end of a host is told only after its
channel was drained to EOF and everything below it is dead.
"""

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

import msgspec

from sidecar.contract.errors import ProviderProcessFailed
from sidecar.contract.frames import (
    HOST_SLOT,
    BeatFrame,
    CursorFrame,
    EventFrame,
    ExitFrame,
    Frame,
    FromHost,
    HostBeatFrame,
    HostFailedFrame,
    HostIdleFrame,
    HostReadyFrame,
    LogFrame,
    ReplyFrame,
)
from sidecar.contract.limits import FRAME_BYTES, STDERR_TAIL_CHARS, TRANSFER_BYTES
from sidecar.core.correlation import Correlation, cid_of
from sidecar.core.framing import FrameDecoder, ProtocolViolation, encode_frame
from sidecar.core.watch.stacks import shortened
from sidecar.host.memory import EX_MEMORY
from sidecar.host.stacks import STACKS_SIGNAL
from sidecar.observe.log import Log
from sidecar.process.platform import os_
from sidecar.supervisor.hostlogs import role_of
from sidecar.supervisor.launch import HostProcess

HOST_READY_S = 20.0
"""Launch to the first frame: 5 ms when forked, a second when exec'd, more on a busy laptop."""

HOST_DRAIN_S = 2.0
"""Exit of a host to EOF of its channel: nobody else holds its end, so this is never reached."""

HOST_LEAVE_S = 5.0
"""EOF of a host's channel to its exit; its own guard is faster. Without channel, and without guard,
lives on what has exec'd another program."""

OUTBOX_BYTES = 2 * TRANSFER_BYTES
"""Bytes waiting for a host that does not read: two of the largest requests, then it is wedged."""

STDERR_KEPT_CHARS = 16 * 1024
"""Of a host's stderr: the stacks of two threads with all their frames, and what came before."""

SESSIONS_TOLD = 100
"""Sessions of a shared host that the record of its end names."""

NO_MEMORY = "memory: its host came to the limit of its own heap"

READ_BYTES = 64 * 1024
"""Taken of one host in one turn of the loop: a host's credit, and then it is another one's turn."""

REST_READS = 64
"""Of READ_BYTES each, of a channel that is lost: far more than it holds."""

_BUFFER = bytearray(READ_BYTES)
"""All links read to it: what was read is taken out before the loop does anything else."""

NOBODY = Correlation()

_ENCODER = msgspec.msgpack.Encoder()
_DECODER: msgspec.msgpack.Decoder[FromHost] = msgspec.msgpack.Decoder(FromHost)


class SlotHandler(Protocol):
    """What a session's generation does with its host's frames."""

    def on_events(self, frames: list[EventFrame]) -> None:
        """Take events in order. Raises ProtocolViolation for one that must not be."""

    def on_frame(self, frame: ReplyFrame | CursorFrame | ExitFrame | LogFrame) -> None:
        """Take any other frame of the slot."""


_LOST = "what it said could not be taken; the log has why"


class HostEnd(NamedTuple):
    """How a host process ended."""

    reason: str
    stderr_tail: str
    survivors: int
    detail: dict[str, Any] | None = None
    """`{kind, figures}` where the reason has some."""


class HostLink(asyncio.BufferedProtocol):
    """One host process and its sessions' slots."""

    def __init__(
        self, process: HostProcess, log: Log, on_idle: Callable[[int], None] | None = None
    ) -> None:
        self.process = process
        self._on_idle = on_idle
        self._highest_slot = -1
        self._log = log.bind(host=process.pid)
        self._slots: dict[int, SlotHandler] = {}
        self._tenants: dict[int, Correlation] = {}
        """Whose generations live there, or lived there last."""
        self._decoder = FrameDecoder(FRAME_BYTES)
        self._transport: asyncio.Transport | None = None
        self._stderr_transport: asyncio.ReadTransport | None = None
        self._ready = asyncio.Event()
        self._eof = asyncio.Event()
        self._was_closing = False
        """At the last look: its transport was, and the end had not been told."""
        self._violation: str | None = None
        self._detail: dict[str, Any] | None = None
        self._leaving: asyncio.TimerHandle | None = None
        self._stderr = ""
        self.heard_s = time.monotonic()
        """When anything last came: only its loop sends, so then it turned."""

    @property
    def last_words(self) -> str:
        """The end of what it said on stderr; of stacks what tells where it was."""
        return shortened(self._log.clean(self._stderr))[-STDERR_TAIL_CHARS:].strip()

    @property
    def lost(self) -> bool:
        """Whether it ends, or is about to be killed: no session must be sent there."""
        return self._eof.is_set() or self._violation is not None or self.process.ended

    async def attach(self) -> None:
        """Take the channel over and wait until the host's loop runs.

        Raises ProviderProcessFailed when the host does not come up in HOST_READY_S.
        """
        loop = asyncio.get_running_loop()
        await loop.create_unix_connection(lambda: self, sock=self.process.channel)
        self._stderr_transport, _ = await loop.connect_read_pipe(
            lambda: _StderrReader(self.on_stderr), os.fdopen(self.process.stderr_fd, "rb", 0)
        )
        ready = asyncio.create_task(self._ready.wait())
        eof = asyncio.create_task(self._eof.wait())
        try:
            await asyncio.wait(
                {ready, eof}, timeout=HOST_READY_S, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            ready.cancel()
            eof.cancel()
        if not self._ready.is_set():
            self.kill("did not come up")
            raise ProviderProcessFailed("Cannot start the session: its host did not come up")

    def bind(self, slot: int, handler: SlotHandler, about: Correlation = NOBODY) -> None:
        """Give a slot's frames to `handler`. Slots count up and are never used again.

        `about` is the generation that lives there, for the log.
        """
        self._tenants = {s: told for s, told in self._tenants.items() if s in self._slots}
        self._tenants[slot] = about
        self._slots[slot] = handler
        self._highest_slot = max(self._highest_slot, slot)

    def release(self, slot: int) -> None:
        """Give a slot's frames to nobody any more: what is still under way of it is dropped."""
        self._slots.pop(slot, None)
        if len(self._tenants) > 1:  # the last one stays: its host's end is about it
            self._tenants.pop(slot, None)

    def send(self, frame: Frame) -> None:
        """Send a frame; dropped when the host is gone."""
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(encode_frame(_ENCODER.encode(frame)))
        if self._transport.get_write_buffer_size() > OUTBOX_BYTES:
            self.kill("does not read its channel")

    def ask(self, nonce: int) -> None:
        """Ask whether its loop turns; the answer, as anything else that it sends, is `heard_s`."""
        self.send(BeatFrame(nonce))

    def ask_for_stacks(self) -> None:
        """Have it write its Python stacks to stderr, whatever its loop does; not on Windows."""
        if STACKS_SIGNAL is not None and not self.process.ended:
            os_.send_signal(self.process.key, STACKS_SIGNAL)

    def kill(self, reason: str, detail: dict[str, Any] | None = None) -> None:
        """Kill the host process; whoever adopts what was below it kills that too.

        `detail` is `{kind, figures}` for the events that tell of its end.
        """
        if self._violation is None:
            self._violation, self._detail = reason, detail
            self._log.error("host.killed", reason=reason, **self.about())
        self.process.kill()

    def make_sure(self) -> None:
        """Kill it, if it was to be killed and lives: there may have been no memory for that.

        Nor for telling of a transport's end, which asyncio does once: then nobody hears it either.
        It does so a moment later, so what counts is that it has not at the next look.
        """
        closing = self._transport is not None and self._transport.is_closing()
        closing = closing and not self._eof.is_set()
        if closing and self._was_closing and self._violation is None:
            self._violation = _LOST
        self._was_closing = closing
        if self._violation is not None and not self.process.ended:
            self.process.kill()

    async def ended(self) -> HostEnd:
        """Wait for the end of the process, of everything below it, and of its channel."""
        exit_ = await self.process.wait()
        if self._leaving is not None:
            self._leaving.cancel()
        drained = asyncio.create_task(self._eof.wait())
        await asyncio.wait({drained}, timeout=HOST_DRAIN_S)
        drained.cancel()
        if self._transport is not None:
            self._transport.abort()
        if self._stderr_transport is not None:
            self._stderr_transport.close()
        reason = self._violation or f"its host {exit_.exit.describe()}"
        words = {"stderrTail": self.last_words} if self.last_words else {}
        self._log.info(
            "host.exited",
            exit=exit_.exit.describe(),
            survivors=exit_.survivors,
            **self.about(),
            **words,
        )
        if exit_.exit.code == EX_MEMORY and self._violation is None:
            reason, self._detail = NO_MEMORY, {"kind": "memory", "scope": "host"}
        return HostEnd(reason, self.last_words, exit_.survivors, self._detail)

    def about(self) -> dict[str, Any]:
        """Return what correlates a record of the host: its session's id, or all of theirs."""
        cids = [cid for about in self._tenants.values() if (cid := cid_of(about))]
        if len(cids) > 1:
            return {"sessions": cids[:SESSIONS_TOLD]}
        return {"cid": cids[0]} if cids else {}

    def on_stderr(self, text: str) -> None:
        """Keep the host's last words (a traceback, a fault handler's dump)."""
        self._stderr = (self._stderr + text)[-STDERR_KEPT_CHARS:]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport (asyncio.Protocol)."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def get_buffer(self, sizehint: int) -> bytearray:
        """Return where to read to (asyncio.BufferedProtocol)."""
        return _BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        """Take what was read (asyncio.BufferedProtocol)."""
        self.heard_s = time.monotonic()
        if self._violation is not None:
            return
        try:
            self.data_received(bytes(memoryview(_BUFFER)[:nbytes]))
        except Exception:  # no memory left, say: what was read is lost, so nothing may come behind
            self._violation = _LOST
            self.process.kill()
            raise

    def data_received(self, data: bytes) -> None:
        """Decode and hand on, events of one slot together."""
        frames: list[FromHost] = []
        broken: Exception | None = None
        try:
            for payload in self._decoder.feed(data):
                frames.append(_DECODER.decode(payload))  # noqa: PERF401 - keeps what came before an error
        except (ProtocolViolation, msgspec.DecodeError) as error:
            broken = error
        try:
            self._dispatch(frames)
        except ProtocolViolation as error:
            broken = error
        if broken is not None:
            self.kill(f"protocol_violation: {broken}")

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end of the channel (asyncio.Protocol)."""
        if exc is not None:
            self._read_rest()
        self._eof.set()
        if not self.process.ended:
            loop = asyncio.get_running_loop()
            self._leaving = loop.call_later(HOST_LEAVE_S, self._is_late)

    def _read_rest(self) -> None:
        """Take what the host said before it ended: a transport whose write fails reads no more."""
        with suppress(OSError):
            for _ in range(REST_READS):
                if not (nbytes := self.process.channel.recv_into(_BUFFER)):
                    break
                self.buffer_updated(nbytes)

    def _is_late(self) -> None:
        """Kill a host that is not to be talked to any more; not one whose orphans are killed."""
        info = os_.info_of(self.process.pid)
        if info is not None and info.key == self.process.key and not info.dead:
            self.kill("closed its channel and lived on")

    def _dispatch(self, frames: list[FromHost]) -> None:
        start = 0
        while start < len(frames):
            frame = frames[start]
            end = start + 1
            if isinstance(frame, EventFrame):
                while end < len(frames) and _continues(frames[end], frame.slot):
                    end += 1
                if (handler := self._handler(frame.slot)) is not None:
                    handler.on_events(frames[start:end])  # type: ignore[arg-type]
            elif isinstance(frame, HostReadyFrame):
                self._ready.set()
            elif isinstance(frame, LogFrame) and frame.slot == HOST_SLOT:
                log = self._log.bind(role=role_of(frame), pid=self.process.pid)
                log.write(frame.level, frame.event, said=frame.fields, **self.about())
            elif isinstance(frame, HostIdleFrame):
                if self._on_idle is not None:
                    self._on_idle(frame.opened)
            elif isinstance(frame, HostBeatFrame):
                pass  # `heard_s` has it
            elif isinstance(frame, HostFailedFrame):
                self.kill(frame.reason, frame.detail)
            elif (handler := self._handler(frame.slot)) is not None:
                handler.on_frame(frame)
            start = end

    def _handler(self, slot: int) -> SlotHandler | None:
        """Return whose frame it is, None for that of a session that has ended."""
        if (handler := self._slots.get(slot)) is None and not 0 <= slot <= self._highest_slot:
            raise ProtocolViolation(f"the host speaks for slot {slot}, which is not its own")
        return handler


class _StderrReader(asyncio.Protocol):
    """Reads a host's stderr pipe, so that the host never waits for us."""

    def __init__(self, take: Callable[[str], None]) -> None:
        self._take = take

    def data_received(self, data: bytes) -> None:
        self._take(data.decode("utf-8", "replace"))


def _continues(frame: FromHost, slot: int) -> bool:
    return isinstance(frame, EventFrame) and frame.slot == slot
