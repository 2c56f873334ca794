"""Hosts on a fake launcher, and what tests ask of them."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Sequence
from typing import Any

import msgspec

from sidecar.contract.frames import EventFrame, Frame, HostReadyFrame, SessionSpec, ToHost
from sidecar.contract.limits import FRAME_BYTES
from sidecar.contract.methods import SessionStartParams
from sidecar.core.framing import FrameDecoder, encode_frame
from sidecar.core.placement import PlacementRules, Policy
from sidecar.journal import JournalUnavailable
from sidecar.observe.log import null_log
from sidecar.process import Exit, ProcessKey
from sidecar.supervisor.launch import HostExit, HostLauncher, HostProcess
from sidecar.supervisor.launch.base import Role
from sidecar.supervisor.placement import Hosts
from sidecar.supervisor.seats import Seat

_DECODER: msgspec.msgpack.Decoder[ToHost] = msgspec.msgpack.Decoder(ToHost)


class FakeHost:
    """What a launch gives: the other end of a host's channel, and its death at will."""

    def __init__(self, number: int) -> None:
        ours, self.socket = socket.socketpair()
        ours.setblocking(False)
        self.socket.setblocking(False)
        read, self.stderr = os.pipe()
        self.process = HostProcess(ProcessKey(2**22 + number, 0), ours, read, None)
        self.process.kill = self.die  # type: ignore[method-assign]  # there is no process
        self._decoder = FrameDecoder(FRAME_BYTES)
        self._heard: list[ToHost] = []
        self.dead = False

    def say(self, *frames: Frame) -> None:
        self.socket.sendall(b"".join(encode_frame(msgspec.msgpack.encode(f)) for f in frames))

    def heard(self) -> list[ToHost]:
        with contextlib.suppress(BlockingIOError):  # which says that this was all
            while data := self.socket.recv(65_536):
                self._heard += [_DECODER.decode(p) for p in self._decoder.feed(data)]
        return self._heard

    def die(self, survivors: int = 0) -> None:
        if not self.dead:
            self.dead = True
            self.socket.close()
            os.close(self.stderr)
            self.process.set_end(HostExit(Exit(signal=9), survivors=survivors))


class FakeLauncher(HostLauncher):
    mark = "0" * 32

    def __init__(self) -> None:
        self.hosts: list[FakeHost] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.failure: Exception | None = None
        self.is_warm = False
        self.zygote: int | None = None

    async def start(self) -> None: ...

    async def launch(self, role: Role = "host", module: str = "") -> HostProcess:
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        host = FakeHost(len(self.hosts))
        self.hosts.append(host)
        host.say(HostReadyFrame(host.process.pid))
        return host.process

    async def close(self, deadline_s: float) -> None:
        for host in self.hosts:
            host.die()

    @property
    def warm(self) -> bool:
        return self.is_warm

    @property
    def zygote_pid(self) -> int | None:
        return self.zygote


class FakeJournal:
    """Marks alone."""

    def __init__(self) -> None:
        self.marks: set[str] = set()
        self.full = False

    async def add_mark(self, mark: str, _thread: str) -> None:
        if self.full:
            raise JournalUnavailable("the disk is full")
        self.marks.add(mark)

    async def drop_marks(self, marks: Sequence[str]) -> None:
        self.marks.difference_update(marks)


class Nobody:
    """A SlotHandler that keeps what it gets."""

    def __init__(self) -> None:
        self.frames: list[Any] = []

    def on_events(self, frames: list[EventFrame]) -> None:
        self.frames += frames

    def on_frame(self, frame: Frame) -> None:
        self.frames.append(frame)


class Cells:
    """A containment that says of every cell what `figures` are."""

    def __init__(self) -> None:
        self.limits: dict[int, int | None] = {}
        self.figures: dict[str, Any] | None = None
        self.closed = 0

    def enter(self, pid: int, limit_bytes: int | None) -> "Cells":
        self.limits[pid] = limit_bytes
        return self

    def verdict(self) -> dict[str, Any] | None:
        return self.figures

    def close(self) -> None:
        self.closed += 1


class World:
    """Hosts on a fake launcher."""

    def __init__(self, policy: Policy = "packed") -> None:
        self.launcher = FakeLauncher()
        self.journal = FakeJournal()
        self.parents: dict[str, str] = {}
        self.cells = Cells()
        self.hosts = Hosts(
            self.launcher,
            self.journal,  # type: ignore[arg-type]
            PlacementRules(policy, packed=2, cores=1),
            null_log(),
            parent_of=self.parents.get,
            sharing_module={"sharing": "tests.fakes.sharing"}.get,
            containment=self.cells,
        )

    def seat(self, thread_id: str = "t", provider: str = "demo", **start: Any) -> Seat:
        return self.hosts.seat(spec(thread_id, provider, **start))

    async def opened(self, thread_id: str = "t", **more: Any) -> Seat:
        """Return a seat whose session is open."""
        seat = self.seat(thread_id, **more)
        await seat.up()
        seat.open(Nobody(), spec(thread_id), 1)
        return seat

    async def close(self) -> None:
        await self.launcher.close(0)
        await until(lambda: self.hosts.count == 0)


def spec(thread_id: str, provider: str = "demo", **start: Any) -> SessionSpec:
    params = SessionStartParams(
        idempotency_key="k",
        thread_id=thread_id,
        provider=provider,
        runtime_mode="full-access",
        **start,
    )
    return SessionSpec(
        thread_id=thread_id, generation=1, provider=provider, mark="1" * 32, start=params
    )


async def until(test: Any) -> None:
    async with asyncio.timeout(5):
        while not test():
            await asyncio.sleep(0.001)


def pids(*seats: Seat) -> list[int | None]:
    return [seat.host_pid for seat in seats]
