"""Restarts in trees: who is suspended, stopped and opened when a session ends, in which order.

Pure, and carried out by sidecar/supervisor: it tells what happened (`asked`, `ready`, `ended`,
`stop_asked`, `tick`) and carries out what `take` then gives. Only what one group has to do is in
an order, one command at a time; groups know nothing of each other.

    absent ── asked ──► WAITING ── Open ──► STARTING ── ready ──► UP
       ▲                   ▲                   │ ended             │ ended
       │                   └─── Restart ◄──────┴───────────────────┤
       │                   ▲                                       │ Suspend, Stop, stop_asked
       │                   └─── Suspended ◄── ended ── CLOSING ◄───┘
       └──────── Down, GiveUp ◄───────────────────┘

A session that is down is absent: nothing is remembered of it, and its children are on their own.
What an event costs is proportional to what it concerns: family.py has the counts.
"""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass

from sidecar.contract.vocabulary import ExitKind
from sidecar.core.lifecycle import IllegalTransition
from sidecar.core.supervision.family import Family, Mark, Node, Round, State
from sidecar.core.supervision.intensity import GiveUp, Restart, wants_restart
from sidecar.core.supervision.specs import ChildSpec


@dataclass(frozen=True, slots=True)
class Open:
    """Let a session that waits at its gate start its provider."""

    id: str


