"""One session in a host, from its open frame to its exit frame.

    opening ── initialised ──► live ── close frame / provider ended / error ──► stopping ── tree
       └───────── failed / closed ─────────────────────────────────────────────►    dead ──► gone

Owns the provider session's tasks and the stop of its process tree. The supervisor decides what an
exit means; this only says how it came about.
"""

import asyncio
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from sidecar.contract.errors import (
    Cancelled,
    InternalError,
    InvalidParams,
    MethodNotFound,
    Overloaded,
    ProviderProcessFailed,
    SidecarError,
    exit_facts,
)
from sidecar.contract.frames import CallFrame, ExitFrame, Frame, ReplyFrame, SessionSpec
from sidecar.contract.limits import START_DEADLINE_S, STDERR_TAIL_CHARS
from sidecar.contract.vocabulary import ExitKind
from sidecar.core.redaction import Redactor, secrets_of_session
from sidecar.host.calls import carry_out
from sidecar.host.context import HostContext
from sidecar.host.emitter import Emitter
from sidecar.host.faults import own_faults
from sidecar.host.memory import note
from sidecar.host.shared import SharedServices
from sidecar.process import Exit, Ladder, StopReport, prepared, stop_session_tree
from sidecar.providers.base import ProviderSession
from sidecar.providers.registry import create_session

STOP_DEADLINE_S = 5.0
"""Close frame to empty tree when the supervisor sets no deadline."""

EXIT_WAIT_S = 1.0
"""End of an agent's output to its exit: milliseconds, unless it closed its output and lives on."""

LAST_WORDS_S = 0.2
"""Exit of an agent to the end of its stderr, which an orphan may hold open for ever."""

CRASH_FRAMES = 20
"""Innermost frames of a crash that the log gets; a recursion has a thousand."""

UNANSWERED_NAMED = 3
"""Requests that the reason of a failed start names."""

CALLS_PER_SESSION = 64
"""Requests under way in one session; the bridge's own bound is below it in practice."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a session came to its end, before its tree was stopped."""

    kind: ExitKind
    reason: str
    recoverable: bool = True
    error: SidecarError | None = None


