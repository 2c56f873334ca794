"""Parks sessions in which nothing has happened for long enough: their next turn resumes them."""

import time

from sidecar.core.fold import Fold, SessionFold
from sidecar.core.watch.idle import Idle, Signs, Tree
from sidecar.observe.log import Log
from sidecar.supervisor.session import Session
from sidecar.supervisor.supervisor import Supervisor
from sidecar.supervisor.vitals import Vitals
from sidecar.supervisor.watch.ticker import TICK_MOST_S, Ticker
from sidecar.supervisor.watch.trees import look_at_trees

LOOKS_PER_LIMIT = 10

PARKED_MAX = 1_000
"""Sessions that may be parked: as many as may run. The fold keeps twice that, as so many may be on
their way when this is met; beyond it nobody is parked, so that none has to be forgotten."""

LIVE_TASKS = ("pending", "running", "waiting")
"""Status of a task that is work; others lie there until somebody wants something of them."""


class IdleSessions:
    """The watchdog over sessions that nobody uses."""

    name = "idle"

    def __init__(self, fold: Fold, supervisor: Supervisor, default_ms: int, log: Log) -> None:
        self._fold = fold
        self._supervisor = supervisor
        self._default_ms = default_ms
        self._log = log
        self._idles: dict[Vitals, Idle] = {}
        self._pause_s = TICK_MOST_S

    async def run(self) -> None:
        """Look at every session, and look again."""
        ticker = Ticker(self.name, self._log)
        while True:
            if not await ticker.wait(self._pause_s):
                self._idles.clear()
            await self.look()

    async def look(self) -> None:
        """Find those that nobody uses; look at their processes; park them."""
        before, self._idles = self._idles, {}
        self._pause_s = TICK_MOST_S
        sessions = self._live_ones()
        if not any(self._idle_s(session) for session in sessions.values()):
            return
        signs = _with_children(sessions, {t: self._signs(s) for t, s in sessions.items()})
        quiet = [s for t, s in sessions.items() if self._is_quiet(s, signs[t], before)]
        trees = await look_at_trees(quiet)
        for session in reversed(quiet):  # children were started after their parents
            vitals = session.vitals
            if vitals in trees:
                self._judge(session, self._idles[vitals], trees[vitals])

    def _live_ones(self) -> dict[str, Session]:
        found: dict[str, Session] = {}

        def visit(session: Session) -> None:
            if session.vitals is not None and session.lodging is not None:
                found[session.thread_id] = session

        self._supervisor.each(visit)
        return found

    def _signs(self, session: Session) -> Signs:
        vitals = session.vitals
        folded = self._fold.session(session.thread_id)
        if vitals is None or folded is None:
            return Signs(busy=True, active_s=0.0)
        return Signs(bool(vitals.calls) or _under_way(folded), vitals.active_s)

    def _is_quiet(self, session: Session, signs: Signs, before: dict[Vitals, Idle]) -> bool:
        """Whether its processes must be looked at now."""
        vitals, idle_s = session.vitals, self._idle_s(session)
        if vitals is None or not idle_s or self._would_forget(session, vitals):
            return False
        self._pause_s = min(self._pause_s, idle_s / LOOKS_PER_LIMIT)
        now_s = time.monotonic()
        idle = self._idles[vitals] = before.get(vitals) or Idle(now_s)
        return idle.wants_sample(now_s, signs, idle_s)

    def _would_forget(self, session: Session, vitals: Vitals) -> bool:
        """Tell whether it has had a turn that no resume would know of."""
        folded = self._fold.session(session.thread_id)
        return vitals.had_turn and (folded is None or folded.resume_cursor is None)

    def _idle_s(self, session: Session) -> float:
        start = session.start_params
        own = start.limits.idle_ms if start and start.limits else None
        return (self._default_ms if own is None else own) / 1000

    def _judge(self, session: Session, idle: Idle, tree: Tree) -> None:
        """Park it if its processes show nothing, and nothing came while they were looked at."""
        idle_s, now_s = self._idle_s(session), time.monotonic()
        if not idle.wants_sample(now_s, self._signs(session), idle_s):
            return
        silent_s = idle.weigh(now_s, tree, idle_s)
        if silent_s is not None:
            self._park(session, idle, now_s, silent_s)
        elif idle.kept_by:
            self._log.debug("session.not-idle", thread=session.thread_id, keptBy=idle.kept_by)

    def _park(self, session: Session, idle: Idle, now_s: float, silent_s: float) -> None:
        idle_ms = round(silent_s * 1000)
        said = f"nothing has happened for {silent_s:.0f} s" if silent_s >= 1 else "it is idle"
        room = self._fold.parked < PARKED_MAX
        if room and session.park(said, {"kind": "parked", "idleMs": idle_ms}):
            self._log.info("session.parked", thread=session.thread_id, idleMs=idle_ms)
        else:
            idle.start_anew(now_s)


def _under_way(session: SessionFold) -> bool:
    live = [task for task in session.tasks.values() if task.get("status") in LIVE_TASKS]
    return bool(session.turn or session.requests or live or session.open_items())


def _with_children(sessions: dict[str, Session], signs: dict[str, Signs]) -> dict[str, Signs]:
    """Give each parent the signs of its children: these were started after it."""
    merged = dict(signs)
    for thread_id in reversed(sessions):
        parent = sessions[thread_id].parent
        if parent is not None and parent in merged:
            own, above = merged[thread_id], merged[parent]
            merged[parent] = Signs(own.busy or above.busy, max(own.active_s, above.active_s))
    return merged
