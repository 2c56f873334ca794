"""One session: its lifecycle, its generations one after the other, its restarts.

A restart is a resume: the next generation gets the provider's cursor. Between two generations the
old one's channel is drained, its tree is dead and its closing events are appended.
"""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

from sidecar.contract.errors import (
    Cancelled,
    InternalError,
    SessionClosed,
    SidecarError,
    ValidationFailed,
)
from sidecar.contract.events.session import SessionConfigured, SessionStateChanged
from sidecar.contract.events.side import RuntimeWarned
from sidecar.contract.frames import SessionSpec
from sidecar.contract.methods import RestartSpec, SessionStartParams
from sidecar.core.closing import ExitFacts, closing_drafts
from sidecar.core.drafts import Draft
from sidecar.core.lifecycle import Cause, Lifecycle, Phase
from sidecar.core.supervision.intensity import GiveUp, Restart, RestartIntensity, wants_restart
from sidecar.core.stamping import Origin
from sidecar.process import new_mark
from sidecar.supervisor.deps import Shared
from sidecar.supervisor.generation import CLOSE_GRACE_S, Generation, GenerationEnd
from sidecar.supervisor.patience import journalled
from sidecar.supervisor.providers import Plan
from sidecar.supervisor.records import encode_record, make_record
from sidecar.supervisor.sampling import Lodging
from sidecar.supervisor.vitals import Vitals


