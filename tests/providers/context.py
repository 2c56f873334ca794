"""A SessionContext for tests of provider sessions: real child processes, events kept in a list.

Stamps and encodes each draft and decodes it strictly, as a host would, so that what a session says
is valid by contract in every test that uses it.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Generic, TypeVar

from sidecar.contract.base import Json
from sidecar.contract.errors import ProviderProcessFailed
from sidecar.contract.events import Event, decode_event, encode_event
from sidecar.contract.frames import SessionSpec
from sidecar.contract.methods import SendTurnParams, SessionStartParams
from sidecar.core.drafts import Draft
from sidecar.providers.base import (
    Lease,
    ProcessEnd,
    ProviderCommand,
    ProviderProcess,
    ProviderSession,
    SharedContext,
    SharedService,
    ToolProcess,
    TreeNote,
)
from tests.providers.balance import Balance

S = TypeVar("S", bound=ProviderSession)

ROOT = Path(__file__).parents[2]
FAKES = ROOT / "tests" / "fakes"
WAIT_S = 20.0
"""How long a test waits for what must come: far above what a loaded machine needs."""


class RealProcess:
    """A ProviderProcess on asyncio.subprocess."""

    stderr_tail = ""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        assert process.stdin and process.stdout
        self._stdin = process.stdin
        self._stdout = process.stdout

    @property
    def pid(self) -> int:
        return self._process.pid

    def write(self, data: bytes) -> None:
        if not self._stdin.is_closing():
            self._stdin.write(data)

    async def drain(self) -> None:
        if not self._stdin.is_closing():
            try:
                await self._stdin.drain()
            except ConnectionError:
                return

    async def read(self) -> bytes:
        return await self._stdout.read(65_536)

    def close_stdin(self) -> None:
        self._stdin.close()

    async def end(self) -> int:
        """Close stdin, kill, reap."""
        self._stdin.close()
        if self._process.returncode is None:
            self._process.kill()
        code = await self._process.wait()
        self._process._transport.close()  # type: ignore[attr-defined] # else GC warns of its pipes
        return code

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    async def ended(self) -> ProcessEnd:
        code = await asyncio.wait_for(self._process.wait(), WAIT_S)
        return ProcessEnd(None, -code) if code < 0 else ProcessEnd(code, None)

    async def stop(self, deadline_s: float) -> None:
        """Kill its group: a host would kill what has left the group too."""
        if self._process.returncode is None:
            os.killpg(self.pid, signal.SIGKILL)
        await asyncio.wait_for(self._process.wait(), deadline_s)


class Puppet:
    """A ProviderProcess without a process: a test says what it says, byte for byte."""

    pid = 1
    stderr_tail = ""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.stdin_closed = False
        self.reads_input = asyncio.Event()
        self.reads_input.set()
        self._output: asyncio.Queue[bytes] = asyncio.Queue()
        self._changed = asyncio.Event()

    def write(self, data: bytes) -> None:
        self.heard += [json.loads(line) for line in data.splitlines()]
        self._changed.set()

    async def drain(self) -> None:
        await self.reads_input.wait()

    async def read(self) -> bytes:
        return await self._output.get()

    def close_stdin(self) -> None:
        self.stdin_closed = True

    def say(self, *messages: dict[str, Any], end: bool = False) -> None:
        """Say messages in one read; `end` ends the output behind them."""
        self._output.put_nowait(b"".join(json.dumps(m).encode() + b"\n" for m in messages))
        if end:
            self._output.put_nowait(b"")

    async def asked(self, method: str) -> int:
        """Wait for the first request of a method; return its id."""
        async with asyncio.timeout(WAIT_S):
            while not (ids := [m["id"] for m in self.heard if m.get("method") == method]):
                self._changed.clear()
                await self._changed.wait()
        return int(ids[0])

    def answers(self) -> list[dict[str, Any]]:
        """Return what was answered to requests of the agent."""
        return [message for message in self.heard if "method" not in message]


class FakeNote:
    """A TreeNote: which one it was."""

    def __init__(self, number: int) -> None:
        self.number = number


class FakeLease:
    """See Lease."""

    def __init__(self, service: SharedService) -> None:
        self._service = service
        self.released = False

    @property
    def service(self) -> SharedService:
        return self._service

    def release(self) -> None:
        self.released = True


class FakeContext:
    """See SessionContext, and SharedContext: a service that is leased lives in the test's process.

    `stopped_since` has the notes that stop_since was called with; `stopping` holds it back while
    it is cleared, and `stop_fails` makes it fail.
    """

    def __init__(self, spec: SessionSpec) -> None:
        self._spec = spec
        self._ids = count(1)
        self.events: list[Event[Any]] = []
        self.cursors: list[Json] = []
        self.logs: list[tuple[str, str, dict[str, Any]]] = []
        self.processes: list[RealProcess] = []
        self.balance = Balance()
        self.clock_ms = 0
        self.flows = 0
        self.puppet: Puppet | None = None
        self.notes = 0
        self.note_tree_waits: asyncio.Event | None = None
        self.stopped_since: list[int] = []
        self.stopping = asyncio.Event()
        self.stopping.set()
        self.stop_fails = False
        self.leases: list[FakeLease] = []
        self._services: dict[str, SharedService] = {}
        self._changed = asyncio.Event()

    @property
    def spec(self) -> SessionSpec:
        return self._spec

    def emit(self, drafts: Sequence[Draft]) -> None:
        for draft in drafts:
            event = strict(draft)
            self.balance.apply(event)
            self.events.append(event)
        self._changed.set()

    async def flow(self) -> None:
        self.flows += 1

    def publish_cursor(self, resume_cursor: Json) -> None:
        self.cursors.append(resume_cursor)

    async def spawn(self, command: ProviderCommand) -> ProviderProcess:
        if self.puppet is not None:
            return self.puppet
        return await self._spawn(command)

    async def spawn_tool(self, command: ProviderCommand) -> ToolProcess:
        return await self._spawn(command)

    async def _spawn(self, command: ProviderCommand) -> RealProcess:
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        env |= {name: value for name, value in command.env.items() if value is not None}
        try:
            process = RealProcess(
                await asyncio.create_subprocess_exec(
                    *command.argv,
                    cwd=command.cwd,
                    env=env,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.STDOUT if command.merge_stderr else None,
                    start_new_session=True,
                )
            )
        except OSError as error:
            raise ProviderProcessFailed(f"Cannot start {command.argv[0]}: {error}") from None
        self.processes.append(process)
        return process

    @property
    def running(self) -> bool:
        return not self.processes or any(p.running for p in self.processes)

    async def stop_processes(self, deadline_s: float) -> None:
        for process in self.processes:
            await process.stop(deadline_s)

    async def note_tree(self) -> TreeNote:
        self.notes += 1
        if self.note_tree_waits is not None:
            await self.note_tree_waits.wait()
        return FakeNote(self.notes)

    async def stop_since(self, note: TreeNote, deadline_s: float) -> int:
        assert isinstance(note, FakeNote)
        self.stopped_since.append(note.number)
        self._changed.set()
        await asyncio.wait_for(self.stopping.wait(), WAIT_S)
        if self.stop_fails:
            raise ProviderProcessFailed(f"2 processes live on after {deadline_s:g} s")
        return 0

    async def lease(self, key: str, create: Callable[[SharedContext], SharedService]) -> Lease:
        if key not in self._services:
            service = create(self)
            await service.start()
            self._services[key] = service
        self.leases.append(FakeLease(self._services[key]))
        return self.leases[-1]

    async def end_services(self) -> None:
        """Stop what was leased."""
        for service in self._services.values():
            await service.stop()
        self._services.clear()

    def new_id(self, prefix: str) -> str:
        return f"{prefix}-{next(self._ids)}"

    def now_ms(self) -> int:
        return self.clock_ms

    def log(self, level: str, event: str, **fields: Any) -> None:
        self.logs.append((level, event, fields))

    # For tests

    def of(self, type_: str) -> list[Event[Any]]:
        """Return the events of a type, in order."""
        return [event for event in self.events if event.type == type_]

    def text(self, stream: str = "assistant_text") -> str:
        """Return all text of a stream."""
        deltas = self.of("content.delta")
        return "".join(e.payload.delta for e in deltas if e.payload.stream_kind == stream)

    async def until(self, seen: Callable[[], Any]) -> None:
        """Wait until `seen()` is true, looking after each emission."""
        async with asyncio.timeout(WAIT_S):
            while not seen():
                self._changed.clear()
                await self._changed.wait()

    async def first(self, type_: str, index: int = 0) -> Event[Any]:
        """Wait for the event of a type."""
        await self.until(lambda: len(self.of(type_)) > index)
        return self.of(type_)[index]


async def until_true(seen: Callable[[], Any]) -> None:
    """Wait until `seen()` is true, where no event tells when to look."""
    async with asyncio.timeout(WAIT_S):
        while not seen():
            await asyncio.sleep(0.01)


def strict(draft: Draft) -> Event[Any]:
    """Return the event of a draft after its way over the wire."""
    body = encode_event(
        Event(
            event_id="e",
            provider="acp",
            thread_id="t",
            created_at="2026-01-01T00:00:00.000Z",
            type=draft.type,
            payload=draft.payload,
            generation=1,
            turn_id=draft.turn_id,
            item_id=draft.item_id,
            request_id=draft.request_id,
            provider_refs=draft.refs,
            raw=draft.raw,
        )
    )
    return decode_event(draft.type, body)


def spec(provider: str = "acp", **fields: Any) -> SessionSpec:
    """Return a SessionSpec; keyword arguments go to its `start`, but for the spec's own."""
    own = {key: fields.pop(key) for key in ("resume_cursor", "data_dir", "raw") if key in fields}
    start = SessionStartParams(
        idempotency_key="k",
        thread_id="t",
        provider=provider,
        runtime_mode="approval-required",
        **fields,
    )
    return SessionSpec(
        thread_id="t", generation=1, provider=provider, mark="m" * 32, start=start, **own
    )


