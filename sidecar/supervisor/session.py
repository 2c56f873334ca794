"""One session: its lifecycle, its generations one after the other, its restarts.

A restart is a resume: the next generation gets the provider's cursor. Between two generations the
old one's channel is drained, its tree is dead and its closing events are appended. Whether there is
a next one, and when its gate opens, is for its relatives to say (kin).
"""

import asyncio
import dataclasses
from typing import Any

from sidecar.contract.errors import Cancelled, InternalError, SidecarError
from sidecar.contract.methods import METHODS, RestartSpec, SessionStartParams
from sidecar.core.lifecycle import Cause, Lifecycle, Phase
from sidecar.core.stamping import Origin
from sidecar.core.supervision import child_spec
from sidecar.supervisor.announcing import Again, Announcer
from sidecar.supervisor.deps import Shared
from sidecar.supervisor.ends import GenerationEnd
from sidecar.supervisor.generation import CLOSE_GRACE_S, Generation
from sidecar.supervisor.kin import ExitTurn, Kin
from sidecar.supervisor.patience import journalled, settle
from sidecar.supervisor.providers import Plan
from sidecar.supervisor.records import encode_record, make_record
from sidecar.supervisor.refusals import not_live, runs_already
from sidecar.supervisor.sampling import Lodging
from sidecar.supervisor.specs import session_spec
from sidecar.supervisor.standing import Standing
from sidecar.supervisor.vitals import Vitals


