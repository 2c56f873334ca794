"""Tells of turns that make no progress, and ends those whose session has a limit for that."""

import time
from typing import NamedTuple

from sidecar.core.fold import Fold
from sidecar.core.watch.idle import Tree
from sidecar.core.watch.stall import Stall, StallAct, StallLimits, stall_limits
from sidecar.observe.log import Log
from sidecar.supervisor.session import Session
from sidecar.supervisor.supervisor import Supervisor
from sidecar.supervisor.vitals import Vitals
from sidecar.supervisor.watch.ticker import TICK_MOST_S, Ticker
from sidecar.supervisor.watch.trees import look_at_trees

LOOKS_PER_LIMIT = 10


class Finding(NamedTuple):
    """A turn that has stalled."""

    session: Session
    vitals: Vitals
    stall: Stall
    limits: StallLimits
    act: StallAct


class Stalls:
    """The watchdog over all running turns."""

    name = "stall"

    def __init__(self, fold: Fold, supervisor: Supervisor, default_ms: int, log: Log) -> None:
        self._fold = fold
        self._supervisor = supervisor
        self._default_ms = default_ms
        self._log = log
        self._stalls: dict[Vitals, Stall] = {}
        self._pause_s = TICK_MOST_S

    async def run(self) -> None:
        """Look at every session, and look again."""
        ticker = Ticker(self.name, self._log)
        while True:
            if not await ticker.wait(self._pause_s):
                self._stalls.clear()
            await self.look(time.monotonic())

    async def look(self, now_s: float) -> None:
        """Judge every running turn: tell of it, or end it."""
        before, self._stalls = self._stalls, {}
        self._pause_s = TICK_MOST_S
        found: list[Finding] = []

        def visit(session: Session) -> None:
            if (finding := self._look_at(session, before, now_s)) is not None:
                found.append(finding)

        self._supervisor.each(visit)
        limited = [f.session for f in found if f.limits.end_s is not None]
        trees = await look_at_trees(limited)
        for finding in found:
            self._act(finding, trees.get(finding.vitals), now_s)

    def _look_at(
        self, session: Session, before: dict[Vitals, Stall], now_s: float
    ) -> Finding | None:
        vitals = session.vitals
        if vitals is None:
            return None
        stall = self._stalls[vitals] = before.get(vitals) or Stall(now_s)
        limits = self._limits(session)
        self._note_pause(limits)
        act = stall.look(now_s, vitals.progress_s, limits, may_stall=self._may_stall(session))
        return None if act is None else Finding(session, vitals, stall, limits, act)

    def _limits(self, session: Session) -> StallLimits:
        start = session.start_params
        own = start.limits.stall_ms if start and start.limits else None
        return stall_limits(own, self._default_ms)

    def _note_pause(self, limits: StallLimits) -> None:
        first_s = limits.tell_s or limits.end_s
        if first_s is not None:
            self._pause_s = min(self._pause_s, first_s / LOOKS_PER_LIMIT)

    def _may_stall(self, session: Session) -> bool:
        """Tell whether a turn runs that waits for nobody: neither a person nor its readers."""
        folded = self._fold.session(session.thread_id)
        if folded is None or folded.turn is None or session.held_back:
            return False
        return not folded.requests

    def _act(self, finding: Finding, tree: Tree | None, now_s: float) -> None:
        """Tell or end, unless something has happened since or its tools are at work."""
        session, vitals, stall, limits, act = finding
        if session.vitals is not vitals or vitals.progress_s > now_s:
            return
        works = tree is not None and stall.tools_work(now_s, tree.work_cpu_ms)
        if works or (act.end and not self._may_stall(session)):
            return
        silent_ms = round(act.silent_s * 1000)
        detail = {"kind": "stalled", "silentMs": silent_ms}
        if limits.end_s is not None:
            detail["limitMs"] = round(limits.end_s * 1000)
        said = f"{act.silent_s:.0f} s" if act.silent_s >= 1 else f"{silent_ms} ms"
        if act.end:
            session.fail(f"its turn has made no progress for {said}", detail)
            return
        self._log.warning("turn.stalled", thread=session.thread_id, **detail)
        session.tell(f"The turn has made no progress for {said}", detail)
