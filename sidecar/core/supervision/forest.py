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
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

from sidecar.contract.vocabulary import ExitKind
from sidecar.core.lifecycle import IllegalTransition
from sidecar.core.supervision.intensity import GiveUp, Restart, RestartIntensity, wants_restart
from sidecar.core.supervision.orders import forest_order, start_order
from sidecar.core.supervision.specs import ChildSpec


class State(Enum):
    """Where a session is that is not down."""

    WAITING = auto()
    """At its gate: started, suspended or fallen; nothing of it runs."""
    STARTING = auto()
    UP = auto()
    CLOSING = auto()


class Mark(Enum):
    """What becomes of a session once it is closed."""

    SUSPEND = auto()
    """It waits at its gate."""
    STOP = auto()
    """It is down."""


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


@dataclass(slots=True, eq=False)
class Round:
    """What goes down, and comes back, together because one session fell or ended."""

    because: str
    due_s: float | None = None
    """When the backoff of the one that fell is over; None when it is, or there is none."""


@dataclass(slots=True, eq=False)
class Node:
    """One session that is not down. In a round until it is up again."""

    spec: ChildSpec
    intensity: RestartIntensity
    state: State = State.WAITING
    mark: Mark | None = None
    """Set from when it must close until it has."""
    round: Round | None = None
    due_s: float | None = None
    """When its own backoff is over, also when somebody else's fall has drawn it into a round."""

    @property
    def leaves(self) -> bool:
        """Whether a user's stop is under way: no round has a say in it any more."""
        return self.mark is Mark.STOP and self.round is None