class Session:
    """A thread's session. One task (`supervise`) owns it from a start until it is down."""

    def __init__(
        self,
        shared: Shared,
        kin: Kin,
        thread_id: str,
        start: SessionStartParams | None,
        phase: Phase,
    ) -> None:
        self._shared = shared
        self._kin = kin
        self.thread_id = thread_id
        self.lifecycle = Lifecycle(phase)
        self._log = shared.log.bind(thread=thread_id)
        self._announcer = Announcer(shared.events, thread_id)
        self._start = start
        self._whole = True
        """Whether the params are all there: those of a journal have no secrets."""
        self._plan: Plan | None = None
        self._generation: Generation | None = None
        self._standing = Standing()
        self._end_reason = "stopped"
        self._park_detail: dict[str, Any] = {}
        self._turn: ExitTurn | None = None
        self._task: asyncio.Task[None] | None = None
        self._recording: asyncio.Task[bool] | None = None

    @property
    def parent(self) -> str | None:
        """The parent session's thread, if any."""
        return self._start.parent if self._start else None

    @property
    def shutdown_s(self) -> float | None:
        """The deadline of its stop that was declared for it, 0 for kill."""
        shutdown_ms = self._restart_spec.shutdown_ms
        return None if shutdown_ms is None else shutdown_ms / 1000

    @property
    def one_by_one(self) -> bool:
        """Whether its children build on each other, so that they are stopped one by one."""
        return self._restart_spec.strategy == "rest_for_one"

    @property
    def idle(self) -> bool:
        """Whether there is nothing of it to stop."""
        return self.lifecycle.down

    @property
    def over(self) -> bool:
        """Whether nothing of it is left but what it was started with (supervisor/roll)."""
        ended = self._task is None or self._task.done()
        return ended and self.lifecycle.phase is Phase.STOPPED

    @property
    def lodging(self) -> Lodging | None:
        """Where it lives now; None when it does not run."""
        return self._generation.lodging if self._generation else None

    @property
    def running(self) -> int | None:
        """The number of the generation that runs now; None when none does."""
        return self._generation.number if self._generation else None

    @property
    def vitals(self) -> Vitals | None:
        """When it last gave a sign of life; None when it is not up."""
        up = self._generation is not None and self.lifecycle.phase is Phase.LIVE
        return self._generation.vitals if self._generation and up else None

    @property
    def held_back(self) -> bool:
        """Whether it may say no more until clients, or the disk, have taken what it said."""
        return self._generation is not None and self._generation.held_back

    @property
    def start_params(self) -> SessionStartParams | None:
        """What it was started with, secrets included; None where they are not known any more."""
        return self._start if self._whole else None

    async def start(self, params: SessionStartParams, plan: Plan) -> None:
        """Start, or resume when it ran before; returns once the provider is ready.

        Raises ValidationFailed when it runs and what the provider says when it cannot start.
        """
        if not self.lifecycle.down:
            raise runs_already(self.thread_id, self.lifecycle.phase)
        self._start, self._plan, self._turn, self._whole = params, plan, None, True
        self._standing.starts()
        self.lifecycle.move(Cause.START)
        self._kin.asked(self, child_spec(self.thread_id, params.parent, params.restart))
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._supervise(ready), name=f"session {self.thread_id}")
        await asyncio.shield(ready)

    async def stop(
        self,
        deadline_s: float,
        reason: str = "stopped",
        *,
        grace_s: float = CLOSE_GRACE_S,
        turn: ExitTurn | None = None,
    ) -> bool:
        """Stop by the ladder; returns when it is down, True if it ran or was parked.

        A host that needs `grace_s` longer than that is killed. Its exit is told when `turn` has
        come. Also gives up a start under way and what waits at a gate. Stopping a stopped session
        is no error.
        """
        if self.lifecycle.phase is Phase.PARKED and turn is not None:
            await turn.come()
        if self.lifecycle.phase is Phase.PARKED:
            await self._unpark(reason)
            return True
        if self._task is None or self._task.done():
            return False
        self._kin.stop_asked(self.thread_id)
        self._turn = turn
        self._stop_now(deadline_s, reason, grace_s)
        await asyncio.shield(self._task)
        return True

    def stop_because(self, because: str) -> None:
        """Begin to stop as another session has ended (kin)."""
        self._stop_now(self._own_deadline_s(), f"stopped as session {because} ended")

    def suspend(self, because: str) -> None:
        """Begin to end the generation as another session fell; the next waits at its gate (kin)."""
        self._standing.suspends()
        if self.lifecycle.may(Cause.SUSPEND):
            self.lifecycle.move(Cause.SUSPEND)
        self._close(self._own_deadline_s(), f"restarting as session {because} fell")

    def park(self, reason: str, detail: dict[str, Any]) -> bool:
        """End the running generation gracefully; the next call of the session resumes it.

        `detail` are the figures (idleMs …), to which `kind: "parked"` is added. False when it is
        not live, has a running turn, an open request or a call under way, or a child of it is up:
        then nothing was done.
        """
        folded = self._shared.events.fold.session(self.thread_id)
        if self.lifecycle.phase is not Phase.LIVE or self._generation is None or folded is None:
            return False
        busy = folded.turn is not None or folded.requests or self._generation.vitals.calls
        if busy or self._kin.has_children(self.thread_id):
            return False
        self._park_detail = {"kind": "parked", **detail}
        self.lifecycle.move(Cause.PARK)
        self._kin.stop_asked(self.thread_id)
        in_peace_s = self._shared.settings.stop_ms / 1000  # also one whose stop is to be a kill
        self._close(max(self._own_deadline_s(), in_peace_s), reason)
        return True

    def decline(self, params: SessionStartParams, reason: str, *, whole: bool) -> None:
        """Say in a generation that ends at once why the session is not started; it may be later.

        `whole`: with these params; they lack no secrets.
        """
        self._start, self._whole = params, whole
        self._announcer.stillborn(params, GenerationEnd("error", reason, True, ""))

    async def down(self) -> None:
        """Wait for the last words of a run that ends, or has; at once when none is ending."""
        ending = (Phase.STOPPED, Phase.PARKING, Phase.PARKED)
        while self.lifecycle.phase in ending and self._task and not self._task.done():
            await asyncio.shield(self._task)

    def hurry(self, deadline_s: float, reason: str) -> None:
        """Shorten a stop that is under way: the host is killed soon after `deadline_s`."""
        if self._generation is not None:
            self._generation.close(deadline_s, reason)

    def fail(self, reason: str, detail: dict[str, Any], *, host: bool = False) -> bool:
        """End the running generation as failed, at once; its restart policy says what follows.

        For watchdogs. `detail` is `{"kind": …, figures}`; with `host` its host dies whoever else
        lives there. False when nothing runs.
        """
        if self._generation is None or self.lifecycle.phase not in (Phase.STARTING, Phase.LIVE):
            return False
        at = self._generation.origin.generation
        self._log.warning("session.failed", generation=at, reason=reason, detail=detail)
        self._generation.fail(reason, detail, host=host)
        return True

    def tell(self, message: str, detail: dict[str, Any]) -> None:
        """Say a fact of the sidecar's own as runtime.warning; nothing when nothing runs."""
        if self._generation is not None and self.lifecycle.phase is Phase.LIVE:
            self._announcer.warn(self._generation.origin, message, detail)

    async def call(self, method: str, params: Any, deadline_s: float) -> Any:
        """Have the running generation carry a method out; one that starts is waited for.

        An ordered one also waits for a session that comes back, at whatever gate. Raises
        SessionClosed when the session is down, or not up within the deadline.
        """
        patient = METHODS[method].lane == "ordered"
        if self.lifecycle.phase is Phase.STARTING or (patient and self.lifecycle.running):
            await self._standing.wait(deadline_s, patient=patient)
        if self.lifecycle.phase is not Phase.LIVE or self._generation is None:
            folded = self._shared.events.fold.session(self.thread_id)
            provider = folded.provider if folded else "unknown"
            raise not_live(method, self.thread_id, self.lifecycle.phase, provider)
        return await self._generation.call(method, params, deadline_s)

    async def _supervise(self, ready: asyncio.Future[None]) -> None:
        """Run generations until the session is down. Never raises but for cancellation."""
        try:
            self._remember(wanted=True)  # the mark's commit comes behind it, the host behind both
            again = await self._run_generation(ready, None)
            while again is not None:
                again = await self._run_generation(ready, again)
        except Exception as error:  # noqa: BLE001 - one session's defect must not reach another
            self._log.exception("session.defect", error)
            await self._break_off(f"a defect of the sidecar: {type(error).__name__}")
            settle(ready, InternalError(f"The session failed: {error!r}"))
        finally:
            self._generation = None
            self._standing.is_down()
            settle(ready, Cancelled("The session was stopped while it started"))
        await self._remember(wanted=False)
        if self._task is asyncio.current_task():  # one that is down is kept: as little as can be
            self._task = self._plan = self._turn = self._recording = None

    async def _break_off(self, reason: str) -> None:
        """End a run that has a defect: nothing of it runs on, and it gets its last events."""
        self.lifecycle = Lifecycle(Phase.STOPPING)
        try:
            if self._generation is not None:
                self._generation.close(0.0, reason)
                await self._generation.ended()
            self._announcer.end_open(GenerationEnd("error", reason, True, ""))
        except Exception as error:  # noqa: BLE001 - the same; what can be done is done
            self._log.exception("session.defect", error)
        self._kin.forget(self.thread_id)
        self.lifecycle = Lifecycle()

    async def _run_generation(
        self, ready: asyncio.Future[None], again: Again | None
    ) -> Again | None:
        """Run one generation from its first event to its last; says whether another follows."""
        assert self._start is not None
        self._standing.settled.clear()
        origin = self._announcer.next_origin(self._start)
        self._announcer.begin(origin, self._start, again)
        began_at = self._shared.clock()
        failure: SidecarError | None = None
        if await self._through_gate():
            environment = self._shared.providers.environment
            if environment.pending:  # the login shell's PATH, for a bounded time
                await self._standing.unless_ending(environment.known())
            began_at = self._shared.clock()
            failure, end = await self._live(origin, ready)
        else:
            end = GenerationEnd("graceful", self._end_reason, True, "")
        if self._turn is not None:
            await self._turn.come()
        if failure is not None and not ready.done() and not self._standing.suspended.is_set():
            self._kin.never_up(self.thread_id)
        again = self._end(origin, end, self._shared.clock() - began_at)
        journal = self._shared.events.journal
        await journalled(journal.committed(journal.appended), "exit", self._log)
        if failure is not None and again is None:
            settle(ready, failure)
        return again

    async def _through_gate(self) -> bool:
        """Wait until the gate is open; False when a stop came, or the relatives want it back."""
        gate = self._kin.gate(self.thread_id)
        if not gate.is_set():
            await self._standing.unless_ending(gate.wait())
        if self._standing.ending:
            return False
        if self.lifecycle.may(Cause.RETRY):
            self.lifecycle.move(Cause.RETRY)
        return True

    async def _live(
        self, origin: Origin, ready: asyncio.Future[None]
    ) -> tuple[SidecarError | None, GenerationEnd]:
        """Be with a generation from its host to its end; says why it did not come up, too."""
        assert self._start is not None and self._plan is not None
        cursor = self._announcer.cursor(self._start)
        spec = session_spec(self._shared, origin, self._start, self._plan, cursor)
        generation = self._generation = Generation(self._shared, spec)
        failure: SidecarError | None = None
        try:
            if self._standing.ending:
                generation.close(self._own_deadline_s(), self._end_reason)
            await generation.open()
        except SidecarError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - whatever it was, the generation gets its end
            self._log.exception("session.open-failed", error)
            failure = InternalError(f"Cannot start the session: {error!r}")
            generation.abort("the start failed")
        if failure is not None:
            generation.end_within(self._shared.settings.stop_ms / 1000)
        else:
            self._up(ready)
        end = await generation.ended()
        self._generation = None
        return failure, end

    def _up(self, ready: asyncio.Future[None]) -> None:
        if self.lifecycle.may(Cause.READY):
            self.lifecycle.move(Cause.READY)
        self._kin.ready(self.thread_id)
        settle(ready)
        self._standing.settled.set()
        if self.lifecycle.phase is Phase.LIVE:
            self._standing.returned.set()
        self._shared.hosts.keep_spare()

    def _end(self, origin: Origin, end: GenerationEnd, lived_s: float) -> Again | None:
        """Append the last events of a generation, in one commit, and move on."""
        self._standing.suspended.clear()
        fate = self._kin.ended(self.thread_id, end, lived_s)
        again = fate if isinstance(fate, Again) else None
        detail = end.detail if fate is None or isinstance(fate, Again) else fate
        if self.lifecycle.phase is Phase.PARKING:
            detail = self._park_detail
        self._announcer.end(origin, dataclasses.replace(end, detail=detail))
        self._standing.settled.set()
        self._log.info("session.ended", generation=origin.generation, reason=end.reason)
        if again is not None:
            self._standing.returned.clear()
            self.lifecycle.move(Cause.RETRY_LATER)
        elif self.lifecycle.may(Cause.CLOSED):
            self.lifecycle.move(Cause.CLOSED)
        else:
            self.lifecycle.move(Cause.DOWN)
        return again

    def _stop_now(self, deadline_s: float, reason: str, grace_s: float = CLOSE_GRACE_S) -> None:
        self._standing.stopping.set()
        if self.lifecycle.may(Cause.STOP):
            self.lifecycle.move(Cause.STOP)
        self._close(deadline_s, reason, grace_s)

    def _close(self, deadline_s: float, reason: str, grace_s: float = CLOSE_GRACE_S) -> None:
        self._end_reason = reason
        if self._generation is not None:
            self._generation.close(deadline_s, reason, grace_s)

    async def _unpark(self, reason: str) -> None:
        self.lifecycle.move(Cause.STOP)
        assert self._start is not None
        self._announcer.stillborn(self._start, GenerationEnd("graceful", reason, True, ""))
        await self._remember(wanted=False)

    def _remember(self, *, wanted: bool) -> asyncio.Task[bool]:
        """Queue the record of how it is; the task waits for the commit."""
        assert self._start is not None
        parked = self.lifecycle.phase is Phase.PARKED
        blob = encode_record(make_record(self._start, wanted=wanted, parked=parked))
        put = self._shared.events.journal.put_session(self.thread_id, blob)
        self._recording = asyncio.create_task(journalled(put, "session record", self._log))
        return self._recording

    @property
    def _restart_spec(self) -> RestartSpec:
        return (self._start.restart if self._start else None) or RestartSpec()

    def _own_deadline_s(self) -> float:
        own_s = self.shutdown_s
        return self._shared.settings.stop_ms / 1000 if own_s is None else own_s
