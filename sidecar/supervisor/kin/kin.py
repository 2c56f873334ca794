"""Relatives: gates that sessions wait at, and what one's end means for the others.

The shell of core/supervision: tells the machine what happened, keeps its clock, and hands what it
commands to the sessions. What falls, waits and stops with whom is decided there; how a session
does it, in session.py.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from sidecar.core.supervision import (
    ChildSpec,
    Command,
    Down,
    End,
    Forest,
    GiveUp,
    Open,
    Restart,
    Suspend,
    Suspended,
    stop_order,
)
from sidecar.observe.log import Log
from sidecar.supervisor.announcing import Again
from sidecar.supervisor.ends import GenerationEnd


class Relative(Protocol):
    """A session as its relatives see it. Neither method waits for what it begins."""

    def suspend(self, because: str) -> None:
        """End the generation by its shutdown, and come to the gate."""

    def stop_because(self, because: str) -> None:
        """Stop for good by its shutdown."""


@dataclass(slots=True)
class _Member:
    session: Relative
    spec: ChildSpec
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    began: bool = False
    """Whether its gate was ever open."""


class Kin:
    """All sessions that are not down, and their gates."""

    def __init__(self, clock: Callable[[], float], random: Callable[[], float], log: Log) -> None:
        self._clock = clock
        self._random = random
        self._log = log
        self._forest = Forest()
        self._members: dict[str, _Member] = {}
        self._backoffs: dict[str, tuple[int, float]] = {}
        """Restarts within the window, and the end of the backoff, of each that fell last."""
        self._timer: asyncio.TimerHandle | None = None

    def asked(self, session: Relative, spec: ChildSpec) -> None:
        """A session is to be started: its gate opens once its parent is up, if that is not down."""
        self._members[spec.id] = _Member(session, spec)
        self._forest.asked(spec)
        self._carry_out()

    def gate(self, thread_id: str) -> asyncio.Event:
        """Return the gate of a session that was asked for; set while it is open."""
        return self._members[thread_id].gate

    def ready(self, thread_id: str) -> None:
        """Its provider is ready."""
        self._forest.ready(thread_id)
        self._carry_out()

    def stop_asked(self, *thread_ids: str) -> None:
        """These are to go down by themselves: what ends now is no failure.

        Who stops a tree asks for all of it at once, or others would be opened or suspended in
        between. Nothing happens to one that is down.
        """
        self._forest.stop_asked(*thread_ids)
        self._carry_out()

    def stops(self, thread_id: str) -> bool:
        """Tell whether it is being stopped for good, or is to be: nothing starts below it."""
        return self._forest.stops(thread_id)

    def never_up(self, thread_id: str) -> None:
        """Its first start has failed, which its starter is told: what ends now is no failure.

        Who waits below it, and was never up either, is stopped: there is nothing to be below of.
        """
        *below, _ = stop_order(self._never_up_below(thread_id), thread_id)
        self.stop_asked(thread_id, *below)
        for id_ in below:
            member = self._members[id_]
            member.session.stop_because(member.spec.parent or thread_id)

    def ended(
        self, thread_id: str, end: GenerationEnd, lived_s: float
    ) -> Again | dict[str, Any] | None:
        """Its generation has ended: say whether another one follows, or the detail of its end.

        The caller tells the exit at once, before it waits for anything: what its relatives do about
        it must come behind.
        """
        now_s = self._clock()
        member = self._members[thread_id]
        member.gate.clear()
        facts = End(end.kind, lived_s, now_s, self._random(), end.recoverable)
        decision = self._forest.ended(thread_id, facts)
        if isinstance(decision, Down | GiveUp):
            del self._members[thread_id]
            self._backoffs.pop(thread_id, None)
        self._carry_out()
        match decision:
            case Restart():
                self._backoffs[thread_id] = (decision.count, now_s + decision.delay_s)
                return Again(decision.count, decision.delay_s)
            case Suspended():
                count, until_s = self._backoffs.get(decision.because, (0, now_s))
                return Again(count, max(until_s - now_s, 0.0), decision.because)
            case GiveUp():
                return _gave_up(decision, end.detail)
            case Down():
                return None if decision.because is None else _stopped(decision.because, end.detail)

    def forget(self, thread_id: str) -> None:
        """It is gone without an end of its own: a defect of ours."""
        if self._members.pop(thread_id, None) is not None:
            self._backoffs.pop(thread_id, None)
            self._forest.stop_asked(thread_id)
            self._forest.ended(thread_id, End("error", 0.0, self._clock(), 0.0))
            self._carry_out()

    def has_children(self, thread_id: str) -> bool:
        """Tell whether a session below it is not down."""
        return bool(self._forest.children(thread_id))

    def close(self) -> None:
        """Open no gate by time any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _never_up_below(self, thread_id: str) -> dict[str, str | None]:
        """Return who is below a session and was never up, in order of start, with its parent."""
        parents: dict[str, str | None] = {}
        above = [thread_id]
        while above:
            parent = above.pop()
            waiting = [c for c in self._forest.children(parent) if not self._members[c].began]
            parents |= dict.fromkeys(waiting, parent)
            above += waiting
        return parents

    def _carry_out(self) -> None:
        for command in self._forest.take():
            self._log.debug("kin.command", command=repr(command))
            self._carry_out_one(command)
        self.close()
        due_s = self._forest.next_due_s()
        if due_s is not None:
            delay_s = max(due_s - self._clock(), 0.0)
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._tick)

    def _carry_out_one(self, command: Command) -> None:
        member = self._members[command.id]
        if isinstance(command, Open):
            member.began = True
            member.gate.set()
        elif isinstance(command, Suspend):
            member.session.suspend(command.because)
        else:
            member.session.stop_because(command.because)

    def _tick(self) -> None:
        self._forest.tick(self._clock())
        self._carry_out()


def _stopped(because: str, figures: dict[str, Any] | None) -> dict[str, Any]:
    """Return the detail of one that was stopped; how its stop went, or what it died of, is kept."""
    own = {"kind": "stopped", "because": because}
    if figures is None or figures.get("kind") == "stopped":
        return {**(figures or {}), **own}
    return {**own, "cause": figures}


def _gave_up(decision: GiveUp, cause: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "kind": "gave-up",
        "count": decision.count,
        "maxRestarts": decision.max_restarts,
        "maxSeconds": decision.max_seconds,
        **({"cause": cause} if cause else {}),
    }
