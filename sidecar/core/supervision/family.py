"""Sessions that are not down, as relatives: whose child each is, and what goes down together.

Pure. Owns the counts by which one event costs what it concerns, not all there are: children by
parent, what has to close at or below a session, and in a round how many have to close, how many do,
and who is next. What is worth a look after a change is noted here; what it means, forest.py says.
"""

import heapq
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import Enum, auto

from sidecar.core.supervision.intensity import RestartIntensity
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


@dataclass(slots=True, eq=False)
class Round:
    """What goes down, and comes back, together because one session fell or ended."""

    because: str
    due_s: float | None = None
    """When the backoff of the one that fell is over; None when it is, or there is none."""
    members: dict["Node", None] = field(default_factory=dict)
    marked: int = 0
    """How many of them have to close; nothing opens before they have."""
    closing: int = 0
    """How many of those do."""
    to_close: "list[Node] | None" = None
    """Who has to close, the next one last; None when that must be found out anew."""
    _places: "dict[str | None, list[tuple[int, int, Node]]]" = field(default_factory=dict)
    _joined: int = 0

    def join(self, node: "Node") -> None:
        """Note a member behind those of its place that were started before it."""
        self.members[node] = None
        self._joined += 1
        heap = self._places.setdefault(node.spec.parent, [])
        heapq.heappush(heap, (node.number, self._joined, node))

    def first(self, parent: str | None) -> "Node | None":
        """Return the first of the members below a session: they come back one after the other."""
        heap = self._places.get(parent, [])
        while heap and heap[0][2].round is not self:
            heapq.heappop(heap)
        return heap[0][2] if heap else None

    def firsts(self) -> "list[Node]":
        """Return the first member of each place."""
        return [first for parent in self._places if (first := self.first(parent)) is not None]


@dataclass(slots=True, eq=False)
class Node:
    """One session that is not down. In a round until it is up again."""

    spec: ChildSpec
    intensity: RestartIntensity
    number: int
    """Its place in the order of start."""
    state: State = State.WAITING
    mark: Mark | None = None
    """Set from when it must close until it has."""
    round: Round | None = None
    due_s: float | None = None
    """When its own backoff is over, also when somebody else's fall has drawn it into a round."""
    marks: int = 0
    """Its own mark, and its children with any mark at or below them."""

    @property
    def leaves(self) -> bool:
        """Whether a user's stop is under way: no round has a say in it any more."""
        return self.mark is Mark.STOP and self.round is None

    @property
    def is_last(self) -> bool:
        """Whether nothing below it has to close."""
        return self.marks == (self.mark is not None)


