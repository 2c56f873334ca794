"""Tells of turns that make no progress, and ends those whose session has a limit for that."""

import time

from sidecar.core.fold import Fold
from sidecar.core.watch.stall import Stall, StallAct, StallLimits, stall_limits
from sidecar.observe.log import Log
from sidecar.supervisor.session import Session
from sidecar.supervisor.supervisor import Supervisor
from sidecar.supervisor.vitals import Vitals
from sidecar.supervisor.watch.ticker import TICK_MOST_S, Ticker

LOOKS_PER_LIMIT = 10


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
            watched = await ticker.wait(self._pause_s)
            self.look(time.monotonic(), watched=watched)

    def look(self, now_s: float, *, watched: bool = True) -> None:
        """Judge every running turn; count anew after an unwatched time."""
        before, self._stalls = self._stalls, {}
        self._pause_s = TICK_MOST_S
        if not watched:
            before = {}
        self._supervisor.each(lambda session: self._look_at(session, before, now_s))

    def _look_at(self, session: Session, before: dict[Vitals, Stall], now_s: float) -> None:
        vitals = session.vitals
        if vitals is None:
            return
        stall = self._stalls[vitals] = before.get(vitals) or Stall(now_s)
        limits = self._limits(session)
        self._note_pause(limits)
        may_stall, turn_id = self._turn(session)
        act = stall.look(now_s, vitals.progress_s, limits, may_stall=may_stall)
        if act is not None:
            self._act(session, turn_id, act, limits)

    def _limits(self, session: Session) -> StallLimits:
        start = session.start_params
        own = start.limits.stall_ms if start and start.limits else None
        return stall_limits(own, self._default_ms)

    def _note_pause(self, limits: StallLimits) -> None:
        first_s = limits.tell_s or limits.end_s
        if first_s is not None:
            self._pause_s = min(self._pause_s, first_s / LOOKS_PER_LIMIT)

    def _turn(self, session: Session) -> tuple[bool, str | None]:
        """Return whether a turn runs that waits for nobody, and its id."""
        folded = self._fold.session(session.thread_id)
        if folded is None or folded.turn is None:
            return False, None
        return not folded.requests, folded.turn.turn_id

    def _act(
        self, session: Session, turn_id: str | None, act: StallAct, limits: StallLimits
    ) -> None:
        silent_ms = round(act.silent_s * 1000)
        detail = {"kind": "stalled", "silentMs": silent_ms}
        if limits.end_s is not None:
            detail["limitMs"] = round(limits.end_s * 1000)
        said = f"{act.silent_s:.0f} s" if act.silent_s >= 1 else f"{silent_ms} ms"
        if act.end:
            session.fail(f"its turn has made no progress for {said}", detail)
            return
        self._log.warning("turn.stalled", thread=session.thread_id, turn=turn_id, **detail)
        session.tell(f"The turn has made no progress for {said}", detail)
