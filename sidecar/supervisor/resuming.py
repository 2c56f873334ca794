"""Bringing back what ran when the last supervisor died: parents first, then their children.

    wanted ── parent is up ──► resumed
       ├── no memory, descriptor or disk for it ──► tried again ──► down, said by events
       ├── parent did not come up ──► waiting, said by events ── parent is started later ──► resumed
       ├── its secrets are gone ──► down, said by events
       └── a client has stopped it, or what it is below ──► down

A session that does not come back says why by its events. Owns the order and who waits, and that
one session's defect costs no other its resume. How one session starts is the supervisor's affair.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping

from sidecar.contract.errors import Overloaded, SidecarError
from sidecar.contract.methods import SessionStartParams
from sidecar.core.resuming import parents_to_wait_for
from sidecar.observe.log import Log
from sidecar.supervisor.records import SessionRecord

RESUMES_AT_ONCE = 4
"""Sessions that are brought back side by side: provider CLIs are heavy to start."""

WITHOUT_SECRETS = (
    "waits for session.start with its secrets, which are not kept over a restart of the sidecar"
)

LACK_PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Between tries of a resume for which there is no memory, descriptor or room on the disk."""

Resume = Callable[[SessionStartParams], Awaitable[bool]]
Decline = Callable[[SessionStartParams, str], None]


class Resuming:
    """Resumes by `resume`, which tells whether the session is up; `decline` says why one is not."""

    def __init__(self, resume: Resume, decline: Decline, log: Log) -> None:
        self._resume = resume
        self._decline = decline
        self._log = log
        self._gate = asyncio.Semaphore(RESUMES_AT_ONCE)
        self._due: dict[str, asyncio.Future[bool]] = {}
        """Of each that ran, whether it is up again; while `run` is under way."""
        self._parents: dict[str, str | None] = {}
        self._dropped: set[str] = set()
        self._waiting: dict[str, SessionStartParams] = {}
        self._tasks: set[asyncio.Task[bool]] = set()

    async def run(self, ran: Mapping[str, SessionRecord]) -> None:
        """Bring back all of `ran` that may come back, each after its parent."""
        parents = parents_to_wait_for({t: record.start.parent for t, record in ran.items()})
        loop = asyncio.get_running_loop()
        up = self._due = {thread: loop.create_future() for thread in ran}
        self._parents = {thread: record.start.parent for thread, record in ran.items()}

        async def bring_back(thread_id: str) -> None:
            came = False
            try:
                parent = parents[thread_id]
                parent_is_up = parent is None or await up[parent]
                if comes_back(ran[thread_id]):
                    came = await self._bring_back(
                        ran[thread_id].start,
                        parent_is_up=parent_is_up,
                        whole=not ran[thread_id].had_secrets,
                    )
            finally:
                _settle(up[thread_id], came)

        try:
            async with asyncio.TaskGroup() as group:
                for thread_id in ran:
                    group.create_task(bring_back(thread_id), name=f"resume {thread_id}")
        finally:
            self._due, self._dropped = {}, set()
            for unknown in up.values():
                _settle(unknown, False)

    async def arrival(self, thread_id: str) -> None:
        """Wait until it is known whether a session comes back; at once when nobody expects it."""
        due = self._due.get(thread_id)
        if due is not None:
            await asyncio.shield(due)

    def drop(self, thread_ids: Collection[str], *, below: bool) -> list[str]:
        """Have these come back no more, and with `below` nobody under them; returns who would have.

        Somebody has stopped them. One that starts already is for its session to stop.
        """
        awaited = {t: self._parents[t] for t, due in self._due.items() if not due.done()}
        awaited |= {thread: start.parent for thread, start in self._waiting.items()}
        found = set(thread_ids)
        while more := {t for t, parent in awaited.items() if below and parent in found} - found:
            found |= more
        gone = [thread for thread in awaited if thread in found]
        for thread in gone:
            self._waiting.pop(thread, None)
            if thread in self._due:
                _settle(self._due[thread], False)
                self._dropped.add(thread)
        return gone

    def wake_children(self, thread_id: str) -> None:
        """Resume who waits for this session, as it is up now."""
        for start in [s for s in self._waiting.values() if s.parent == thread_id]:
            del self._waiting[start.thread_id]
            task = asyncio.ensure_future(self._bring_back(start, parent_is_up=True))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def forget(self, thread_id: str) -> None:
        """Have a session wait no longer: it was started, or stopped, by hand."""
        self._waiting.pop(thread_id, None)

    def forget_all(self) -> None:
        """Have nobody wait any longer."""
        self._waiting.clear()

    async def close(self) -> None:
        """Bring nothing back any more."""
        self.forget_all()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _bring_back(
        self, start: SessionStartParams, *, parent_is_up: bool, whole: bool = True
    ) -> bool:
        try:
            if parent_is_up and whole:
                async with self._gate:
                    return await self._patiently(start)
            if start.thread_id in self._dropped:
                return False
            if not whole:
                self._decline(start, WITHOUT_SECRETS)
                return False
            self._waiting[start.thread_id] = start
            self._decline(start, f"waits for its parent {start.parent}, which was not resumed")
        except Exception as error:  # noqa: BLE001 - one session's defect must not reach another
            self._give_up(start, error)
        return False

    async def _patiently(self, start: SessionStartParams) -> bool:
        """Resume; again after a while where nothing was wrong with the session itself."""
        for pause_s in (*LACK_PAUSES_S, None):
            if start.thread_id in self._dropped:
                break
            try:
                return await self._resume(start)
            except Overloaded as error:
                if pause_s is None:
                    raise
                waits = {"thread": start.thread_id, "error": error.message}
                self._log.warning("session.resume-waits", pauseMs=int(pause_s * 1000), **waits)
                await asyncio.sleep(pause_s)
        return False

    def _give_up(self, start: SessionStartParams, error: Exception) -> None:
        """Say why a session does not come back; whatever that needs must not reach another."""
        if isinstance(error, SidecarError):
            why = error.message
            self._log.warning("session.resume-failed", thread=start.thread_id, error=why)
        else:
            why = f"a defect of the sidecar: {type(error).__name__}"
            self._log.exception("session.resume-defect", error, thread=start.thread_id)
        try:
            self._decline(start, f"was not resumed: {why}")
        except Exception as another:  # noqa: BLE001 - the same
            self._log.exception("session.resume-defect", another, thread=start.thread_id)


def _settle(due: asyncio.Future[bool], came: bool) -> None:
    if not due.done():
        due.set_result(came)


def comes_back(record: SessionRecord) -> bool:
    """Tell whether a session is one to come back, by its policy."""
    start = record.start
    policy = start.restart.policy if start.restart else "transient"
    return policy in ("permanent", "transient")
