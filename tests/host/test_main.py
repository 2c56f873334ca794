"""A host's life: alone it ends with its session, shared it ends when it is told to."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from sidecar.contract.frames import (
    CallFrame,
    EndFrame,
    ExitFrame,
    Frame,
    FromHost,
    HostIdleFrame,
    HostReadyFrame,
    LogFrame,
    OpenFrame,
    ReplyFrame,
    SessionSpec,
    WaitFrame,
)
from sidecar.contract.limits import FRAME_BYTES
from sidecar.contract.methods import SessionStartParams
from sidecar.core.framing import FrameDecoder, encode_frame
from sidecar.host import main as host_main
from sidecar.host.main import Host
from sidecar.process import prepared
from tests.support import observer

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="prepared on Linux alone")

_DECODER: msgspec.msgpack.Decoder[FromHost] = msgspec.msgpack.Decoder(FromHost)


class Supervisor:
    """The other end of a host's channel."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        self._socket.setblocking(False)
        self._decoder = FrameDecoder(FRAME_BYTES)
        self._frames: list[FromHost] = []
        self.host = asyncio.create_task(Host().run(theirs))

    async def say(self, frame: Frame) -> None:
        data = encode_frame(msgspec.msgpack.encode(frame))
        await asyncio.get_running_loop().sock_sendall(self._socket, data)

    async def open(self, slot: int, shared_mark: str = "") -> None:
        """Open a session that ends at once: nobody knows its provider."""
        start = SessionStartParams(
            idempotency_key="k", thread_id="t", provider="nobody", runtime_mode="full-access"
        )
        spec = SessionSpec(
            thread_id="t",
            generation=1,
            provider="nobody",
            mark="0" * 32,
            start=start,
            shared_mark=shared_mark,
        )
        await self.say(OpenFrame(slot, spec, 1))

    async def hear(self, kind: type[Frame]) -> FromHost:
        """Return the next frame of a kind; those before it are dropped."""
        async with asyncio.timeout(5):
            while True:
                while self._frames:
                    if isinstance(frame := self._frames.pop(0), kind):
                        return frame
                data = await asyncio.get_running_loop().sock_recv(self._socket, 65_536)
                assert data, "the host closed its channel"
                self._frames += [_DECODER.decode(p) for p in self._decoder.feed(data)]

    async def end(self) -> int:
        """Return the host's exit code."""
        return await asyncio.wait_for(asyncio.shield(self.host), 5)

    async def close(self) -> None:
        self._socket.close()
        await self.end()


@pytest.fixture
async def supervisor(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Supervisor]:
    monkeypatch.setattr(host_main, "IDLE_EXIT_S", 0.05)
    made = Supervisor()
    await made.hear(HostReadyFrame)
    yield made
    await made.close()


async def test_a_host_of_one_ends_with_its_session(supervisor: Supervisor) -> None:
    await supervisor.open(0)
    await supervisor.hear(ExitFrame)
    assert await supervisor.end() == 0


async def test_a_host_that_was_never_given_a_session_goes(supervisor: Supervisor) -> None:
    assert await supervisor.end() == 0


async def test_a_host_that_is_told_to_waits_for_its_session_and_ends_with_it(
    supervisor: Supervisor,
) -> None:
    await supervisor.say(WaitFrame())
    done, _ = await asyncio.wait({supervisor.host}, timeout=4 * host_main.IDLE_EXIT_S)
    assert not done
    await supervisor.open(0)
    await supervisor.hear(ExitFrame)
    assert await supervisor.end() == 0


async def test_a_host_that_waits_ends_when_it_is_told_to(supervisor: Supervisor) -> None:
    await supervisor.say(WaitFrame())
    await supervisor.say(EndFrame(1_000, "no session lives"))
    assert await supervisor.end() == 0


async def prepared_pid(supervisor: Supervisor) -> int:
    """Have the host wait, and return the pid of the process that it prepares meanwhile."""
    await supervisor.say(WaitFrame())
    async with asyncio.timeout(5):
        while prepared._prepared is None:
            await asyncio.sleep(0.001)
    return prepared._prepared.pid


@on_linux
async def test_a_host_that_waits_prepares_a_process_and_ends_it_unused(
    supervisor: Supervisor,
) -> None:
    pid = await prepared_pid(supervisor)
    assert observer.parent_of(pid) == os.getpid()
    await supervisor.say(EndFrame(1_000, "no session lives"))
    assert await supervisor.end() == 0
    assert not Path(f"/proc/{pid}").exists()


@on_linux
async def test_a_session_that_cannot_start_leaves_no_prepared_process(
    supervisor: Supervisor,
) -> None:
    pid = await prepared_pid(supervisor)
    await supervisor.open(0)
    exit_ = await supervisor.hear(ExitFrame)
    assert isinstance(exit_, ExitFrame)
    assert (exit_.killed, exit_.rung) == (0, "none")
    assert not Path(f"/proc/{pid}").exists()


@on_linux
async def test_a_host_that_was_given_its_session_at_once_prepares_none(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepared, "prepare", lambda: pytest.fail("it has its session"))
    await supervisor.say(WaitFrame())
    await supervisor.open(0, shared_mark="1" * 32)
    await supervisor.hear(ExitFrame)
    await asyncio.sleep(5 * host_main.PREPARE_AFTER_S)
    await supervisor.say(EndFrame(1_000, "done"))


async def test_a_host_that_can_prepare_none_waits_all_the_same(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepared, "prepare", lambda: None)
    await supervisor.say(WaitFrame())
    log = await supervisor.hear(LogFrame)
    assert isinstance(log, LogFrame)
    assert (log.level, log.event) == ("debug", "host.prepared-nothing")
    await supervisor.open(0)
    await supervisor.hear(ExitFrame)


async def test_a_shared_host_says_that_it_is_idle_and_waits_to_be_told(
    supervisor: Supervisor,
) -> None:
    for slot in range(2):
        await supervisor.open(slot, shared_mark="1" * 32)
        await supervisor.hear(ExitFrame)
        assert await supervisor.hear(HostIdleFrame) == HostIdleFrame(slot + 1)
    assert await supervisor.hear(HostIdleFrame) == HostIdleFrame(2), "it says so again"
    assert not supervisor.host.done()
    await supervisor.say(EndFrame(1_000, "idle"))
    assert await supervisor.end() == 0


async def test_a_shared_host_does_not_outlive_its_supervisor(supervisor: Supervisor) -> None:
    await supervisor.open(0, shared_mark="1" * 32)
    await supervisor.hear(ExitFrame)
    supervisor._socket.shutdown(socket.SHUT_RDWR)
    assert await supervisor.end() == 0


async def test_a_call_that_crosses_the_end_of_its_session_is_no_internal_error(
    supervisor: Supervisor,
) -> None:
    await supervisor.open(0, shared_mark="1" * 32)
    await supervisor.hear(ExitFrame)
    await supervisor.say(CallFrame(0, 7, "session.sendTurn", {}, 1_000))
    reply = await supervisor.hear(ReplyFrame)
    assert isinstance(reply, ReplyFrame)
    assert reply.id == 7
    assert reply.error is not None
    assert reply.error.key == "provider_process"
    await supervisor.say(EndFrame(1_000, "done"))
