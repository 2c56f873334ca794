"""The supervisor: every session there is, started, stopped in tree order, brought back.

Owns the sessions and their order of start. How one session lives stands in session.py.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

import msgspec

from sidecar.contract.errors import (
    Overloaded,
    ShuttingDown,
    SidecarError,
    ValidationFailed,
)
from sidecar.contract.methods import METHODS, InterruptParams, SessionStartParams
from sidecar.contract.snapshot import SessionSnapshot
from sidecar.core.lifecycle import Phase
from sidecar.core.scarcity import short_of
from sidecar.core.supervision import InvalidSpec, child_spec, stop_order
from sidecar.supervisor.deps import Shared
from sidecar.supervisor.kin import Cascade, Kin, interrupt_below
from sidecar.supervisor.patience import journalled
from sidecar.supervisor.records import SessionRecord, decode_record, encode_record
from sidecar.supervisor.refusals import unknown
from sidecar.supervisor.resuming import WITHOUT_SECRETS, Resuming
from sidecar.supervisor.roll import Roll
from sidecar.supervisor.session import Session

SESSIONS_MAX = 1_000
"""Sessions that may run at once: five times what the largest user is known to run."""

HOSTS_END_S = 0.8
"""At a shutdown, the last session's end to that of what sessions share: the promise for a launcher
that is gone (3 s) has room for no more."""

PARKS = (Phase.PARKING, Phase.PARKED)


class Supervisor:
    """All sessions by thread."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._roll = Roll(shared.events.fold, self._make)
        self._records: dict[str, bytes] = {}
        self._resuming = Resuming(self._resume, self._decline, shared.log)
        self._kin = Kin(shared.clock, shared.random, shared.log)
        self._resume_task: asyncio.Task[None] | None = None
        self._stops: set[asyncio.Task[list[str]]] = set()
        self._stopping = False
        self._going_down: Counter[str] = Counter()
        """Stops under way by thread: nothing is started below it."""

    async def load_records(self) -> None:
        """Read what the journal's store keeps of sessions; call once, before any start.

        Records of sessions that the fold has forgotten are dropped.
        """
        events = self._shared.events
        for thread_id, blob in events.journal.load_sessions().items():
            if thread_id not in events.fold:
                await events.journal.drop_session(thread_id)
                continue
            try:
                record = decode_record(blob)
            except msgspec.DecodeError as error:
                self._shared.log.error("session.record-damaged", thread=thread_id, error=str(error))
            else:
                self._records[thread_id] = blob
                if record.parked:
                    self.session(thread_id)  # it goes down with its tree
                    await self._unpark_without_secrets(record)

    async def _unpark_without_secrets(self, record: SessionRecord) -> None:
        """Take a session out of its park that no call can resume any more; it says why."""
        if record.had_secrets:
            self._decline(record.start, WITHOUT_SECRETS)
            await self._keep(msgspec.structs.replace(record, parked=False))

    def _unwanted(self, thread_ids: Collection[str], *, below: bool) -> list[SessionRecord]:
        """Have those come back no more that have not begun to; one that has notes its own stop."""
        gone = self._resuming.drop(thread_ids, below=below)
        asleep = [t for t in gone if (s := self._roll.awake(t)) is None or s.lifecycle.down]
        return [record for t in asleep if (record := self._record(t)) is not None]

    async def _want_no_more(self, records: Iterable[SessionRecord]) -> None:
        """Note of sessions that were to come back that a client has stopped them."""
        for record in records:
            await self._keep(msgspec.structs.replace(record, wanted=False))

    async def _keep(self, record: SessionRecord) -> None:
        thread_id = record.start.thread_id
        blob = self._records[thread_id] = encode_record(record)
        put = self._shared.events.journal.put_session(thread_id, blob)
        await journalled(put, "session record", self._shared.log)

    def session(self, thread_id: str) -> Session:
        """Return the session of a thread. Raises SessionNotFound."""
        session = self._roll.get(thread_id)
        if session is None:
            if thread_id not in self._shared.events.fold:
                raise unknown(thread_id)
            record = self._record(thread_id)
            if record is not None and record.parked and not record.had_secrets:
                session = self._make(thread_id, record.start, Phase.PARKED)
            else:
                session = self._make(thread_id, None, Phase.STOPPED)
            self._roll.add(session)
        return session

    def _make(self, thread_id: str, start: SessionStartParams | None, phase: Phase) -> Session:
        return Session(self._shared, self._kin, thread_id, start, phase)

    def _record(self, thread_id: str) -> SessionRecord | None:
        """Return what the last run has kept of a session."""
        blob = self._records.get(thread_id)
        return None if blob is None else decode_record(blob)

    def view(self, thread_id: str) -> SessionSnapshot:
        """Return a session as the fold has it. Raises SessionNotFound."""
        found = self._shared.events.fold.snapshot([thread_id]).sessions.get(thread_id)
        if found is None:
            raise unknown(thread_id)
        return found

    async def start(self, params: SessionStartParams) -> SessionSnapshot:
        """Start or resume a session; returns it once its provider is ready."""
        for parking in self._ancestors_parking(params):
            await parking.down()  # who is parked has nobody wait below it
        known = self._roll.awake(params.thread_id)
        if known is not None:
            await known.down()
        if self._stopping:
            raise ShuttingDown("The sidecar is shutting down; no session is started")
        if self._shared.events.journal.state != "ok":
            raise Overloaded("Cannot start a session: the journal cannot be written (disk full?)")
        if sum(session.lifecycle.running for session in self._roll) >= SESSIONS_MAX:
            raise Overloaded(f"{SESSIONS_MAX} sessions run already")
        self._check_family(params)
        params, plan = self._shared.providers.prepare(params)
        for thread_id in self._roll.pack(self._going_down):
            self._records.pop(thread_id, None)
        session = self._roll.get(params.thread_id)
        if session is None:
            session = self._make(params.thread_id, None, Phase.STOPPED)
        if session.lifecycle.down:
            self._roll.add(session)  # at the end: the order of start
        self._resuming.forget(params.thread_id)
        await session.start(params, plan)
        self._resuming.wake_children(params.thread_id)
        return self.view(params.thread_id)

    async def restart(self, thread_id: str) -> SessionSnapshot:
        """Start a session that is down again, with what it was started with, where it was.

        Raises ValidationFailed when it is not down, or when its secrets are not known any more.
        """
        session = self.session(thread_id)
        if not session.lifecycle.down:
            phase = session.lifecycle.phase.name.lower()
            raise ValidationFailed(
                f"Cannot restart session {thread_id}: it is {phase}, and only one that is down can "
                "be restarted; stop it first",
                threadId=thread_id,
                issue="stopping" if session.lifecycle.phase is Phase.STOPPING else "running",
            )
        params = session.start_params
        if params is None:
            record = self._record(thread_id)
            if record is None or record.had_secrets:
                raise ValidationFailed(
                    f"Cannot restart session {thread_id}: its secrets are not kept over a restart "
                    "of the sidecar; call session.start with them",
                    threadId=thread_id,
                )
            params = record.start
        return await self.start(msgspec.structs.replace(params, resume_cursor=None))

    async def stop(
        self,
        thread_id: str,
        deadline_s: float | None = None,
        *,
        cascade: bool = True,
        reason: str = "stopped",
        spare_parked: bool = False,
    ) -> list[str]:
        """Stop a session, its children first in reverse order of start; returns who ran.

        The deadline is that of the whole; without one each has its own. One that is parked is
        stopped too, unless they are spared. Goes on to its end even if nobody waits any more.
        """
        self.session(thread_id)
        unwanted = self._unwanted([thread_id], below=cascade)
        parents = self._roll.parents()
        tree = set(stop_order(parents, thread_id)) if cascade else {thread_id}
        down = Cascade(
            [self.session(member) for member in parents if member in tree],
            thread_id,
            default_s=self._shared.settings.stop_ms / 1000,
            deadline_s=deadline_s,
            reason=reason,
            spare_parked=spare_parked,
        )
        self._going_down.update(tree)  # from now on these objects stand for them
        task = asyncio.create_task(self._take_down(down), name=f"stop tree {thread_id}")
        self._stops.add(task)
        task.add_done_callback(self._stops.discard)
        await self._want_no_more(unwanted)
        return await asyncio.shield(task)

    async def _take_down(self, down: Cascade) -> list[str]:
        threads = [member.thread_id for member in down.line]
        self._kin.stop_asked(*threads)  # all at once: nobody's end is a fall any more
        try:
            return await down.run()
        finally:
            self._going_down.subtract(threads)
            self._going_down += Counter()  # forgets who has none

    async def stop_all(
        self, deadline_s: float | None, reason: str = "stopped", *, spare_parked: bool = False
    ) -> list[str]:
        """Stop every tree, trees side by side; returns who ran. No host waits for more then."""
        unwanted = self._unwanted(self._records, below=False)
        groups = await asyncio.gather(
            *(
                self.stop(root, deadline_s, reason=reason, spare_parked=spare_parked)
                for root in self._roll.roots()
            ),
            return_exceptions=True,
        )
        self._shared.hosts.drop_spare("everything was stopped")
        stopped: list[str] = []
        for group in groups:
            if isinstance(group, BaseException):
                self._shared.log.error("session.stop-failed", error=repr(group))
            else:
                stopped += group
        await self._want_no_more(unwanted)
        return stopped

    def hurry(self, deadline_s: float, reason: str) -> None:
        """Shorten the stop of everything that still runs, all side by side."""
        for session in self._roll:
            session.hurry(deadline_s, reason)

    async def call(self, method: str, thread_id: str, params: Any, deadline_s: float) -> Any:
        """Have a session's generation carry a method out; one that is parked is resumed for it."""
        session = self.session(thread_id)
        if METHODS[method].lane == "ordered":
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(deadline_s):
                    await self._resuming.arrival(thread_id)
            if session.lifecycle.phase in PARKS:
                await self._wake(session)
            session = self.session(thread_id)
        return await session.call(method, params, deadline_s)

    async def interrupt(self, params: InterruptParams, deadline_s: float) -> Any:
        """Interrupt a session, and those below it that have a turn first; one turn, if named."""
        root, events = self.session(params.thread_id), self._shared.events

        def turn_of(thread_id: str) -> str | None:
            folded = events.fold.session(thread_id)
            return folded.turn.turn_id if folded is not None and folded.turn else None

        async def one(thread_id: str, share_s: float) -> None:
            turn_id = turn_of(thread_id)
            if turn_id is not None and self.session(thread_id).lifecycle.phase is Phase.LIVE:
                below = InterruptParams(thread_id=thread_id, cascade=False)
                await self.call("session.interrupt", thread_id, below, share_s)
                await events.until(lambda: turn_of(thread_id) != turn_id)

        if params.cascade and params.turn_id is None:
            await interrupt_below(root.thread_id, self._roll.parents(), one, self._shared.log)
        return await self.call("session.interrupt", params.thread_id, params, deadline_s)

    async def _wake(self, session: Session) -> None:
        """Resume a session that is parked, once it is. Raises what start does."""
        await session.down()
        if session.lifecycle.phase is Phase.PARKED and session.start_params is not None:
            params = msgspec.structs.replace(session.start_params, resume_cursor=None)
            await self.start(params)

    def resume_unclean(self) -> None:
        """Bring back what ran when the last supervisor died; does its work once.

        Only `permanent` and `transient` sessions without secrets, each after its parent; the others
        stay down, visibly.
        """
        if self._resume_task is not None or self._shared.events.journal.previous_end_clean:
            return
        known = {thread_id: decode_record(blob) for thread_id, blob in self._records.items()}
        ran = {thread_id: record for thread_id, record in known.items() if record.wanted}
        self._resume_task = asyncio.create_task(self._resuming.run(ran), name="resume")

    async def shutdown(self, deadline_s: float, reason: str) -> None:
        """Stop everything; nothing is started any more."""
        self._stopping = True
        if self._resume_task is not None:
            self._resume_task.cancel()
            await asyncio.gather(self._resume_task, return_exceptions=True)
        await self._resuming.close()
        try:
            await self.stop_all(deadline_s, reason, spare_parked=True)
            await self._shared.hosts.close(HOSTS_END_S)
        finally:
            self._kin.close()
            for task in self._stops:
                task.cancel()

    def counts(self) -> dict[str, int]:
        """Return how many sessions are in each phase."""
        counts = {phase.name.lower(): 0 for phase in Phase}
        counts[Phase.STOPPED.name.lower()] = self._roll.packed()
        for session in self._roll:
            counts[session.lifecycle.phase.name.lower()] += 1
        return counts

    def each(self, visit: Callable[[Session], None]) -> None:
        """Visit every session that is not down, and some that are, in order of start."""
        for session in self._roll:
            visit(session)

    async def _resume(self, start: SessionStartParams) -> bool:
        """Bring one session back; whether it is up. A client may have been faster.

        Raises what went wrong where its events do not tell it, Overloaded where a later try may do.
        """
        session = self._roll.awake(start.thread_id)
        if session is not None and session.lifecycle.phase is not Phase.STOPPED:
            return True
        before = self._generation_of(start.thread_id)
        try:
            await self.start(msgspec.structs.replace(start, resume_cursor=None))
        except Exception as error:
            if (what := short_of(error)) is not None:
                raise Overloaded(f"the sidecar has no {what} left") from error
            told = self._generation_of(start.thread_id) != before
            if not told or isinstance(error, Overloaded) or not isinstance(error, SidecarError):
                raise
            failed = {"thread": start.thread_id, "error": error.message}
            self._shared.log.warning("session.resume-failed", **failed)
            return False
        return True

    def _generation_of(self, thread_id: str) -> int | None:
        folded = self._shared.events.fold.session(thread_id)
        return folded.generation if folded else None

    def _decline(self, start: SessionStartParams, reason: str) -> None:
        """Say by events why a session is not brought back."""
        session = self.session(start.thread_id)
        if session.lifecycle.phase is Phase.STOPPED:
            record = self._record(start.thread_id)
            session.decline(start, reason, whole=record is None or not record.had_secrets)

    def _ancestors_parking(self, params: SessionStartParams) -> Iterator[Session]:
        """Yield those of the ancestors that are just being parked."""
        seen = {params.thread_id}
        parent = params.parent
        while parent is not None and parent not in seen:
            seen.add(parent)
            ancestor = self._roll.awake(parent)
            if ancestor is not None and ancestor.lifecycle.phase is Phase.PARKING:
                yield ancestor
            parent = self._roll.parent(parent)

    def _check_family(self, params: SessionStartParams) -> None:
        """Raise ValidationFailed for a restart spec or a parent that cannot be."""
        try:
            child_spec(params.thread_id, params.parent, params.restart)
        except InvalidSpec as error:
            raise ValidationFailed(
                f"Cannot start session {params.thread_id}: {error}", threadId=params.thread_id
            ) from None
        parent = params.parent
        if parent is not None and parent != params.thread_id:
            self.session(parent)
        while parent is not None:
            if parent == params.thread_id:
                raise ValidationFailed(
                    f"Cannot start session {params.thread_id}: it would be its own ancestor",
                    threadId=params.thread_id,
                )
            if self._going_down[parent] or self._kin.stops(parent):
                raise ValidationFailed(
                    f"Cannot start session {params.thread_id}: its ancestor {parent} is being "
                    "stopped",
                    threadId=params.thread_id,
                    issue="stopping",
                )
            parent = self._roll.parent(parent)
