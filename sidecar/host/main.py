"""A host's main loop: frames in, sessions run, and nothing left behind.

The process ends when its supervisor is gone, when it is told to, or, unless it is shared, when its
session has ended.
"""

import asyncio
import os
import socket
import traceback
from typing import Any

from sidecar.contract.errors import ProviderProcessFailed
from sidecar.contract.frames import (
    HOST_SLOT,
    BeatFrame,
    CallFrame,
    CloseFrame,
    CreditFrame,
    EndFrame,
    HostBeatFrame,
    HostIdleFrame,
    HostReadyFrame,
    LogFrame,
    OpenFrame,
    ReplyFrame,
    ToHost,
    WaitFrame,
)
from sidecar.core.redaction import Redactor, secrets_of_environment
from sidecar.host.channel import HostChannel
from sidecar.host.faults import watch_faults
from sidecar.host.memory import HeapLimit, note
from sidecar.host.session import HostSession
from sidecar.host.shared import SERVICE_STOP_S, SharedServices
from sidecar.process import OrphanReaper, prepared

ORPHANED_STOP_S = 1.2
"""Stop deadline of every session once the supervisor is gone: inside the guard's 1.5 s."""

IDLE_EXIT_S = 10.0
"""A host that was never given a session goes after this long, unless it was told to wait for one;
a shared one that has neither sessions nor services says so."""

PREPARE_AFTER_S = 0.001
"""Told to wait to the fork for the first process of the session that comes: what the host has to
answer goes first, and the session may be close behind."""

EX_SOFTWARE = 70
"""sysexits.h: the host is in a state that we did not foresee, so it must not go on."""


class Host:
    """The sessions of one host process, and the services that they share.

    A host of one session ends with it. A shared one (its specs carry a shared mark) says when it
    has nothing left, and ends when it is told to: only the supervisor knows whether another
    session is on its way here.
    """

    def __init__(self) -> None:
        self._channel = HostChannel(self._on_frame)
        self._sessions: dict[int, HostSession] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        self._redactor = Redactor(secrets_of_environment(os.environ))
        self._services = SharedServices(self._log, self._changed.set, self._redactor)
        self._heap_limit = HeapLimit(self._channel.send)
        self._opened = 0
        self._shared = False
        self._waits = False
        self._end: EndFrame | None = None

    async def run(self, channel: socket.socket) -> int:
        """Serve until the end; the exit code of the process."""
        self._heap_limit.watch()
        await self._channel.attach(channel)
        self._channel.send(HostReadyFrame(os.getpid()))
        lost = asyncio.create_task(self._channel.lost.wait())
        try:
            while self._end is None and not lost.done() and await self._wait_for_change(lost):
                pass
        finally:
            lost.cancel()
            self._waits = False
            prepared.release()
        if self._end is not None:
            await self._stop_all(self._end.deadline_ms / 1000, self._end.reason)
        elif self._channel.lost.is_set():
            await self._stop_all(ORPHANED_STOP_S, "the supervisor is gone")
        else:
            await self._services.close(SERVICE_STOP_S)
        await self._channel.close()
        return 0

    async def _wait_for_change(self, lost: asyncio.Task[bool]) -> bool:
        """Wait until something may have changed; False when there is nothing to stay for."""
        idle = not self._sessions and not self._services.busy
        if not self._sessions and self._opened and not self._shared:
            return False
        self._changed.clear()
        changed = asyncio.create_task(self._changed.wait())
        done, _ = await asyncio.wait(
            {lost, changed},
            timeout=IDLE_EXIT_S if idle and not self._waits else None,
            return_when=asyncio.FIRST_COMPLETED,
        )
        changed.cancel()
        if not done and self._shared:
            self._channel.send(HostIdleFrame(self._opened))
        return bool(done) or self._shared

    async def _stop_all(self, deadline_s: float, reason: str) -> None:
        for session in self._sessions.values():
            session.close(deadline_s, reason)
        closing = asyncio.create_task(self._services.close(deadline_s))
        await asyncio.wait({closing, *self._tasks.values()}, timeout=deadline_s * 2)
        closing.cancel()

    def _log(self, level: str, event: str, **fields: Any) -> None:
        fields = self._redactor.value(fields)
        self._channel.send(LogFrame(HOST_SLOT, level, event, fields))

    def _on_frame(self, frame: ToHost) -> None:
        match frame:
            case BeatFrame():
                self._channel.send(HostBeatFrame(frame.nonce))
            case OpenFrame():
                self._open(frame)
            case CallFrame():
                self._call(frame)
            case CreditFrame():
                if session := self._sessions.get(frame.slot):
                    session.credit(frame.acked, frame.credit_bytes)
            case CloseFrame():
                if session := self._sessions.get(frame.slot):
                    session.close(frame.deadline_ms / 1000, frame.reason)
            case EndFrame():
                self._end = frame
                self._changed.set()
            case WaitFrame():
                self._waits = True
                self._changed.set()
                asyncio.get_running_loop().call_later(PREPARE_AFTER_S, self._prepare)

    def _prepare(self) -> None:
        """Fork what the session that comes will start first, unless it has come."""
        if self._waits and prepared.prepare() is None:
            self._log("debug", "host.prepared-nothing")

    def _open(self, frame: OpenFrame) -> None:
        self._opened += 1
        self._waits = False
        self._heap_limit.set(frame.spec.host_memory_bytes)
        self._shared = self._shared or bool(frame.spec.shared_mark)
        session = HostSession(
            frame.slot,
            frame.spec,
            frame.credit_bytes,
            self._channel.send,
            self._services,
            redactor=self._redactor,
        )
        self._sessions[frame.slot] = session
        task = asyncio.create_task(session.run(), name=f"session-{frame.slot}")
        self._tasks[frame.slot] = task
        task.add_done_callback(lambda done: self._gone(frame.slot, done))
        self._changed.set()

    def _gone(self, slot: int, task: asyncio.Task[None]) -> None:
        del self._sessions[slot], self._tasks[slot]
        self._changed.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            note(error)
            traceback.print_exception(error)
            os._exit(EX_SOFTWARE)

    def _call(self, frame: CallFrame) -> None:
        session = self._sessions.get(frame.slot)
        if session is None:  # the call crossed the session's exit frame
            error = ProviderProcessFailed(f"{frame.method}: the session has ended")
            self._channel.send(ReplyFrame(frame.slot, frame.id, error.body(), None))
        else:
            session.call(frame)


def run_host(channel: socket.socket) -> int:
    """Run a host on its end of the channel; returns the exit code of the process."""

    async def main() -> int:
        watch_faults(asyncio.get_running_loop())
        reaper = OrphanReaper()
        reaper.start()
        try:
            return await Host().run(channel)
        finally:
            reaper.close()

    return asyncio.run(main())
