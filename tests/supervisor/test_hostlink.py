"""A host that breaks the frame protocol is killed; what it says of others never gets anywhere."""

import asyncio
import os
import socket
import subprocess
from collections.abc import AsyncIterator

import msgspec
import pytest

from sidecar.contract.errors import ProviderProcessFailed
from sidecar.contract.events import Event, encode_event
from sidecar.contract.events.turn import ContentDelta, TurnStarted
from sidecar.contract.frames import EventFrame, Frame, HostReadyFrame, LogFrame, ReplyFrame
from sidecar.contract.limits import FRAME_BYTES
from sidecar.core.framing import ProtocolViolation, encode_frame
from sidecar.core.stamping import Origin
from sidecar.observe.log import null_log
from sidecar.process import Exit, ProcessKey
from sidecar.process.platform import key_of
from sidecar.supervisor.eventlog import check_event
from sidecar.supervisor.hostlink import HostLink
from sidecar.supervisor.launch import HostExit, HostProcess

ORIGIN = Origin("demo", "mine", 2)


class FakeHost:
    """The other end of a HostLink: a socket that a test writes frames to."""

    def __init__(self) -> None:
        ours, self.socket = socket.socketpair()
        read, self.stderr = os.pipe()
        ours.setblocking(False)
        self.killed = 0
        self.process = HostProcess(ProcessKey(2**22 + 1, 0), ours, read, None)
        self.process.kill = self._kill  # type: ignore[method-assign]  # there is no process
        self.link = HostLink(self.process, null_log())
        self.frames: list[Frame] = []
        self.link.bind(0, self)

    def _kill(self) -> None:
        self.killed += 1

    def say(self, *frames: Frame) -> None:
        self.raw(b"".join(encode_frame(msgspec.msgpack.encode(f)) for f in frames))

    def raw(self, data: bytes) -> None:
        self.socket.sendall(data)

    def on_events(self, frames: list[EventFrame]) -> None:
        for frame in frames:
            check_event(ORIGIN, frame)
        self.frames += frames

    def on_frame(self, frame: Frame) -> None:
        self.frames.append(frame)

    async def end(self) -> None:
        self.socket.close()
        os.close(self.stderr)
        self.process.set_end(HostExit(Exit(code=0)))
        await self.link.ended()


@pytest.fixture
async def host() -> AsyncIterator[FakeHost]:
    """A host that is up."""
    fake = FakeHost()
    fake.say(HostReadyFrame(1))
    await fake.link.attach()
    yield fake
    await fake.end()


def event(**changes: object) -> bytes:
    made = Event(
        event_id="e",
        provider="demo",
        thread_id="mine",
        created_at="2026-01-01T00:00:00Z",
        type="content.delta",
        payload=ContentDelta(stream_kind="assistant_text", delta="x"),
        generation=2,
    )
    return encode_event(msgspec.structs.replace(made, **changes))


async def until(test: object) -> None:
    async with asyncio.timeout(3):
        while not test():  # type: ignore[operator]  # a callable
            await asyncio.sleep(0.001)


GOOD = EventFrame(0, "content.delta", event())


async def test_frames_reach_their_slot_in_order(host: FakeHost) -> None:
    reply = ReplyFrame(0, 7, None, {"a": 1})
    host.say(GOOD, GOOD, reply, GOOD)
    await until(lambda: len(host.frames) == 4)
    assert host.frames == [GOOD, GOOD, reply, GOOD]
    assert host.killed == 0


@pytest.mark.parametrize(
    "frame",
    [
        EventFrame(0, "content.delta", event(thread_id="a-sibling")),
        EventFrame(0, "content.delta", event(generation=1)),
        EventFrame(0, "content.delta", event(provider="codex")),
        EventFrame(0, "turn.started", event()),
        EventFrame(0, "no.such.type", event()),
        EventFrame(0, "content.delta", event(payload=TurnStarted())),
        EventFrame(0, "content.delta", b"\xc1 garbage"),
        EventFrame(0, "content.delta", event() + b"\x00"),
        EventFrame(5, "content.delta", event()),
        LogFrame(5, "info", "x", {}),
    ],
    ids=lambda f: f"{f.slot}-{getattr(f, 'event_type', 'log')}",
)
async def test_a_frame_that_must_not_be_gets_the_host_killed(host: FakeHost, frame: Frame) -> None:
    host.say(GOOD, frame, GOOD)
    await until(lambda: host.killed)
    host.say(GOOD)
    await asyncio.sleep(0)
    assert host.killed == 1
    assert host.frames in ([GOOD], [])