class HostSession:
    """Runs one ProviderSession in one slot."""

    def __init__(
        self,
        slot: int,
        spec: SessionSpec,
        credit_bytes: int,
        send: Callable[[Frame], None],
        services: SharedServices | None = None,
        *,
        redactor: Redactor | None = None,
    ) -> None:
        self.slot = slot
        self._spec = spec
        self._channel_send = send
        self._over = False
        self._emitter = Emitter(slot, spec, credit_bytes, self._send)
        self._context = HostContext(
            slot, spec, self._emitter, self._send, services, redactor=redactor
        )
        self._close = asyncio.Event()
        self._close_reason = "stopped"
        self._fault: Exception | None = None
        self._stop_s = STOP_DEADLINE_S
        self._stop_ms = 0
        self._provider: ProviderSession | None = None
        self._calls: set[asyncio.Task[None]] = set()
        self._ready = False

    def credit(self, acked: int, credit_bytes: int) -> None:
        """Pass an ack on to the emitter."""
        self._emitter.credit(acked, credit_bytes)

    def close(self, deadline_s: float, reason: str) -> None:
        """Ask for the end; the exit frame tells when it is reached. Later calls may hurry it."""
        self._stop_s = min(self._stop_s, deadline_s) if self._close.is_set() else deadline_s
        self._close_reason = reason
        self._close.set()

    def call(self, frame: CallFrame) -> None:
        """Carry a method out beside everything else; its reply frame follows."""
        if len(self._calls) >= CALLS_PER_SESSION:
            self._reply(frame.id, Overloaded("Too many requests are under way in this session"))
            return
        task = asyncio.create_task(self._answer(frame))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    async def run(self) -> None:
        """Live from launch to the exit frame. Never raises but for cancellation."""
        own_faults(self._faulted)
        outcome = await self._until_over()
        if not self._ready:
            self._reply(0, outcome.error or Cancelled(f"Not started: {outcome.reason}"))
        report = await self._stop_tree()
        for task in list(self._calls):
            task.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)
        self._context.release_leases()
        self._context.tell_rest()
        self._emitter.flush()
        self._send(self._exit_frame(outcome, report))
        self._over = True

    async def _until_over(self) -> Outcome:
        """Open the session and stay until something ends it."""
        tasks: list[asyncio.Task[Any]] = []
        closing = asyncio.create_task(self._close.wait())
        try:
            try:
                async with asyncio.timeout(self._start_s()) as limit:
                    provider = await self._launch(closing)
                    if provider is None:
                        return self._closed()
                    pump = asyncio.create_task(provider.pump())
                    opening = asyncio.create_task(provider.initialise())
                    tasks += [opening, pump]
                    await asyncio.wait(
                        {pump, opening, closing}, return_when=asyncio.FIRST_COMPLETED
                    )
            except TimeoutError:
                if not limit.expired():
                    raise
                return self._failed(f"not ready within {self._start_s():g} s: {self._waited_for()}")
            finally:
                prepared.release()
            if not closing.done() and opening.done() and opening.exception() is None:
                self._ready = True
                self._send(ReplyFrame(self.slot, 0, None, None))
                await asyncio.wait({pump, closing}, return_when=asyncio.FIRST_COMPLETED)
            return await self._outcome(pump, opening, closing)
        except SidecarError as error:
            return Outcome("error", error.message, recoverable=False, error=error)
        except Exception as error:  # noqa: BLE001 - provider code may raise anything
            return self._crashed(error)
        finally:
            self._keep_pumping(tasks, closing)

    async def _launch(self, closing: asyncio.Task[Any]) -> ProviderSession | None:
        """Create and launch the provider session; None when a close came first."""
        provider = create_session(self._spec.provider, self._context)
        launching = asyncio.create_task(provider.launch())
        try:
            await asyncio.wait({launching, closing}, return_when=asyncio.FIRST_COMPLETED)
            if not launching.done():
                return None
            await launching
        finally:
            launching.cancel()
        self._provider = provider
        return provider

    async def _outcome(
        self,
        pump: asyncio.Task[str],
        opening: asyncio.Task[None],
        closing: asyncio.Task[Any],
    ) -> Outcome:
        if closing.done():
            return self._closed()
        if opening.done() and (error := opening.exception()) is not None:
            if isinstance(error, ProviderProcessFailed):
                return self._failed(await self._with_exit(error.message))
            if isinstance(error, SidecarError):
                return self._failed(error.message, error)
            return self._crashed(error)
        if (error := pump.exception()) is not None:
            return self._crashed(error)
        reason = await self._with_exit(pump.result())
        return Outcome("error", reason) if self._ready else self._failed(reason)

    def _waited_for(self) -> str:
        """Say in words what a start hangs at."""
        if self._provider is None:
            return "its program was not up"
        asked = self._provider.unanswered()[:UNANSWERED_NAMED]
        return f"it has not answered {', '.join(asked)}" if asked else "it was up, but not open"

    def _closed(self) -> Outcome:
        """Return how a session ends that was told to, by a close frame or by its own fault."""
        if self._fault is not None:
            return self._crashed(self._fault)
        return Outcome("graceful", self._close_reason)

    def _faulted(self, error: Exception) -> None:
        """Take an exception that nobody awaits: what this session's code is in now nobody knows."""
        if not self._close.is_set():
            self._fault = error
            self._close.set()

    async def _with_exit(self, reason: str) -> str:
        """Add how the agent's process ended, if it did; its last words are read by then."""
        exit_ = await self._agent_exit()
        return reason if exit_ is None else f"{reason}: it {exit_.describe()}"

    async def _agent_exit(self) -> Exit | None:
        """Return how the agent ended, None if it does not; its last words are read by then."""
        agent = self._context.processes.agent
        exit_ = await agent.wait_at_most(EXIT_WAIT_S) if agent else None
        if agent is not None and exit_ is not None:
            await agent.output_ended(LAST_WORDS_S)
        return exit_

    async def _with_facts(self, error: ProviderProcessFailed) -> ProviderProcessFailed:
        """Add to a failed call how the agent ended, if that is why."""
        if (exit_ := await self._agent_exit()) is not None:
            facts = exit_facts(self._stderr_tail(), exit_.code, exit_.signal)
            error.data = {"detail": exit_.describe(), **facts, **error.data}
        return error

    def _failed(self, reason: str, error: SidecarError | None = None) -> Outcome:
        tail = self._stderr_tail()
        message = f"Cannot start {self._spec.provider}: {reason}" + (f"\n{tail}" if tail else "")
        agent = self._context.processes.agent
        exit_ = agent.exit if agent else None
        failure = error or ProviderProcessFailed(
            message,
            provider=self._spec.provider,
            threadId=self._spec.thread_id,
            detail=reason,
            **exit_facts(tail, exit_.code if exit_ else None, exit_.signal if exit_ else None),
        )
        return Outcome("error", reason, error=failure)

    def _crashed(self, error: BaseException) -> Outcome:
        note(error)
        text = self._context.clean(str(error))
        reason = f"unhandled {type(error).__name__} in session code: {text}"
        where = "".join(traceback.format_tb(error.__traceback__)[-CRASH_FRAMES:])
        self._context.record("error", "session.crashed", error=repr(error), traceback=where)
        failure = error if isinstance(error, SidecarError) else InternalError(reason)
        return Outcome("error", reason, error=failure)

    def _keep_pumping(self, tasks: list[asyncio.Task[Any]], closing: asyncio.Task[Any]) -> None:
        """Leave the pump running: it reads the turn's end while the ladder goes down.

        An opening is over: what it does about an agent that did not answer nobody will have.
        """
        closing.cancel()
        for opening in tasks[:1]:
            opening.cancel()
        self._background = tasks

    async def _stop_tree(self) -> StopReport:
        provider = self._provider

        async def cancel() -> None:
            if provider is not None:
                await provider.cancel()

        began_ms = self._context.now_ms()
        report = await stop_session_tree(
            self._context.processes.children,
            mark=self._spec.mark,
            cancel=cancel,
            ladder=Ladder.within(self._stop_s),
        )
        self._stop_ms = self._context.now_ms() - began_ms
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        return report

    async def _answer(self, frame: CallFrame) -> None:
        own_faults(self._faulted)
        try:
            if self._provider is None or not self._ready or self._close.is_set():
                raise ProviderProcessFailed("The session is not up")
            if frame.method.startswith("mcp."):
                self._context.learn(secrets_of_session(None, frame.params))
            async with asyncio.timeout(frame.deadline_ms / 1000):
                result = await carry_out(self._provider, frame.method, frame.params)
            self._send(ReplyFrame(self.slot, frame.id, None, result))
        except ProviderProcessFailed as error:
            self._reply(frame.id, await self._with_facts(error))
        except SidecarError as error:
            self._reply(frame.id, error)
        except (TimeoutError, msgspec.ValidationError, LookupError) as error:
            self._reply(frame.id, _as_sidecar_error(frame, error))
        except Exception as error:  # noqa: BLE001 - provider code may raise anything
            note(error)
            self._context.record("error", "call.failed", method=frame.method, error=repr(error))
            self._reply(frame.id, InternalError(f"{frame.method} failed: {error!r}"))

    def _send(self, frame: Frame) -> None:
        """Send a frame; nothing comes behind the exit frame, whatever provider code still does."""
        if not self._over:
            self._channel_send(frame)

    def _reply(self, call_id: int, error: SidecarError) -> None:
        """Answer with an error, without secrets: it may be kept in the journal."""
        body = error.body()
        cleaned = msgspec.structs.replace(
            body,
            message=self._context.clean(body.message),
            data=self._context.clean_value(body.data),
        )
        self._send(ReplyFrame(self.slot, call_id, cleaned, None))

    def _start_s(self) -> float:
        limits = self._spec.start.limits
        return limits.start_ms / 1000 if limits and limits.start_ms else START_DEADLINE_S

    def _stderr_tail(self) -> str:
        tail = self._context.processes.stderr_tail
        return tail[-STDERR_TAIL_CHARS:].strip()

    def _exit_frame(self, outcome: Outcome, report: StopReport) -> ExitFrame:
        agent = self._context.processes.agent
        main = agent.exit if agent else None
        if report.survivors:
            self._context.record("error", "session.survivors", survivors=len(report.survivors))
        return ExitFrame(
            self.slot,
            outcome.kind,
            self._context.clean(outcome.reason),
            outcome.recoverable,
            self._stderr_tail(),
            main.code if main else None,
            main.signal if main else None,
            len(report.survivors),
            report.rung.value,
            len(report.killed),
            self._stop_ms,
            report.cancel_error or "",
        )


def _as_sidecar_error(frame: CallFrame, error: Exception) -> SidecarError:
    if isinstance(error, TimeoutError):
        return ProviderProcessFailed(
            f"{frame.method} was not answered within {frame.deadline_ms} ms"
        )
    if isinstance(error, LookupError):
        return MethodNotFound(f"A host does not know the method {frame.method}")
    return InvalidParams(str(error))