@dataclass(frozen=True, slots=True)
class Suspend:
    """Close the generation, by its shutdown, as session `because` fell; `ended` is to follow."""

    id: str
    because: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop a session for good as session `because` ended; `ended` is to follow."""

    id: str
    because: str


Command = Open | Suspend | Stop


@dataclass(frozen=True, slots=True)
class Suspended:
    """It waits at its gate until the group of session `because` may come back."""

    because: str


@dataclass(frozen=True, slots=True)
class Down:
    """It is down for good; `because` names the session whose end stopped it, if it was stopped."""

    because: str | None = None


Decision = Restart | GiveUp | Suspended | Down


@dataclass(frozen=True, slots=True)
class End:
    """How a generation ended. `random` in [0, 1) is the jitter of a restart."""

    kind: ExitKind
    lived_s: float
    now_s: float
    random: float
    recoverable: bool = True


class Forest:
    """All sessions that are not down, in order of start."""

    def __init__(self) -> None:
        self._family = Family()
        self._commands: list[Command] = []
        self._backoffs: list[tuple[float, int, Node | Round]] = []
        """A heap of whose time comes when; those that wait no longer are in it until then."""
        self._waits = 0

    def asked(self, spec: ChildSpec) -> None:
        """A session is to be started, or started again: its gate opens once its parent is up.

        Its past is forgotten. Not below itself or a parent that `stops`: refuse that before.
        """
        stops = spec.parent is not None and self.stops(spec.parent)
        if spec.id in self._family.nodes or stops or self._family.would_be_a_ring(spec):
            raise IllegalTransition(f"asked for {spec.id}, which is not down or may not start")
        node = self._family.add(spec)
        parent = self._family.parent(node)
        if parent is not None and parent.round and parent.state is not State.STARTING:
            self._gather([node], parent.round)  # children that ran without it fall with it
        self._step()

    def ready(self, id_: str) -> None:
        """Its provider is ready. One that is being closed already stays so."""
        node = self._node(id_)
        if node.state is State.STARTING:
            self._family.move(node, State.UP)
            if node.mark is None:
                self._family.put_in(node, None)
                self._family.look_at(self._family.children(id_))
            self._step()
        elif node.state is not State.CLOSING:
            raise IllegalTransition(f"ready of {id_}, which is {node.state.name}")

    def ended(self, id_: str, end: End) -> Decision:
        """Its generation has ended, or a start that waited at its gate was given up."""
        node = self._node(id_)
        if node.state is State.WAITING:
            raise IllegalTransition(f"end of {id_}, which is WAITING")
        decision = self._decide(node, end)
        self._step()
        return decision

    def stop_asked(self, *ids: str) -> None:
        """A user stops these, or the first start of one failed: what ends now is no failure.

        These only: who stops a tree asks for all of it at once. Carried out by the caller; `ended`
        is to follow. Nothing happens to one that is down.
        """
        for id_ in ids:
            node = self._family.nodes.get(id_)
            if node is not None:
                self._family.put_in(node, None)
                self._family.mark(node, Mark.STOP)
                self._family.move(node, State.CLOSING)
        self._step()

    def tick(self, now_s: float) -> None:
        """The time is `now_s`: backoffs that are over open their gates."""
        while (due_s := self.next_due_s()) is not None and due_s <= now_s:
            _, _, waiter = heapq.heappop(self._backoffs)
            waiter.due_s = None
            self._family.look_at([waiter] if isinstance(waiter, Node) else waiter.firsts())
        self._step()

    def next_due_s(self) -> float | None:
        """Return when `tick` is to be called next; None when there is no need."""
        while self._backoffs and not self._waits_on(*self._backoffs[0]):
            heapq.heappop(self._backoffs)
        return self._backoffs[0][0] if self._backoffs else None

    def take(self) -> list[Command]:
        """Return the commands that are due since the last call, in order."""
        commands, self._commands = self._commands, []
        return commands

    def state(self, id_: str) -> State | None:
        """Return where a session is; None when it is down."""
        node = self._family.nodes.get(id_)
        return node.state if node else None

    def stops(self, id_: str) -> bool:
        """Tell whether a session is being stopped for good, or is to be."""
        node = self._family.nodes.get(id_)
        return node is not None and node.mark is Mark.STOP

    def children(self, id_: str) -> list[str]:
        """Return who is not down below a session, which may be down itself, in order of start."""
        return [child.spec.id for child in self._family.children(id_)]

    def _decide(self, node: Node, end: End) -> Decision:
        if node.mark is Mark.STOP:
            because = node.round.because if node.round else None
            self._family.remove(node)
            return Down(because)
        if node.mark is Mark.SUSPEND and end.recoverable:
            assert node.round is not None
            self._family.move(node, State.WAITING)
            self._family.mark(node, None)
            return Suspended(node.round.because)
        if node.mark is None and not wants_restart(node.spec.policy, end.kind):
            self._end_for_good(node, [])
            return Down()
        group = self._group(node)
        verdict = (
            node.intensity.decide(end.now_s, end.lived_s, end.random) if end.recoverable else Down()
        )
        if not isinstance(verdict, Restart):
            self._end_for_good(node, group)
            return verdict
        self._family.move(node, State.WAITING)
        round_ = Round(node.spec.id)
        self._gather(group, round_)
        for waiter in (node, round_):
            self._wait_until(end.now_s + verdict.delay_s, waiter)
        return verdict

    def _end_for_good(self, node: Node, group: Iterable[Node]) -> None:
        """Take one away that does not come back, and stop what cannot be without it."""
        tops, ended, parent = [node, *group], node, self._family.parent(node)
        while ended.spec.significant and parent is not None:
            tops.append(parent)
            ended, parent = parent, self._family.parent(parent)
        round_ = Round(node.spec.id)
        for victim in self._family.trees(tops):
            if victim is not node and not victim.leaves:
                self._family.mark(victim, Mark.STOP)
                self._family.put_in(victim, round_)
        self._family.remove(node)

    def _gather(self, group: Iterable[Node], round_: Round) -> None:
        """Have a group go down, as far as it is not, to come back in order of start."""
        for node in self._family.trees(group):
            if node.leaves:
                continue
            self._family.put_in(node, round_)
            parent = self._family.parent(node)
            orphan = parent is not None and parent.round is round_ and parent.mark is Mark.STOP
            rests = node.state is State.WAITING
            if orphan or (node.spec.policy == "temporary" and not rests):
                self._family.mark(node, Mark.STOP)
            elif node.mark is None and not rests:
                self._family.mark(node, Mark.SUSPEND)

    def _group(self, node: Node) -> list[Node]:
        """Return who falls with a session by the strategy of its parent, itself included."""
        parent = self._family.parent(node)
        strategy = parent.spec.strategy if parent else "one_for_one"
        if parent is None or strategy == "one_for_one":
            return [node]
        siblings = self._family.children(parent.spec.id)
        return siblings if strategy == "one_for_all" else siblings[siblings.index(node) :]

    def _step(self) -> None:
        """Command what may be done now; mostly nobody waits and nothing has to close."""
        self._close_next()
        self._open_gates()

    def _close_next(self) -> None:
        """Close of each round the last one in the line, unless the round closes one already.

        Nobody goes while anything below has to: that may be in another round, or a user's wish.
        """
        for round_ in self._family.take_touched():
            node = None if round_.closing else self._next_to_close(round_)
            if node is not None and node.is_last:
                self._family.move(node, State.CLOSING)
                close = Suspend if node.mark is Mark.SUSPEND else Stop
                self._commands.append(close(node.spec.id, round_.because))

    def _next_to_close(self, round_: Round) -> Node | None:
        """Return who of a round has to close before the others that have to."""
        if round_.to_close is None:
            round_.to_close = self._closing_order(round_)
        while round_.to_close:
            node = round_.to_close[-1]
            if node.round is round_ and node.mark:
                return node
            round_.to_close.pop()
        return None

    def _closing_order(self, round_: Round) -> list[Node]:
        """Return who has to close, the next one last.

        What is below the fallen one goes before its siblings, each of both in reverse of the line.
        """
        line = self._family.line([node for node in round_.members if node.mark])
        below = set(self._family.trees(self._family.children(round_.because)))
        siblings = [node for node in line if node not in below]
        return [*siblings, *(node for node in line if node in below)]

    def _open_gates(self) -> None:
        """Open the gates of those whose round is down, whose time has come and who are next."""
        ready = [node for node in self._family.take_worth_a_look() if self._may_open(node)]
        for node in self._family.line(ready):
            self._family.move(node, State.STARTING)
            self._commands.append(Open(node.spec.id))

    def _may_open(self, node: Node) -> bool:
        """Tell whether nothing keeps a session at its gate, if it is at one."""
        if node.state is not State.WAITING or node.mark is not None or node.due_s is not None:
            return False
        parent = self._family.parent(node)
        if parent is not None and (parent.state is not State.UP or parent.mark is not None):
            return False
        return node.round is None or self._is_next(node, node.round)

    def _is_next(self, node: Node, round_: Round) -> bool:
        """Tell whether a round is down, its backoff over, and nobody of it to open before."""
        if round_.marked or round_.due_s is not None:
            return False
        return round_.first(node.spec.parent) is node

    def _wait_until(self, due_s: float, waiter: Node | Round) -> None:
        waiter.due_s = due_s
        self._waits += 1
        heapq.heappush(self._backoffs, (due_s, self._waits, waiter))

    def _waits_on(self, due_s: float, _: int, waiter: Node | Round) -> bool:
        """Tell whether somebody is still there, and waits for nothing else since."""
        if isinstance(waiter, Round):
            return bool(waiter.members) and waiter.due_s == due_s
        return self._family.nodes.get(waiter.spec.id) is waiter and waiter.due_s == due_s

    def _node(self, id_: str) -> Node:
        node = self._family.nodes.get(id_)
        if node is None:
            raise IllegalTransition(f"{id_} is down")
        return node