@pytest.mark.parametrize(
    "data",
    [encode_frame(b"\xc1"), encode_frame(b"\x91\x63"), (FRAME_BYTES + 1).to_bytes(4, "big")],
    ids=["not msgpack", "unknown kind", "over the bound"],
)
async def test_bytes_that_are_no_frame_get_the_host_killed(host: FakeHost, data: bytes) -> None:
    host.raw(data)
    await until(lambda: host.killed)


async def test_what_came_before_a_violation_counts(host: FakeHost) -> None:
    good = encode_frame(msgspec.msgpack.encode(GOOD))
    host.raw(good + good + encode_frame(b"\xc1"))
    await until(lambda: host.killed)
    assert host.frames == [GOOD, GOOD]


async def test_the_end_names_the_violation_and_carries_the_last_words(host: FakeHost) -> None:
    os.write(host.stderr, b"Traceback: the last words\n")
    host.raw(encode_frame(b"\xc1"))
    await until(lambda: host.killed)
    host.process.set_end(HostExit(Exit(signal=9)))
    host.socket.shutdown(socket.SHUT_RDWR)
    end = await host.link.ended()
    assert end.reason.startswith("protocol_violation")
    assert "the last words" in end.stderr_tail


async def test_a_host_that_dies_before_it_is_ready_is_a_clear_error() -> None:
    fake = FakeHost()
    fake.socket.shutdown(socket.SHUT_RDWR)
    with pytest.raises(ProviderProcessFailed, match="did not come up"):
        await fake.link.attach()
    await fake.end()


def test_what_fits_its_channel_is_decoded() -> None:
    assert check_event(ORIGIN, GOOD).thread_id == "mine"
    with pytest.raises(ProtocolViolation, match="a-sibling"):
        check_event(ORIGIN, EventFrame(0, "content.delta", event(thread_id="a-sibling")))


async def test_a_host_whose_words_could_not_be_taken_is_killed_and_heard_no_more(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even when the loop, as short of memory, neither logs it nor closes the channel."""
    taken: list[list[EventFrame]] = []

    def short_of_memory(frames: list[EventFrame]) -> None:
        taken.append(frames)
        raise MemoryError

    monkeypatch.setattr(host, "on_events", short_of_memory)
    data = encode_frame(msgspec.msgpack.encode(EventFrame(0, "turn.started", b"")))
    host.link.get_buffer(len(data))[: len(data)] = data
    with pytest.raises(MemoryError):
        host.link.buffer_updated(len(data))
    assert host.killed == 1
    host.link.buffer_updated(len(data))
    assert len(taken) == 1


async def test_a_host_that_became_another_program_is_killed(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its channel is gone, and so is the guard that would have ended it."""
    monkeypatch.setattr("sidecar.supervisor.hostlink.HOST_LEAVE_S", 0.01)
    with subprocess.Popen(["sleep", "60"]) as program:
        key = key_of(program.pid)
        assert key is not None
        host.process.key = key
        host.socket.close()
        async with asyncio.timeout(5):
            while not host.killed:
                await asyncio.sleep(0.01)
        program.kill()


@pytest.mark.parametrize("waiting", [0, 4 * 1024 * 1024], ids=["nothing waits", "much waits"])
async def test_what_a_host_said_before_it_ended_is_read_whatever_is_sent_to_it(
    host: FakeHost, waiting: int
) -> None:
    host.link.send(LogFrame(0, "info", "x" * waiting, {}))
    many = 600  # more than is read in one turn of the loop
    host.say(*(EventFrame(0, "content.delta", event()) for _ in range(many)))
    host.socket.close()
    host.link.ask(1)
    async with asyncio.timeout(5):
        while not host.link.lost:
            await asyncio.sleep(0)
    assert len(host.frames) == many
    assert not host.killed


async def test_a_host_whose_end_is_about_to_be_told_is_not_taken_for_one_that_nobody_hears(
    host: FakeHost,
) -> None:
    host.say(EventFrame(0, "content.delta", event()))
    host.socket.close()
    host.link.ask(1)
    host.link.make_sure()
    async with asyncio.timeout(5):
        while not host.link.lost:
            await asyncio.sleep(0)
    assert len(host.frames) == 1
    assert not host.killed


async def test_one_that_could_not_be_killed_is_killed_at_the_next_look(host: FakeHost) -> None:
    host.link.make_sure()
    assert host.killed == 0, "nobody wants it dead"

    def no_memory() -> None:
        raise MemoryError

    host.process.kill = no_memory  # type: ignore[method-assign]
    with pytest.raises(MemoryError):
        host.link.kill("does not matter")
    host.process.kill = host._kill  # type: ignore[method-assign]
    host.link.make_sure()
    assert host.killed == 1
