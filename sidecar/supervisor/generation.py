"""One (re)start of one session: its host, its slot, its calls, its credit, its end.

A generation speaks for exactly one thread and generation number, which it gives to the channel:
a host cannot choose them. When it has ended nothing of it can reach the session any more.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import msgspec

from sidecar.contract.errors import (
    Cancelled,
    Overloaded,
    ProviderProcessFailed,
    ProviderRequestFailed,
    SidecarError,
    exit_facts,
)
from sidecar.contract.events.session import SessionConfigured
from sidecar.contract.frames import (
    CallFrame,
    CloseFrame,
    CreditFrame,
    CursorFrame,
    EventFrame,
    ExitFrame,
    LogFrame,
    ReplyFrame,
    SessionSpec,
)
from sidecar.contract.limits import START_DEADLINE_S
from sidecar.contract.vocabulary import ExitKind
from sidecar.core.drafts import Draft
from sidecar.core.promises import Promises
from sidecar.core.redaction import secrets_of_session
from sidecar.core.stamping import Origin
from sidecar.supervisor.calls import OPENING_CALL, Answer, Calls
from sidecar.supervisor.crediting import HostCredit
from sidecar.supervisor.deps import Shared
from sidecar.supervisor.ends import (
    GenerationEnd,
    Verdict,
    generation_end,
    stop_figures,
    survivors_of,
)
from sidecar.supervisor.hostlink import HostEnd
from sidecar.supervisor.patience import journalled
from sidecar.supervisor.sampling import Lodging, Tenant
from sidecar.supervisor.seats import Seat
from sidecar.supervisor.vitals import Vitals

SEAT_TRIES = 2
"""A host that was there before may die while a session is on its way to it: the next seat is in
another one."""

CLOSE_GRACE_S = 1.0
"""What a host gets beyond the ladder's deadline before it is killed as wedged."""

HOST_EXIT_S = 2.0
"""Exit frame of a host's only session to the end of the host itself."""

CALL_GRACE_S = 2.0
"""What a call gets beyond its deadline: the host answers in time itself unless it is wedged."""