def fake(name: str, *args: str) -> dict[str, Any]:
    """Return the start options that run a fake agent of tests/fakes."""
    return {"command": sys.executable, "args": [str(FAKES / name), *args]}


def turn(text: str | None, **fields: Any) -> SendTurnParams:
    """Return the params of a turn."""
    return SendTurnParams(idempotency_key="k", thread_id="t", input=text, **fields)


class Running(Generic[S]):
    """`async with Running(session)`: launched and initialised, its pump running; killed after."""

    def __init__(self, session: S, *, initialise: bool = True) -> None:
        self.session = session
        self._initialise = initialise
        assert isinstance(session.context, FakeContext)
        self.context = session.context

    async def __aenter__(self) -> "Running[S]":
        await self.session.launch()
        self.pump = asyncio.create_task(self.session.pump())
        if self._initialise:
            try:
                await asyncio.wait_for(self.session.initialise(), WAIT_S)
            except BaseException:
                await self.__aexit__()
                raise
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in self.context.processes:
            await process.end()
        await asyncio.wait_for(asyncio.gather(self.pump, return_exceptions=True), WAIT_S)

    async def turn(self, text: str, **fields: Any) -> Event[Any]:
        """Run a turn to its end and return its turn.completed."""
        done = len(self.context.of("turn.completed"))
        await self.session.send_turn(turn(text, **fields))
        return await self.context.first("turn.completed", done)
