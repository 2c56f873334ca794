"""A host's main loop: frames in, sessions run, and nothing left behind.

The process ends when its supervisor is gone or its last session has ended.
"""

import asyncio
import os
import socket
import traceback

from sidecar.contract.errors import InternalError
from sidecar.contract.frames import (
    BeatFrame,
    CallFrame,
    CloseFrame,
    CreditFrame,
    HostBeatFrame,
    HostReadyFrame,
    OpenFrame,
    ReplyFrame,
    ToHost,
)
from sidecar.host.channel import HostChannel
from sidecar.host.session import HostSession
from sidecar.process import OrphanReaper

ORPHANED_STOP_S = 1.2
"""Stop deadline of every session once the supervisor is gone: inside the guard's 1.5 s."""

IDLE_EXIT_S = 10.0
"""A host that was never given a session, or has none left, goes after this long."""

EX_SOFTWARE = 70
"""sysexits.h: the host is in a state that we did not foresee, so it must not go on."""


class Host:
    """The sessions of one host process."""

    def __init__(self) -> None:
        self._channel = HostChannel(self._on_frame)
        self._sessions: dict[int, HostSession] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()

    async def run(self, channel: socket.socket) -> int:
        """Serve until the end; the exit code of the process."""
        await self._channel.attach(channel)
        self._channel.send(HostReadyFrame(os.getpid()))
        lost = asyncio.create_task(self._channel.lost.wait())
        try:
            while not lost.done() and (self._sessions or await self._wait_for_session(lost)):
                self._changed.clear()
                changed = asyncio.create_task(self._changed.wait())
                await asyncio.wait({lost, changed}, return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
            if lost.done():
                await self._stop_all()
        finally:
            lost.cancel()
        await self._channel.close()
        return 0

    async def _wait_for_session(self, lost: asyncio.Task[bool]) -> bool:
        """Give an idle host a moment; true when a session came."""
        self._changed.clear()
        changed = asyncio.create_task(self._changed.wait())
        timeout = IDLE_EXIT_S if not self._tasks else 0
        await asyncio.wait({lost, changed}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        changed.cancel()
        return bool(self._sessions)

    async def _stop_all(self) -> None:
        for session in self._sessions.values():
            session.close(ORPHANED_STOP_S, "the supervisor is gone")
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=ORPHANED_STOP_S * 2)

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

    def _open(self, frame: OpenFrame) -> None:
        session = HostSession(frame.slot, frame.spec, frame.credit_bytes, self._channel.send)
        self._sessions[frame.slot] = session
        task = asyncio.create_task(session.run(), name=f"session-{frame.slot}")
        self._tasks[frame.slot] = task
        task.add_done_callback(lambda done: self._gone(frame.slot, done))
        self._changed.set()

    def _gone(self, slot: int, task: asyncio.Task[None]) -> None:
        del self._sessions[slot]
        self._changed.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            traceback.print_exception(error)
            os._exit(EX_SOFTWARE)

    def _call(self, frame: CallFrame) -> None:
        session = self._sessions.get(frame.slot)
        if session is None:
            error = InternalError(f"This host has no session in slot {frame.slot}")
            self._channel.send(ReplyFrame(frame.slot, frame.id, error.body(), None))
        else:
            session.call(frame)


def run_host(channel: socket.socket) -> int:
    """Run a host on its end of the channel; returns the exit code of the process."""

    async def main() -> int:
        reaper = OrphanReaper()
        reaper.start()
        try:
            return await Host().run(channel)
        finally:
            reaper.close()

    return asyncio.run(main())
