"""What rows share: sessions on a stage, siblings that stream, a judge that counts from outside.

Owns no scenario. Imports nothing of sidecar/.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tests.scorecard.model import (
    Arena,
    Fact,
    Outcome,
    RowOverError,
    SessionPlan,
    SystemFailedError,
)
from tests.scorecard.observe import processes, writes
from tests.scorecard.observe.writes import Balance

AGENT = Path(__file__).resolve().parents[1] / "agent" / "agent.py"

PROMISED_END_S = 3.0
"""Any end of a system to the death of everything below it (ARCHITECTURE, Stopping everything)."""

END_S = 3 * PROMISED_END_S
"""How long the observer waits for it: machines that run tests are busy."""

HASTY_END_S = 4.0
"""How long it waits where a sabotage keeps them alive for ever."""

TURN_S = 40.0
READY_S = 30.0
QUICK_TURN_S = 20.0
QUICK_READY_S = 12.0
"""Waits for the end of a turn, and until a session is up again: generous, as machines are busy."""

BY_HAND_S = 6.0
"""What a person who helps waits before they think that the whole system is wedged."""

OPENERS = 8
"""Sessions that are opened at a time."""


@dataclass(slots=True)
class Judge:
    """Collects what is wrong; an outcome is green when nothing is."""

    hasty: bool = False
    reasons: list[str] = field(default_factory=list)

    def must(self, holds: bool, reason: str) -> None:
        """Note a demand of the row that is not met."""
        if not holds and reason not in self.reasons:
            self.reasons.append(reason)
            if self.hasty:
                raise RowOverError(reason)


class Stage:
    """The sessions of one run of a row, by thread."""

    def __init__(self, arena: Arena) -> None:
        self.arena = arena
        self.system = arena.system
        self.judge = Judge(arena.hasty)
        self.turn_s = QUICK_TURN_S if arena.quick else TURN_S
        self.ready_s = QUICK_READY_S if arena.quick else READY_S
        self.end_s = HASTY_END_S if arena.hasty else END_S
        self.plans: dict[str, SessionPlan] = {}
        self.siblings: dict[str, int] = {}
        """Thread → the pid of its agent: it must be the same at the end."""
        self.strangers: set[str] = set()
        """Sessions that the failure was none of, beyond the siblings that stream."""
        self.cut_at_ns: dict[str, list[int]] = {}
        """Thread → when its carrier was killed: what was in flight then is no loss."""

    @property
    def ours(self) -> bool:
        """Whether it is ours that is judged: some demands are of ours alone."""
        return self.system.name == "sidecar"

    # Sessions

    def log(self, thread: str) -> Path:
        """Return a session's write log."""
        return self.arena.folder / f"{thread}.log"

    def plan(self, thread: str, *, deaf: bool = False, **more: Any) -> SessionPlan:
        """Return a session with the agent; `more` are fields of SessionPlan."""
        agent = [sys.executable, "-I", "-S", str(AGENT)]
        agent += ["--sentinel", self.arena.sentinel, "--thread", thread]
        agent += ["--log", str(self.log(thread)), "--store", str(self.arena.folder / "store")]
        agent += ["--census", *(["--deaf"] if deaf else [])]
        self.plans[thread] = SessionPlan(thread, agent, **more)
        return self.plans[thread]

    async def open(self, thread: str, **more: Any) -> None:
        """Start a session."""
        await self.system.open(self.plan(thread, **more))

    async def open_all(self, threads: Sequence[str], **more: Any) -> None:
        """Start sessions, a few at a time."""
        gate = asyncio.Semaphore(OPENERS)

        async def one(thread: str) -> None:
            async with gate:
                await self.open(thread, **more)

        await asyncio.gather(*(one(thread) for thread in threads))

    def gate(self, name: str) -> Path:
        """Return a file at which agents wait: no other thing opens it than `touch`."""
        return self.arena.folder / f"{name}.gate"

    async def stream_siblings(self, count: int, pieces: int, every_ms: int, then: str = "") -> None:
        """Start siblings that stream for `pieces` times `every_ms`; wait until each has begun."""
        names = [f"sibling-{number}" for number in range(1, count + 1)]
        await self.open_all(names)
        self.siblings = {name: self.agent_pid(name) for name in names}
        await asyncio.gather(
            *(self.system.send(name, f"say {pieces} {every_ms}; {then}") for name in names)
        )
        for name in names:
            await self.heard(name, 3)

    def living(self, thread: str | None = None) -> list[processes.Seen]:
        """Return the agents and all that they have started, of all sessions or of one."""
        logs = [self.log(name) for name in self.plans if thread in (None, name)]
        return [*processes.agents(self.arena.sentinel, thread), *processes.noted(logs)]

    def agent_pid(self, thread: str) -> int:
        """Return the pid of a session's agent. Raises SystemFailedError without one."""
        for seen in processes.agents(self.arena.sentinel, thread):
            if seen.speaks:
                return seen.pid
        raise SystemFailedError(f"{thread} has no agent")

    def host_pid(self, thread: str) -> int | None:
        """Return the process whose child the agent is; None where that is the main process."""
        parent = processes.parent_of(self.agent_pid(thread))
        return None if parent == self.system.main_pid else parent

    # What the consumer got

    def facts(self, thread: str, *kinds: str, since_ns: int = 0) -> list[Fact]:
        """Return the facts of a session, of some kinds, since a moment."""
        return [
            fact
            for fact in self.system.facts
            if fact.thread == thread and fact.kind in kinds and fact.at_ns >= since_ns
        ]

    def got(self, thread: str, since_ns: int = 0) -> int:
        """Count a session's receipts."""
        return sum(r.thread == thread and r.at_ns >= since_ns for r in self.system.receipts)

    async def heard(self, thread: str, count: int, since_ns: int = 0) -> None:
        """Wait until the consumer has got `count` pieces of a session."""
        what = f"{count} pieces of {thread}"
        await self.system.wait(lambda: self.got(thread, since_ns) >= count, what, self.turn_s)

    async def told(
        self, thread: str, *kinds: str, since_ns: int = 0, timeout_s: float | None = None
    ) -> Fact:
        """Wait for the first fact of some kinds since a moment."""
        what = f"{' or '.join(kinds)} of {thread}"
        await self.system.wait(
            lambda: bool(self.facts(thread, *kinds, since_ns=since_ns)),
            what,
            timeout_s or self.turn_s,
        )
        return self.facts(thread, *kinds, since_ns=since_ns)[0]

    async def turn(self, thread: str, text: str) -> None:
        """Have one turn from its begin to its end."""
        since_ns = time.monotonic_ns()
        await self.system.send(thread, text)
        await self.told(thread, "turn-ended", since_ns=since_ns)

    async def poison(self, thread: str, kind: str, first: str = "") -> int:
        """Have a session's own code fail once all that was said before has come; when it did, ns.

        What broken code holds in its own hands, read and not handed on, is in flight.
        """
        gate, since_ns = self.gate(thread), time.monotonic_ns()
        await self.system.send(thread, f"{first}; say 20 5; gate {gate}; poison {kind}")
        await self.heard(thread, 20, since_ns)
        failed_ns = time.monotonic_ns()
        gate.touch()
        return failed_ns

    def mentions(self, thread: str, word: str, since_ns: int) -> bool:
        """Tell whether a session's facts since a moment have a detail of that kind."""
        for fact in self.system.facts:
            if fact.thread == thread and fact.at_ns >= since_ns:
                detail = fact.detail.get("payload", {}).get("detail")
                kinds = [detail, detail.get("cause")] if isinstance(detail, dict) else []
                if any(isinstance(part, dict) and part.get("kind") == word for part in kinds):
                    return True
        return False

    # After a failure

    def resumed(self, thread: str, since_ns: int) -> bool:
        """Tell whether the session is up again by itself: ready, behind an exit."""
        exits = self.facts(thread, "exited", since_ns=since_ns)
        return bool(exits) and bool(self.facts(thread, "ready", since_ns=exits[-1].at_ns))

    async def recover(self, thread: str, since_ns: int, within_s: float | None = None) -> float:
        """Wait until the session says its next new word; return the ms since its failure.

        Both have the same time for it. Who does not come back by itself is helped by hand, as a
        user would.
        """
        with suppress(SystemFailedError):
            await self.system.wait(
                lambda: self.resumed(thread, since_ns) or self.main_is_dead(),
                f"{thread} to be resumed",
                within_s or self.ready_s,
            )
        if not self.resumed(thread, since_ns):
            self.judge.must(False, f"{thread} was not resumed by itself")
            await self.by_hand(thread)
        return await self.speaks_again(thread, since_ns)

    def main_is_dead(self) -> bool:
        """Tell whether the process that all sessions hang on is gone."""
        return not processes.is_running(self.system.main_pid)

    async def speaks_again(self, thread: str, since_ns: int) -> float:
        """Have a turn whose text proves that the conversation goes on; ms since the failure."""
        spoken_ns = time.monotonic_ns()
        await self.turn(thread, "recall; say 5 5")
        receipts = self.system.receipts
        first = next(r.at_ns for r in receipts if r.thread == thread and r.at_ns >= spoken_ns)
        memory = self.facts(thread, "recall", since_ns=spoken_ns)
        remembers = bool(memory) and int(memory[-1].text) > 1
        self.judge.must(remembers, f"{thread} came back without its conversation")
        return (first - since_ns) / 1e6

    async def by_hand(self, thread: str) -> None:
        """Bring a session back as a person would: start it again, and the system if need be."""
        if self.main_is_dead():
            await self.start_again()
        try:
            await self._open_anew(thread)
        except (TimeoutError, SystemFailedError):
            os.kill(self.system.main_pid, 9)  # it is wedged
            await self.start_again()
            await self._open_anew(thread)

    async def _open_anew(self, thread: str) -> None:
        async with asyncio.timeout(BY_HAND_S):
            with suppress(SystemFailedError):
                await self.system.close(thread)
            await self.system.open(self.plans[thread])

    async def start_again(self) -> None:
        """Start the system again after its death."""
        await self.system.died()
        await self.system.start()

    # The account

    def balance(self, thread: str) -> Balance:
        """Compare a session's write log with its receipts."""
        receipts = [r for r in self.system.receipts if r.thread == thread]
        written = writes.read(self.log(thread))
        for cut_ns in self.cut_at_ns.get(thread, ()):
            written = writes.without_in_flight(written, cut_ns)
        return writes.compare(written, receipts)

    async def siblings_end(self) -> None:
        """Wait until every sibling's turn has ended, or the sibling itself."""
        with suppress(SystemFailedError):
            for thread, pid in self.siblings.items():
                await self.system.wait(
                    partial(self._over, thread, pid), f"the end of {thread}'s turn", self.turn_s
                )

    def _over(self, thread: str, pid: int) -> bool:
        return bool(self.facts(thread, "turn-ended")) or not processes.is_running(pid)

    def affected(self) -> list[str]:
        """Return the siblings to which anything happened."""
        return [
            *(name for name, pid in self.siblings.items() if not self._untouched(name, pid)),
            *(name for name in self.strangers if not self._whole(name)),
        ]

    def affected_now(self) -> list[str]:
        """Return the siblings that have fallen so far; what streams on may still be whole."""
        return [
            name
            for name, pid in self.siblings.items()
            if not processes.is_running(pid) or self.facts(name, "exited")
        ]

    def _untouched(self, thread: str, pid: int) -> bool:
        ends = self.facts(thread, "turn-ended")
        pids = {int(id_.split(":")[1]) for id_ in writes.read(self.log(thread)).begun}
        same = pids == {pid} and processes.is_running(pid)
        return same and [end.text for end in ends] == ["completed"] and self._whole(thread)

    def _whole(self, thread: str) -> bool:
        balance = self.balance(thread)
        return not (balance.lost or balance.doubled or balance.strange or balance.disordered)

    def own_pss(self) -> int:
        """Return the memory of the system's own processes."""
        return processes.pss_bytes(seen.pid for seen in self.own())

    def own(self) -> list[processes.Seen]:
        """Return the system's own processes."""
        return processes.own(self.arena.sentinel, self.arena.sentinel)

    def everything(self) -> list[processes.Seen]:
        """Return all that the system has started, itself included."""
        return [*self.living(), *self.own()]

    def delays_ms(self, threads: Iterable[str], since_ns: int, until_ns: int) -> list[float]:
        """Return the delays of what some sessions began to say in a stretch of time."""
        begun: dict[str, int] = {}
        for thread in threads:
            begun |= writes.read(self.log(thread)).begun
        found = ((begun.get(r.id, -1), r.at_ns) for r in self.system.receipts)
        return [(at_ns - ns) / 1e6 for ns, at_ns in found if since_ns <= ns < until_ns]

    def sibling_p99(self, since_ns: int, until_ns: int) -> float | None:
        """Return the 99th percentile of the siblings' delays in a stretch of time, in ms."""
        p99 = writes.percentile(self.delays_ms(self.siblings, since_ns, until_ns), 0.99)
        return None if p99 is None else round(p99, 2)

    async def finish(self, what_happened: str, **figures: Any) -> Outcome:
        """Count everything, stop the system, count what is left. `figures` are Outcome's."""
        await self.siblings_end()
        affected = self.affected()
        balances = [self.balance(thread) for thread in self.plans]
        self.judge.must(not affected, f"siblings affected: {', '.join(affected)}")
        self._judge_balances(balances)
        self._judge_census()
        try:
            await self.system.stop()
        except (SystemFailedError, TimeoutError) as error:
            self.judge.must(False, f"it did not stop in order: {error}")
        left = await processes.until_none(self.everything, self.end_s)
        self.judge.must(not left, f"processes left: {left[:5]}")
        for breach in self.system.figures().get("broken", []):
            self.judge.must(False, f"the consumer saw {breach}")
        return Outcome(
            what_happened,
            siblings=len(self.siblings) + len(self.strangers),
            siblings_affected=len(affected),
            events_lost=sum(len(balance.lost) for balance in balances),
            events_doubled=sum(len(balance.doubled) for balance in balances),
            processes_left=figures.pop("processes_left", 0) + len(left),
            verdict="red" if self.judge.reasons else "green",
            reasons=self.judge.reasons,
            **figures,
        )

    def _judge_balances(self, balances: Sequence[Balance]) -> None:
        lost = [id_ for balance in balances for id_ in balance.lost]
        doubled = [id_ for balance in balances for id_ in balance.doubled]
        strange = [id_ for balance in balances for id_ in balance.strange]
        self.judge.must(not lost, f"{len(lost)} events lost, {lost[:1]} first")
        self.judge.must(not doubled, f"{len(doubled)} events doubled, {doubled[:1]} first")
        self.judge.must(not strange, f"{len(strange)} events that nobody wrote: {strange[:1]}")
        disordered = sum(balance.disordered for balance in balances)
        self.judge.must(not disordered, f"{disordered} events out of order")

    def _judge_census(self) -> None:
        """No agent may have begun while another of its conversation was alive."""
        for thread in self.plans:
            others = [count for count in writes.censuses(self.log(thread)) if count]
            self.judge.must(not others, f"{thread} began beside {others} of its old processes")


async def settled(look: Callable[[], int], most: int, deadline_s: float) -> int:
    """Wait until `look()` is at most `most`; return it then, or what it is at the deadline."""
    end = time.monotonic() + deadline_s
    while (value := look()) > most and time.monotonic() < end:
        await asyncio.sleep(processes.LOOK_EVERY_S)
    return value
