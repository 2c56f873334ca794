"""A host for tests of opencode's sessions: the fake server, and sessions that share it."""

import asyncio
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec

from sidecar.contract.events import Event
from sidecar.contract.frames import SessionSpec
from sidecar.contract.methods import RespondToRequestParams
from sidecar.providers.base import Lease, SharedContext, SharedService
from sidecar.providers.opencode.deadlines import Deadlines
from sidecar.providers.opencode.server import OpencodeServer
from sidecar.providers.opencode.session import OpencodeSession
from tests.providers.context import FAKES, WAIT_S, FakeContext, spec, turn, until_true

FAKE = str(FAKES / "opencode_server.py")
QUICK = Deadlines(cancel_s=0.5, doubt_s=0.05, quiet_s=0.1, begin_s=0.3, leave_s=0.5)


def options(*args: str, **more: Any) -> dict[str, Any]:
    """Return the start options that run the fake."""
    return {"command": sys.executable, "args": [FAKE, *args], **more}


def spec_of(*args: str, **fields: Any) -> SessionSpec:
    """Return the spec of a session of the fake."""
    own, mode = fields.pop("options", {}), fields.pop("runtime_mode", "approval-required")
    made = spec("opencode", options=options(*args, **own), **fields)
    start = msgspec.structs.replace(made.start, runtime_mode=mode)
    return msgspec.structs.replace(made, start=start)


class Context(FakeContext):
    """A context with a clock that goes, whose services belong to a house."""

    def __init__(self, spec: SessionSpec, house: "House") -> None:
        super().__init__(spec)
        self._house = house
        self.flowing = asyncio.Event()
        self.flowing.set()

    def now_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000

    async def flow(self) -> None:
        await super().flow()
        await self.flowing.wait()

    async def lease(self, key: str, create: Callable[[SharedContext], SharedService]) -> Lease:
        return await self._house.services.lease(key, create)


class House:
    """`async with House() as house:` everything is stopped behind it."""

    def __init__(self) -> None:
        self.services = FakeContext(spec("opencode"))
        self.services.now_ms = lambda: time.monotonic_ns() // 1_000_000  # type: ignore[method-assign] # the clock goes
        self._pumps: list[asyncio.Task[str]] = []

    async def __aenter__(self) -> "House":
        return self

    async def __aexit__(self, *_: object) -> None:
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)
        await self.services.end_services()
        for process in self.services.processes:
            await process.end()

    async def open(self, spec: SessionSpec | None = None, deadlines: Deadlines = QUICK) -> "Guest":
        """Launch and initialise a session."""
        context = Context(spec or spec_of(), self)
        session = OpencodeSession(context, deadlines)
        await session.launch()
        pump = asyncio.create_task(session.pump())
        self._pumps.append(pump)
        await asyncio.wait_for(session.initialise(), WAIT_S)
        return Guest(session, context, pump)

    @property
    def server(self) -> OpencodeServer:
        """The only server."""
        (service,) = self.services._services.values()
        assert isinstance(service, OpencodeServer)
        return service

    async def steer(self, query: str = "") -> dict[str, Any]:
        """Steer the fake; return what it was told."""
        answer: dict[str, Any] = await self.server.http.call("GET", f"/steer?{query}")
        return answer

    async def called(self, path: str) -> list[Any]:
        """Return the bodies of the calls whose path ends so."""
        calls = (await self.steer())["calls"]
        return [body for _, where, body in calls if where.endswith(path)]


class Guest:
    """A session of the house."""

    def __init__(
        self, session: OpencodeSession, context: Context, pump: "asyncio.Task[str]"
    ) -> None:
        self.session = session
        self.context = context
        self.pump = pump

    async def send(self, text: str, **fields: Any) -> str:
        """Send a turn; return its id."""
        return (await self.session.send_turn(turn(text, **fields))).turn_id

    async def run(self, text: str, **fields: Any) -> Event[Any]:
        """Run a turn to its end and return its turn.completed."""
        return await self.end_of(await self.send(text, **fields))

    async def works(self) -> None:
        """Wait until the server is known to work on the turn."""
        await until_true(lambda: self.session._mapping.turn.working)

    async def end_of(self, turn_id: str) -> Event[Any]:
        """Wait for the end of a turn."""
        ends: list[Event[Any]] = []

        def seen() -> bool:
            ends.extend(e for e in self.context.of("turn.completed") if e.turn_id == turn_id)
            return bool(ends)

        await self.context.until(seen)
        return ends[0]

    def states(self) -> list[tuple[str | None, str]]:
        """Return the turns that have ended, with how."""
        return [(e.turn_id, e.payload.state) for e in self.context.of("turn.completed")]


async def answer(guest: Guest, decision: Any, option_id: str | None = None, index: int = 0) -> None:
    """Wait for a request of the session and answer it."""
    opened = await guest.context.first("request.opened", index)
    assert opened.request_id is not None
    await guest.session.respond_to_request(
        RespondToRequestParams(
            idempotency_key="k",
            thread_id="t",
            request_id=opened.request_id,
            decision=decision,
            option_id=option_id,
        )
    )