class Generation:
    """A running generation. Use: open, call …, close, ended."""

    def __init__(self, shared: Shared, spec: SessionSpec) -> None:
        self._shared = shared
        self._spec = spec
        self.budget = shared.memory_budget(spec.start)
        self.number = spec.generation
        self.origin = Origin(
            spec.provider, spec.thread_id, spec.generation, spec.provider_instance_id
        )
        self._log = shared.log.bind(thread=spec.thread_id, generation=spec.generation)
        self.vitals = Vitals()
        self._seat: Seat | None = None
        self._heard = False
        """Whether the host has said anything of the session: then it may have begun to run."""
        self._exit: ExitFrame | None = None
        self._exited = asyncio.Event()
        self._calls = Calls()
        self._credit = HostCredit(shared, self._give_credit)
        self._promises = Promises()
        self._close: tuple[int, str] | None = None
        """Deadline in ms and reason of a close that was asked for."""
        self._asked = False
        """Whether a close came while its host could have followed it."""
        self._verdict: Verdict | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._overdue = asyncio.Event()
        """Set when a close was not carried out in time: whatever there is of a host is killed."""

    @property
    def lodging(self) -> Lodging | None:
        """Where it lives; None before its host was launched."""
        if self._seat is None or self._seat.host_pid is None:
            return None
        return Lodging(self._seat.host_pid, self._spec.mark, self._seat.shared)

    @property
    def tenant(self) -> Tenant | None:
        """What the sampler must know of it; None before its host was launched."""
        lodging = self.lodging
        if lodging is None:
            return None
        return Tenant(self._spec.thread_id, self.number, lodging, self.budget)

    @property
    def held_back(self) -> bool:
        """Whether its host has no credit: it reads nothing more, so nothing of it can come."""
        return self._credit.exhausted

    async def open(self) -> None:
        """Take a seat in a host and wait until the provider is ready.

        Raises what the host says (ProviderProcessFailed, ValidationFailed, …), or Cancelled when
        `close` came first. The generation must be awaited by `ended` in any case.
        """
        shared = self._shared
        self._log.learn(secrets_of_session(self._spec.start.env, self._spec.start.options))
        shared.live.add(self)
        self._credit.follow()
        noted = shared.events.journal.add_mark(self._spec.mark, self._spec.thread_id)
        for _ in range(SEAT_TRIES):
            seat = self._seat = shared.hosts.seat(self._spec, self.budget.hard_bytes)
            await self._noted(noted, seat)
            opened = await self._open_in(seat)
            if opened.done():
                opened.result()
                return
            if not seat.joined or self._heard:
                break
            self._log.warning("session.host-died", host=seat.host_pid)  # not by this session
            self._verdict = None
            seat.leave()
        why = self._verdict.reason if self._verdict is not None else "its host died"
        raise ProviderProcessFailed(f"Cannot start the session: {why}")

    async def _noted(self, noted: Awaitable[None], seat: Seat) -> None:
        """Wait for the mark's commit, while the host comes up: no process carries it before that.

        Raises Overloaded when there is none; the host is not needed then.
        """
        if await journalled(noted, "mark", self._log):
            return
        if not seat.shared:
            seat.kill("is not needed any more")
        raise Overloaded("Cannot start the session: the journal cannot be written")

    async def _open_in(self, seat: Seat) -> Answer:
        """Open in a seat; returns the answer, which is not done when the host died before it."""
        await self._until_up(seat)
        self._log.info("session.hosted", host=seat.host_pid, shared=seat.shared)
        _, opened = self._calls.expect(OPENING_CALL)
        seat.open(self, self._spec_in(seat), self._credit.offer())
        if self._close is not None:
            seat.send(self._close_frame(seat))
        gone = asyncio.create_task(seat.host_end())
        try:
            done, _ = await asyncio.wait(
                {opened, gone}, timeout=self._open_s(), return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            gone.cancel()
        if not done:
            seat.kill("did not start in time")
            raise ProviderProcessFailed("Cannot start the session: its host does not answer")
        return opened

    def _spec_in(self, seat: Seat) -> SessionSpec:
        """Return the spec with the limit of its host: not above a budget that is its alone."""
        limits = [self._shared.settings.memory.host_bytes]
        if not seat.shared:
            limits.append(self.budget.hard_bytes)
        least = min((limit for limit in limits if limit is not None), default=0)
        return msgspec.structs.replace(self._spec, host_memory_bytes=least)

    async def _until_up(self, seat: Seat) -> None:
        """Wait for the host, no longer than for a start, nor beyond the deadline of a close."""
        up = asyncio.create_task(seat.up())
        overdue = asyncio.create_task(self._overdue.wait())
        try:
            done, _ = await asyncio.wait(
                {up, overdue}, timeout=self._open_s(), return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                self.abort("did not come up in time")
                raise ProviderProcessFailed("Cannot start the session: its host does not come up")
            if not up.done():
                raise Cancelled("The session was stopped before its host was up")
            up.result()
        finally:
            overdue.cancel()
            up.cancel()

    def abort(self, reason: str) -> None:
        """End at once: the generation cannot go on."""
        if self._seat is None or self._exited.is_set():
            return
        if self._seat.shared:
            self._close_now(0.0, reason)
        else:
            self._seat.kill(reason)

    def fail(self, reason: str, detail: dict[str, Any], *, host: bool = False) -> None:
        """End it at once by a watchdog's verdict; what follows is for its restart policy.

        `detail` is `{"kind": …, figures}`. With `host` the host is killed whoever else lives there.
        """
        if self._close is not None or self._verdict is not None:
            return  # it ends already, for a reason of its own
        self._verdict = Verdict(reason, detail)
        if host and self._seat is not None:
            self._seat.kill(reason)
        elif self._seat is not None and self._seat.shared:
            self.close(0.0, reason)  # its siblings live on, unless the host does not do it
        else:
            self.abort(reason)

    def end_within(self, deadline_s: float) -> None:
        """Kill the host of a failed start that does not go by itself."""
        self._kill_later(deadline_s + CLOSE_GRACE_S, "did not end after its failed start")

    def _open_s(self) -> float:
        """The host keeps the start's deadline itself; this is for a host that hangs."""
        limits = self._spec.start.limits
        start_s = limits.start_ms / 1000 if limits and limits.start_ms else START_DEADLINE_S
        return start_s + self._shared.settings.stop_ms / 1000 + CALL_GRACE_S

    async def call(self, method: str, params: Any, deadline_s: float) -> Any:
        """Have the host carry a method out.

        Raises the host's answer as a SidecarError, ProviderRequestFailed when none came.
        """
        seat = self._seat
        if seat is None or self._exited.is_set():
            raise ProviderProcessFailed(f"{method}: the session's provider is not running")
        call_id, answer = self._calls.expect()
        deadline_ms = int(deadline_s * 1000)
        seat.send(
            CallFrame(
                seat.slot,
                call_id,
                method,
                msgspec.to_builtins(params, builtin_types=(bytes,)),
                deadline_ms,
            )
        )
        self.vitals.call_begins(method)
        try:
            async with asyncio.timeout(deadline_s + CALL_GRACE_S):
                result = await answer
        except TimeoutError:
            raise ProviderRequestFailed(
                f"{method} was not answered within {deadline_s:g} s",
                provider=self._spec.provider,
                method=method,
                detail="timeout",
            ) from None
        else:
            if method == "session.sendTurn" and isinstance(result, dict):
                self._promises.answered(result.get("turnId"))
            return result
        finally:
            self.vitals.call_ends()
            self._calls.forget(call_id)

    def close(self, deadline_s: float, reason: str, grace_s: float = CLOSE_GRACE_S) -> None:
        """Ask for the end; `ended` tells when it is reached."""
        self._close_now(deadline_s, reason)
        self._kill_later(deadline_s + grace_s, "did not stop in time")

    def _close_now(self, deadline_s: float, reason: str) -> None:
        self._close = (int(deadline_s * 1000), reason)
        self._asked = self._asked or self._seat is None or not self._seat.over
        if self._seat is not None:
            self._seat.send(self._close_frame(self._seat))

    def _close_frame(self, seat: Seat) -> CloseFrame:
        assert self._close is not None
        return CloseFrame(seat.slot, *self._close)

    async def ended(self) -> GenerationEnd:
        """Wait for the end and tell how it came about."""
        seat = self._seat
        if seat is None or not seat.holds:
            self._forget()
            kind: ExitKind = "error" if self._close is None else "graceful"
            why = f": {seat.failure}" if seat is not None and seat.failure else ""
            return GenerationEnd(kind, f"its host could not be launched{why}", True, "")
        host = await self._seat_end(seat)
        self._exited.set()
        self._forget()
        if not survivors_of(self._exit, host):
            journal = self._shared.events.journal
            await journalled(journal.drop_marks([self._spec.mark]), "drop mark", self._log)
        end = generation_end(self._exit, host, self._verdict, asked=self._asked)
        return replace(end, lost_turns=self._promises.open)

    async def _seat_end(self, seat: Seat) -> HostEnd | None:
        """Wait for the end of the host; of the session alone (None) when the host goes on."""
        host_end = asyncio.create_task(seat.host_end())
        exited = asyncio.create_task(self._exited.wait())
        try:
            waits = {host_end, exited} if seat.shared else {host_end}
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            return host_end.result() if host_end.done() else None
        finally:
            host_end.cancel()
            exited.cancel()

    def on_events(self, frames: list[EventFrame]) -> None:
        """Append the host's events (SlotHandler)."""
        self._heard = True
        if self._exit is not None:
            return
        self.vitals.heard(frames)
        seq, cost = self._shared.events.ingest(self.origin, frames)
        self._promises.heard((frame.event_type, frame.body) for frame in frames)
        if cost:
            self._credit.took(seq, cost)

    def on_frame(self, frame: ReplyFrame | CursorFrame | ExitFrame | LogFrame) -> None:
        """Take another frame of the host (SlotHandler)."""
        self._heard = True
        match frame:
            case ReplyFrame() if self._exit is None:
                self._calls.answered(frame)
            case ReplyFrame():
                pass  # the call crossed the exit: its answer is how the generation ended
            case CursorFrame():
                config = {"resumeCursor": frame.resume_cursor}
                draft = Draft(type="session.configured", payload=SessionConfigured(config=config))
                self._shared.events.say(self.origin, [draft])
            case ExitFrame():
                self._exit = frame
                self._exited.set()
                self._log.info("session.tree-stopped", **stop_figures(frame))
                self._in_time(HOST_EXIT_S, self._kill_own_host)
            case LogFrame():
                folded = self._shared.events.fold.session(self._spec.thread_id)
                turn = folded.turn.turn_id if folded and folded.turn else None
                host_pid = self._seat.host_pid if self._seat else None
                self._shared.host_logs.write(self._log, frame, turn, host_pid)

    def _give_credit(self, ack: int, credit_bytes: int) -> None:
        assert self._seat is not None, "who has said something has a seat"
        self._seat.send(CreditFrame(self._seat.slot, ack, credit_bytes))

    def go_on(self) -> None:
        """Give its host the credit that is due; nothing happens when none is."""
        self._credit.go_on()

    def _forget(self) -> None:
        self._credit.close()
        for timer in self._timers:
            timer.cancel()
        self._shared.live.discard(self)
        if self._seat is not None:
            self._seat.leave()
        self._calls.fail(self._too_late())

    def _too_late(self) -> SidecarError:
        """Return what calls get that are under way at the end (PROTOCOL §6)."""
        if self._asked:
            return Cancelled("The session was stopped")
        exit_ = self._exit
        facts = exit_facts(exit_.stderr_tail, exit_.exit_code, exit_.exit_signal) if exit_ else {}
        return ProviderProcessFailed(
            "The session's provider ended before it answered",
            provider=self._spec.provider,
            threadId=self._spec.thread_id,
            detail=exit_.reason if exit_ else "host ended",
            **facts,
        )

    def _kill_later(self, delay_s: float, reason: str) -> None:
        self._in_time(delay_s, self._kill_if_open, reason)

    def _in_time(self, delay_s: float, act: Callable[..., None], *args: str) -> None:
        """Act in a while, unless it has ended by then: nothing is to keep what has."""
        self._timers.append(asyncio.get_running_loop().call_later(delay_s, act, *args))

    def _kill_if_open(self, reason: str) -> None:
        """Kill the host: the ladder has its deadlines in there, so its loop no longer turns."""
        self._overdue.set()
        if self._seat is not None and self._seat.holds and not self._exited.is_set():
            self._seat.kill(reason)

    def _kill_own_host(self) -> None:
        """A host of one ends with its session; one that is shared goes on."""
        if self._seat is not None and not self._seat.shared:
            self._seat.kill("did not exit")