@dataclass(slots=True)
class Forest:
    """All sessions that are not down, in order of start."""

    _nodes: dict[str, Node] = field(default_factory=dict)
    _commands: list[Command] = field(default_factory=list)

    def asked(self, spec: ChildSpec) -> None:
        """A session is to be started, or started again: its gate opens once its parent is up.

        Its past is forgotten. Not below a parent that `stops`: refuse that before.
        """
        if spec.id in self._nodes or (spec.parent is not None and self.stops(spec.parent)):
            raise IllegalTransition(f"asked for {spec.id}, which is not down or may not start")
        intensity = RestartIntensity(spec.max_restarts, spec.max_seconds)
        node = self._nodes[spec.id] = Node(spec, intensity)
        parent = self._parent(node)
        if parent is not None and parent.round and parent.state is not State.STARTING:
            self._gather([node], parent.round)  # children that ran without it fall with it
        self._step()

    def ready(self, id_: str) -> None:
        """Its provider is ready. One that is being closed already stays so."""
        node = self._node(id_)
        if node.state is State.STARTING:
            node.state = State.UP
            if node.mark is None:
                node.round = None
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
            if id_ in self._nodes:
                node = self._nodes[id_]
                node.state, node.mark, node.round = State.CLOSING, Mark.STOP, None
        self._step()

    def tick(self, now_s: float) -> None:
        """The time is `now_s`: backoffs that are over open their gates."""
        for waiter in self._waiters():
            if waiter.due_s is not None and waiter.due_s <= now_s:
                waiter.due_s = None
        self._step()

    def next_due_s(self) -> float | None:
        """Return when `tick` is to be called next; None when there is no need."""
        return min((w.due_s for w in self._waiters() if w.due_s is not None), default=None)

    def take(self) -> list[Command]:
        """Return the commands that are due since the last call, in order."""
        commands, self._commands = self._commands, []
        return commands

    def state(self, id_: str) -> State | None:
        """Return where a session is; None when it is down."""
        node = self._nodes.get(id_)
        return node.state if node else None

    def stops(self, id_: str) -> bool:
        """Tell whether a session is being stopped for good, or is to be."""
        node = self._nodes.get(id_)
        return node is not None and node.mark is Mark.STOP

    def _decide(self, node: Node, end: End) -> Decision:
        if node.mark is Mark.STOP:
            del self._nodes[node.spec.id]
            return Down(node.round.because if node.round else None)
        if node.mark is Mark.SUSPEND and end.recoverable:
            assert node.round is not None
            node.state, node.mark = State.WAITING, None
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
        node.state, node.due_s = State.WAITING, end.now_s + verdict.delay_s
        self._gather(group, Round(node.spec.id, node.due_s))
        return verdict

    def _end_for_good(self, node: Node, group: Iterable[Node]) -> None:
        """Take one away that does not come back, and stop what cannot be without it."""
        tops, ended, parent = [node, *group], node, self._parent(node)
        while ended.spec.significant and parent is not None:
            tops.append(parent)
            ended, parent = parent, self._parent(parent)
        round_ = Round(node.spec.id)
        for victim in self._trees(tops):
            if not victim.leaves:
                victim.mark, victim.round = Mark.STOP, round_
        del self._nodes[node.spec.id]

    def _gather(self, group: Iterable[Node], round_: Round) -> None:
        """Have a group go down, as far as it is not, to come back in order of start."""
        for node in self._trees(group):
            if node.leaves:
                continue
            node.round = round_
            parent = self._parent(node)
            orphan = parent is not None and parent.round is round_ and parent.mark is Mark.STOP
            rests = node.state is State.WAITING
            if orphan or (node.spec.policy == "temporary" and not rests):
                node.mark = Mark.STOP
            elif node.mark is None and not rests:
                node.mark = Mark.SUSPEND

    def _group(self, node: Node) -> list[Node]:
        """Return who falls with a session by the strategy of its parent, itself included."""
        parent = self._parent(node)
        strategy = parent.spec.strategy if parent else "one_for_one"
        if strategy == "one_for_one":
            return [node]
        siblings = [n for n in self._nodes.values() if n.spec.parent == node.spec.parent]
        return siblings if strategy == "one_for_all" else siblings[siblings.index(node) :]

    def _step(self) -> None:
        """Command what may be done now; mostly nobody waits and nothing has to close."""
        if not any(node.mark or node.state is State.WAITING for node in self._nodes.values()):
            return
        line = [self._nodes[id_] for id_ in forest_order(self._parents())]
        self._close_next(line)
        self._open_gates(line)

    def _close_next(self, line: list[Node]) -> None:
        """Close of each round the last one in the line, unless the round closes one already.

        What is below the fallen one goes before its siblings. Nobody goes while anything below has
        to: that may be in another round, or a user's wish.
        """
        busy = {id(node.round) for node in line if node.state is State.CLOSING}
        above = {id(ancestor) for node in line if node.mark for ancestor in self._ancestors(node)}
        marked = [node for node in reversed(line) if node.mark]
        for node in sorted(marked, key=self._is_sibling):
            if node.round is None or id(node.round) in busy:
                continue
            busy.add(id(node.round))
            if id(node) not in above:
                node.state = State.CLOSING
                close = Suspend if node.mark is Mark.SUSPEND else Stop
                self._commands.append(close(node.spec.id, node.round.because))

    def _is_sibling(self, node: Node) -> bool:
        """Tell whether it is not below the session that its round is about."""
        parents = [node.spec.parent, *(above.spec.parent for above in self._ancestors(node))]
        return node.round is None or node.round.because not in parents

    def _open_gates(self, line: list[Node]) -> None:
        """Open the gates of those whose round is down, whose time has come and who are next."""
        shut = {id(node.round) for node in line if node.mark and node.round}
        ahead: set[tuple[int, str | None]] = set()
        for node in line:
            place = (id(node.round), node.spec.parent)
            next_ = node.round is None or place not in ahead
            ahead.add(place)
            if next_ and id(node.round) not in shut and self._may_open(node):
                node.state = State.STARTING
                self._commands.append(Open(node.spec.id))

    def _may_open(self, node: Node) -> bool:
        """Tell whether nothing but the rest of its round keeps a session at its gate."""
        parent = self._parent(node)
        if parent is not None and (parent.state is not State.UP or parent.mark is not None):
            return False
        ready = node.round is None or node.round.due_s is None
        return ready and node.due_s is None and node.state is State.WAITING

    def _trees(self, tops: Iterable[Node]) -> list[Node]:
        """Return these and all below them, in start order."""
        order = start_order(self._parents(), *(top.spec.id for top in tops))
        return [self._nodes[id_] for id_ in order]

    def _parents(self) -> dict[str, str | None]:
        return {id_: node.spec.parent for id_, node in self._nodes.items()}

    def _waiters(self) -> Iterator[Node | Round]:
        yield from self._nodes.values()
        yield from (node.round for node in self._nodes.values() if node.round)

    def _parent(self, node: Node) -> Node | None:
        return self._nodes.get(node.spec.parent) if node.spec.parent is not None else None

    def _ancestors(self, node: Node) -> Iterator[Node]:
        parent = self._parent(node)
        while parent is not None:
            yield parent
            parent = self._parent(parent)

    def _node(self, id_: str) -> Node:
        node = self._nodes.get(id_)
        if node is None:
            raise IllegalTransition(f"{id_} is down")
        return node