class Family:
    """All sessions that are not down, in order of start."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self._touched: dict[Round, None] = {}
        self._worth_a_look: dict[Node, None] = {}
        self._children: dict[str, dict[str, Node]] = {}
        self._rounds: dict[Round, None] = {}
        self._started = 0

    def add(self, spec: ChildSpec) -> Node:
        """Take a session in behind all others; its children may be there already."""
        self._started += 1
        intensity = RestartIntensity(spec.max_restarts, spec.max_seconds)
        node = self.nodes[spec.id] = Node(spec, intensity, self._started)
        if spec.parent is not None:
            self._children.setdefault(spec.parent, {})[spec.id] = node
        self._line_changed(spec.id)
        for child in self.children(spec.id):
            node.marks += child.marks > 0
        if node.marks:
            self._count(self.parent(node), 1)
        self.look_at([node])
        return node

    def remove(self, node: Node) -> None:
        """Forget a session; its children are on their own."""
        id_, parent = node.spec.id, node.spec.parent
        self.put_in(node, None)
        if node.marks:
            self._count(self.parent(node), -1)
        del self.nodes[id_]
        if parent is not None:
            del self._children[parent][id_]
            if not self._children[parent]:
                del self._children[parent]
        self._line_changed(id_)
        self.look_at(self.children(id_))

    def move(self, node: Node, state: State) -> None:
        """Have a session be in a state."""
        change = (state is State.CLOSING) - (node.state is State.CLOSING)
        node.state = state
        if node.round is not None and change:
            node.round.closing += change
            self._touched[node.round] = None

    def mark(self, node: Node, mark: Mark | None) -> None:
        """Have a session close, or need to no longer."""
        change = (mark is not None) - (node.mark is not None)
        node.mark = mark
        if change:
            self._count(node, change)
            if node.round is not None:
                self._count_in_round(node.round, change)

    def put_in(self, node: Node, round_: Round | None) -> None:
        """Draw a session into a round, or out of all of them."""
        old, node.round = node.round, round_
        if old is round_:
            return
        closing = node.state is State.CLOSING
        if old is not None:
            del old.members[node]
            old.closing -= closing
            self._count_in_round(old, -(node.mark is not None))
            if (next_ := old.first(node.spec.parent)) is not None:
                self.look_at([next_])
            if not old.members:
                self._rounds.pop(old)
        if round_ is not None:
            self._rounds[round_] = None
            round_.join(node)
            round_.closing += closing
            self._count_in_round(round_, int(node.mark is not None))

    def look_at(self, nodes: Iterable[Node]) -> None:
        """Note sessions whose gates may have to be opened."""
        self._worth_a_look.update(dict.fromkeys(nodes))

    def take_worth_a_look(self) -> list[Node]:
        """Return whose gates may have to be opened since the last call; some may be down again."""
        nodes, self._worth_a_look = self._worth_a_look, {}
        return [node for node in nodes if self.nodes.get(node.spec.id) is node]

    def take_touched(self) -> list[Round]:
        """Return the rounds of which, since the last call, another member may be next to close."""
        rounds, self._touched = self._touched, {}
        return list(rounds)

    def children(self, id_: str) -> list[Node]:
        """Return who is below a session, which may be down itself, in order of start."""
        return list(self._children.get(id_, {}).values())

    def parent(self, node: Node) -> Node | None:
        """Return the parent, if it is not down."""
        return self.nodes.get(node.spec.parent) if node.spec.parent is not None else None

    def trees(self, tops: Iterable[Node]) -> list[Node]:
        """Return these and all below them, each once and before its children."""
        seen: dict[Node, None] = {}
        stack = list(tops)[::-1]
        while stack:
            node = stack.pop()
            if node not in seen:
                seen[node] = None
                stack += reversed(self.children(node.spec.id))
        return list(seen)

    def line(self, nodes: Collection[Node]) -> list[Node]:
        """Return these in start order, tree after tree. Looks at them and at what they are below.

        One whose parent is down is a root.
        """
        if len(nodes) < 2:
            return list(nodes)
        branches: dict[Node | None, list[Node]] = {None: []}
        seen: set[Node] = set()
        for node in nodes:
            climber: Node | None = node
            while climber is not None and climber not in seen:
                seen.add(climber)
                above = self.parent(climber)
                branches.setdefault(above, []).append(climber)
                climber = above
        stack, line = _last_first(branches[None]), []
        while stack:
            node = stack.pop()
            line.append(node)
            stack += _last_first(branches.get(node, []))
        wanted = set(nodes)
        return [node for node in line if node in wanted]

    def would_be_a_ring(self, spec: ChildSpec) -> bool:
        """Tell whether a session would be below itself: only one that has children already can."""
        above = spec.parent if spec.id in self._children else None
        while above is not None and above != spec.id:
            node = self.nodes.get(above)
            above = node.spec.parent if node is not None else None
        return above is not None

    def _count(self, node: Node | None, change: int) -> None:
        """There is one mark more, or less, at or right below a session."""
        while node is not None:
            had = node.marks > 0
            node.marks += change
            if node.mark is not None and node.round is not None:
                self._touched[node.round] = None  # it may be the last one now
            if had is (node.marks > 0):
                return
            node = self.parent(node)

    def _count_in_round(self, round_: Round, change: int) -> None:
        round_.marked += change
        round_.to_close = None if change > 0 else round_.to_close
        self._touched[round_] = None
        if change < 0 and not round_.marked:
            self.look_at(round_.firsts())

    def _line_changed(self, id_: str) -> None:
        """Find out anew who is next to close, if sessions are below another one now, or no more."""
        if self._children.get(id_):
            for round_ in self._rounds:
                round_.to_close = None
                self._touched[round_] = None


def _last_first(siblings: list[Node]) -> list[Node]:
    return sorted(siblings, key=lambda node: node.number, reverse=True)