class Session:
    """A thread's session. One task (`supervise`) owns it from a start until it is down."""

    def __init__(self, shared: Shared, thread_id: str) -> None:
        self._shared = shared
        self.thread_id = thread_id
        self.lifecycle = Lifecycle()
        self._log = shared.log.bind(thread=thread_id)
        self._start: SessionStartParams | None = None
        self._plan: Plan | None = None
        self._intensity = RestartIntensity(0, 1)
        self._generation: Generation | None = None
        self._stopping = asyncio.Event()
        self._settled = asyncio.Event()
        """Set while no start is under way: the client may know of `ready` before we do."""
        self._stop_reason = "stopped"
        self._task: asyncio.Task[None] | None = None

    @property
    def parent(self) -> str | None:
        """The parent session's thread, if any."""
        return self._start.parent if self._start else None

    @property
    def lodging(self) -> Lodging | None:
        """Where it lives now; None when it does not run."""
        return self._generation.lodging if self._generation else None

    @property
    def vitals(self) -> Vitals | None:
        """When it last gave a sign of life; None when it is not up."""
        up = self._generation is not None and self.lifecycle.phase is Phase.LIVE
        return self._generation.vitals if self._generation and up else None

    @property
    def start_params(self) -> SessionStartParams | None:
        """What it was started with, secrets included; None for one known from the journal only."""
        return self._start

    async def start(self, params: SessionStartParams, plan: Plan) -> None:
        """Start, or resume when it ran before; returns once the provider is ready.

        Raises ValidationFailed when it runs and what the provider says when it cannot start.
        """
        if self.lifecycle.phase is not Phase.STOPPED:
            raise ValidationFailed(
                f"Cannot start session {self.thread_id}: it is "
                f"{self.lifecycle.phase.name.lower()} already",
                threadId=self.thread_id,
                issue="running",
            )
        self._start, self._plan = params, plan
        self._stopping.clear()
        self._settled.clear()
        spec = params.restart or RestartSpec()
        self._intensity = RestartIntensity(spec.max_restarts, spec.max_seconds)
        self.lifecycle.move(Cause.START)
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._supervise(ready), name=f"session {self.thread_id}")
        await asyncio.shield(ready)

    async def stop(
        self, deadline_s: float, reason: str = "stopped", *, grace_s: float = CLOSE_GRACE_S
    ) -> bool:
        """Stop by the ladder; returns when it is down, True if it ran.

        A host that needs `grace_s` longer than that is killed.
        Also gives up a start under way and a backoff. Stopping a stopped session is no error.
        """
        if self._task is None or self._task.done():
            return False
        self._stop_reason = reason
        self._stopping.set()
        if self.lifecycle.may(Cause.STOP):
            self.lifecycle.move(Cause.STOP)
        if self._generation is not None:
            self._generation.close(deadline_s, reason, grace_s)
        await asyncio.shield(self._task)
        return True

    def decline(self, params: SessionStartParams, reason: str) -> None:
        """Say in a generation that ends at once why the session is not started; it may be later."""
        self._start = params
        self.lifecycle.move(Cause.START)
        origin = self._next_origin()
        self._announce(origin, None)
        self._end(origin, GenerationEnd("error", reason, True, ""), None)

    async def down(self) -> None:
        """Wait for the last words of a run that has ended; at once when none is ending."""
        while self.lifecycle.phase is Phase.STOPPED and self._task and not self._task.done():
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
        if self._generation is None or self.lifecycle.phase is not Phase.LIVE:
            return False
        self._log.warning("session.failed", reason=reason, detail=detail)
        self._generation.fail(reason, detail, host=host)
        return True

    def park(self, reason: str, detail: dict[str, Any]) -> bool:
        """End the running generation gracefully; the next call of the session resumes it.

        `detail` are the figures (idleMs …), to which `kind: "parked"` is added. False when it is
        not live, has a running turn or an open request, or a child of it is up: then nothing was
        done.
        """
        raise NotImplementedError

    def tell(self, message: str, detail: dict[str, Any]) -> None:
        """Say a fact of the sidecar's own as runtime.warning; nothing when nothing runs."""
        if self._generation is not None and self.lifecycle.phase is Phase.LIVE:
            payload = RuntimeWarned(message=message, detail=detail)
            draft = Draft(type="runtime.warning", payload=payload)
            self._shared.events.say(self._generation.origin, [draft])

    async def call(self, method: str, params: Any, deadline_s: float) -> Any:
        """Have the running generation carry a method out; one that starts is waited for.

        Raises SessionClosed when the session is down, or not up within the deadline.
        """
        if self.lifecycle.phase is Phase.STARTING:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(deadline_s):
                    await self._settled.wait()
        if self.lifecycle.phase is not Phase.LIVE or self._generation is None:
            raise SessionClosed(
                f"Cannot call {method}: session {self.thread_id} is "
                f"{self.lifecycle.phase.name.lower()}",
                provider=self._start.provider if self._start else "unknown",
                threadId=self.thread_id,
            )
        return await self._generation.call(method, params, deadline_s)

    async def _supervise(self, ready: asyncio.Future[None]) -> None:
        """Run generations until the session is down. Never raises but for cancellation."""
        try:
            await self._remember(wanted=True)
            restart: Restart | None = None
            while True:
                restart = await self._run_generation(ready, restart)
                if restart is None:
                    break
        except Exception as error:  # noqa: BLE001 - one session's defect must not reach another
            self._log.exception("session.defect", error)
            self.lifecycle = Lifecycle()
            _settle(ready, InternalError(f"The session failed: {error!r}"))
        finally:
            self._generation = None
            self._settled.set()
            _settle(ready, Cancelled("The session was stopped while it started"))
        await self._remember(wanted=False)

    async def _run_generation(
        self, ready: asyncio.Future[None], restart: Restart | None
    ) -> Restart | None:
        """Run one generation from its first event to its last; returns the restart, if any."""
        self._settled.clear()
        origin = self._next_origin()
        self._announce(origin, restart)
        if restart is not None and not await self._backoff(restart):
            self._end(origin, GenerationEnd("graceful", self._stop_reason, True, ""), None)
            return None
        await self._environment_known()
        generation = Generation(self._shared, self._spec(origin))
        self._generation = generation
        opened_at = self._shared.clock()
        failure: SidecarError | None = None
        try:
            if self._stopping.is_set():
                generation.close(self._shared.settings.stop_ms / 1000, self._stop_reason)
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
            if self.lifecycle.may(Cause.READY):
                self.lifecycle.move(Cause.READY)
            _settle(ready, None)
            self._settled.set()
        end = await generation.ended()
        self._generation = None
        first_start_failed = failure is not None and not ready.done()
        decision = None if first_start_failed else self._decide(end, opened_at)
        self._end(origin, end, decision)
        journal = self._shared.events.journal
        await journalled(journal.committed(journal.appended), "exit", self._log)
        if failure is not None:
            _settle(ready, failure)
        return decision if isinstance(decision, Restart) else None

    def _decide(self, end: GenerationEnd, opened_at: float) -> Restart | GiveUp | None:
        """Say what follows the end of a generation."""
        policy = (
            self._start.restart if self._start and self._start.restart else RestartSpec()
        ).policy
        if self._stopping.is_set() or not wants_restart(policy, end.kind) or not end.recoverable:
            return None
        now = self._shared.clock()
        return self._intensity.decide(now, now - opened_at, self._shared.random())

    async def _backoff(self, restart: Restart) -> bool:
        """Wait before a restart; False when a stop came."""
        with contextlib.suppress(TimeoutError):  # which is what is hoped for
            async with asyncio.timeout(restart.delay_s):
                await self._stopping.wait()
        if self._stopping.is_set():  # also in the very turn of the loop in which the time is up
            return False
        self.lifecycle.move(Cause.RETRY)
        return True

    def _announce(self, origin: Origin, restart: Restart | None) -> None:
        """Say the first events of a generation: what it is, and that it starts."""
        assert self._start is not None
        start = self._start
        selection = start.model_selection
        cursor = self._cursor(asked=None if restart else start.resume_cursor)
        session = {
            "runtimeMode": start.runtime_mode,
            "cwd": start.cwd,
            "parent": start.parent,
            "model": selection.model if selection else None,
            "resume": cursor is not None,
        }
        config = {
            "session": {k: v for k, v in session.items() if v is not None},
            "resumeCursor": cursor,
        }
        detail = None
        if restart is not None:
            until = datetime.now(UTC) + timedelta(seconds=restart.delay_s)
            stamp = until.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            detail = {"kind": "restarting", "count": restart.count, "backoffUntil": stamp}
        state = SessionStateChanged(
            state="starting", reason="restarting" if restart else None, detail=detail
        )
        self._shared.events.say(
            origin,
            [
                Draft(type="session.configured", payload=SessionConfigured(config=config)),
                Draft(type="session.state.changed", payload=state),
            ],
        )

    def _end(self, origin: Origin, end: GenerationEnd, decision: Restart | GiveUp | None) -> None:
        """Append the last events of a generation, in one commit, and move on."""
        folded = self._shared.events.fold.session(self.thread_id)
        assert folded is not None, "the generation was announced"
        facts = ExitFacts(
            kind=end.kind,
            reason=end.reason,
            recoverable=end.recoverable,
            stderr_tail=end.stderr_tail or None,
            detail=_gave_up(decision, end.detail) if isinstance(decision, GiveUp) else end.detail,
        )
        self._shared.events.say(origin, closing_drafts(folded, facts))
        self._settled.set()
        self._log.info("session.ended", generation=origin.generation, reason=end.reason)
        if isinstance(decision, Restart):
            self.lifecycle.move(Cause.RETRY_LATER)
        elif self.lifecycle.phase is Phase.STOPPING:
            self.lifecycle.move(Cause.CLOSED)
        else:
            self.lifecycle.move(Cause.DOWN)

    async def _remember(self, *, wanted: bool) -> None:
        if self._start is not None:
            record = make_record(self._start, wanted=wanted)
            put = self._shared.events.journal.put_session(self.thread_id, encode_record(record))
            await journalled(put, "session record", self._log)

    def _next_origin(self) -> Origin:
        assert self._start is not None
        number = self._shared.events.fold.generation_of(self.thread_id) + 1
        start = self._start
        return Origin(start.provider, self.thread_id, number, start.provider_instance_id)

    def _cursor(self, *, asked: Any = None) -> Any:
        """The conversation to resume: what the client asked for, else what was published."""
        folded = self._shared.events.fold.session(self.thread_id)
        if asked is not None or folded is None or self._start is None:
            return asked
        own = _account(self._start.provider, self._start.provider_instance_id)
        same = _account(folded.provider, folded.provider_instance_id) == own
        return folded.resume_cursor if same else None

    def _spec(self, origin: Origin) -> SessionSpec:
        assert self._start is not None
        assert self._plan is not None
        spec = SessionSpec(
            thread_id=self.thread_id,
            generation=origin.generation,
            provider=origin.provider,
            mark=new_mark(),
            start=self._start,
            provider_instance_id=origin.provider_instance_id,
            resume_cursor=self._cursor(),
            data_dir=str(self._shared.data_dir),
            raw=self._shared.settings.raw,
        )
        return self._shared.providers.complete(spec, self._plan)

    async def _environment_known(self) -> None:
        """Wait for the login shell's PATH, for a bounded time; a stop ends the wait."""
        environment = self._shared.providers.environment
        if not environment.pending:
            return
        waits = [environment.known(), self._stopping.wait()]
        tasks = [asyncio.ensure_future(wait) for wait in waits]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()


def _account(provider: str, instance_id: str | None) -> tuple[str, str]:
    """Return whose conversations these are; the provider's own name is the user's own account."""
    return (provider, instance_id or provider)


def _gave_up(decision: GiveUp, cause: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "kind": "gave-up",
        "count": decision.count,
        "maxRestarts": decision.max_restarts,
        "maxSeconds": decision.max_seconds,
        **({"cause": cause} if cause else {}),
    }


def _settle(ready: asyncio.Future[None], error: SidecarError | None) -> None:
    if ready.done():
        return
    if error is None:
        ready.set_result(None)
    else:
        ready.set_exception(error)
        ready.exception()  # marked as seen: the caller may be gone
