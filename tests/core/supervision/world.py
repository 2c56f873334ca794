"""A world of pretended sessions that carries a Forest's commands out and watches it.

It knows what runs, tells the forest and the model of OTP the same, and asserts at every command
that OTP's order allows it, and at every exit that both decide alike.
"""

from dataclasses import dataclass, field

from sidecar.core.supervision import (
    ChildSpec,
    Down,
    End,
    Forest,
    GiveUp,
    Open,
    Restart,
    State,
    Stop,
    Suspend,
    Suspended,
    stop_order,
)
from sidecar.core.supervision.forest import Command
from tests.core.supervision.otp_model import Child, Fate, Otp

STEPS_MOST = 1_000
"""Steps to rest: far more than the largest forest of the tests needs."""


def as_child(spec: ChildSpec) -> Child:
    return Child(
        spec.id,
        spec.parent,
        spec.policy,
        spec.significant,
        spec.max_restarts,
        spec.max_seconds,
        spec.strategy,
    )


@dataclass
class World:
    """What there is of sessions. `alive` maps those that run to whether they are ready."""

    forest: Forest = field(default_factory=Forest)
    otp: Otp = field(default_factory=Otp)
    now_s: float = 1000.0
    alive: dict[str, bool] = field(default_factory=dict)
    closing: list[str] = field(default_factory=list)
    """Told to close or to give up their start, and not down yet."""
    due_s: dict[str, float] = field(default_factory=dict)
    group_due_s: dict[int, float] = field(default_factory=dict)
    streak: dict[str, int] = field(default_factory=dict)
    log: list[Command] = field(default_factory=list)

    def start(self, spec: ChildSpec) -> None:
        self.due_s.pop(spec.id, None)
        self.streak[spec.id] = 0
        self.otp.start(as_child(spec))
        self.forest.asked(spec)
        self._carry_out()

    def start_all(self, *specs: ChildSpec) -> None:
        """Start some and have all of them ready; what they were told is forgotten."""
        for spec in specs:
            self.start(spec)
            self.ready(spec.id)
        self.log.clear()

    def ready(self, id_: str) -> None:
        self.alive[id_] = True
        self.otp.is_complete(id_)
        self.forest.ready(id_)
        self._carry_out()

    def end(
        self,
        id_: str,
        kind: str = "graceful",
        *,
        lived_s: float = 1.0,
        recoverable: bool = True,
        random: float = 0.0,
    ) -> Fate:
        """A session ends, by itself or as it was told to."""
        self.alive.pop(id_, None)
        if id_ in self.closing:
            self.closing.remove(id_)
        graceful = kind == "graceful"
        fate = self.otp.fall(id_, normal=graceful, recoverable=recoverable, now=self.now_s)
        decision = self.forest.ended(
            id_,
            End("graceful" if graceful else "error", lived_s, self.now_s, random, recoverable),
        )
        match decision:
            case Restart(delay_s, count):
                assert fate == "restarted"
                self._check_backoff(id_, delay_s, lived_s)
                restarts = self.otp.children[id_].restarts
                period = self.otp.children[id_].period
                assert count == len([t for t in restarts if self.now_s - t <= period])
            case GiveUp():
                assert fate == "gave up"
            case Suspended():
                assert fate == "expected"
                assert self.otp.children[id_].status == "coming"
            case Down():
                assert fate in ("ended", "expected")
                assert id_ not in self.otp.children
        self._carry_out()
        return fate

    def user_stops(self, id_: str, *, cascade: bool = True) -> None:
        """Somebody stops a session, with all below it or alone; they close one after the other."""
        parents = {c.id: c.supervisor for c in self.otp.children.values()}
        members = stop_order(parents, id_) if cascade else [id_]
        for member in members:
            self.otp.terminate(member)
            if member not in self.closing:
                self.closing.append(member)
        self.forest.stop_asked(*members)
        self._carry_out()

    def pass_time(self, seconds: float) -> None:
        self.now_s += seconds
        self.forest.tick(self.now_s)
        self._carry_out()

    def rest(self) -> None:
        """Let all that is under way come to its end; nothing may be left that waits."""
        for _ in range(STEPS_MOST):
            starting = [
                id_ for id_ in self.alive if not self.alive[id_] and id_ not in self.closing
            ]
            if self.closing:
                self.end(self.closing[0])
            elif starting:
                self.ready(starting[0])
            elif (due_s := self.forest.next_due_s()) is not None:
                self.pass_time(max(due_s - self.now_s, 0.0))
            else:
                break
        else:
            raise AssertionError("it does not come to rest")
        statuses = {child.id: child.status for child in self.otp.children.values()}
        assert statuses == dict.fromkeys(self.alive, "up"), "who is up, and who is down for good"

    def check(self) -> None:
        """Compare what both know of each session."""
        for child in self.otp.children.values():
            state = self.forest.state(child.id)
            assert (state is State.CLOSING) is (child.id in self.closing)
            if child.id not in self.closing:
                wanted = {None: State.WAITING, False: State.STARTING, True: State.UP}
                assert state is wanted[self.alive.get(child.id)]
        assert set(self.alive) <= set(self.otp.children)
        due_s = self.forest.next_due_s()
        assert due_s is None or due_s > self.now_s

    def _carry_out(self) -> None:
        for command in self.forest.take():
            self.log.append(command)
            match command:
                case Open(id_):
                    self._check_open(id_)
                    self.alive[id_] = False
                    self.otp.came_up(id_)
                case Suspend(id_):
                    assert self.otp.children[id_].status == "coming"
                    assert id_ in self.alive
                    self._check_close(id_)
                    self.closing.append(id_)
                case Stop(id_):
                    assert self.otp.children[id_].status == "going"
                    self._check_close(id_)
                    self.closing.append(id_)
        self.check()

    def _check_open(self, id_: str) -> None:
        child = self.otp.children[id_]
        assert child.status == "coming"
        assert id_ not in self.alive
        assert self.due_s.get(id_, 0.0) <= self.now_s, "before its backoff was over"
        supervisor = self.otp.children.get(child.supervisor or "")
        if supervisor is not None:
            assert supervisor.status == "up", "below a parent that goes down"
            assert self.alive.get(supervisor.id), "before its parent was up"
        if child.group:
            assert self.group_due_s.get(child.group, 0.0) <= self.now_s, "before the backoff"
            peers = [c for c in self.otp.children.values() if c.group == child.group]
            down = [c for c in peers if c.status != "up"]
            assert not [c for c in down if c.id in self.alive], "before its group was down"
            siblings = [c.id for c in peers if c.supervisor == child.supervisor]
            assert siblings[0] == id_, "before its predecessor"

    def _check_close(self, id_: str) -> None:
        child = self.otp.children[id_]
        assert id_ not in self.closing
        below = [c.id for c in self.otp.below(child)][1:]
        assert not [c for c in below if c in self.alive], "before its children"
        for other in self.otp.children.values():
            together = other.group == child.group and other.status != "up" and other is not child
            if together and other.id in self.alive:
                assert other.id not in self.closing, "one at a time"
                assert not self.otp.terminated_before(other.id, id_), "out of order"

    def _check_backoff(self, id_: str, delay_s: float, lived_s: float) -> None:
        if lived_s >= 10:
            self.streak[id_] = 0
        least_s = min(30.0, 0.5 * 2 ** self.streak[id_])
        assert least_s <= delay_s <= least_s * 1.1
        self.streak[id_] += 1
        self.due_s[id_] = self.now_s + delay_s
        self.group_due_s[self.otp.children[id_].group] = self.now_s + delay_s
