"""What OTP's supervisor does when a child ends, written from its documentation: slow and plain.

Sources: stdlib's `supervisor` manual page (Restart Strategies, Maximum Restart Intensity, Automatic
Shutdown, Child Specification) and "Supervisor Behaviour" in OTP Design Principles. Nothing of
sidecar/ is imported here. A supervisor of OTP handles one exit to its end before it looks at the
next one, and so does this model: `fall` changes everything at once, and says in which order.

Where the sidecar deviates on purpose (docs/adr/0014), all in one place:

D1  A session is worker and supervisor at once: it is restarted by its own policy, and its children
    live and end with it.
D2  The intensity is counted for each child, not for each supervisor. A child that exceeds it ends
    for good, and who was to come back with it; its supervisor and the others live on.
D3  A restart waits for a backoff. OTP restarts at once.
D4  A group restart brings back who ran when it began. OTP starts every child of the group, those
    that had ended or been terminated before it too.
D5  A supervisor that shuts down as a significant child ended stays down, also when it is permanent
    itself; it goes on to shut down its own supervisor if it is significant there.
D6  A session of which nothing can be brought back (`recoverable` is false) ends as one that has
    exceeded its intensity.
D7  A child whose supervisor is not there any more is nobody's child. In OTP it could not be.
D8  A child that was started again goes to the end of the line; in OTP it keeps its place.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Fate = Literal["restarted", "ended", "gave up", "expected"]
"""What follows an exit; expected: the supervisor had told it to go."""


@dataclass
class Child:
    """A child specification and what has become of the child."""

    id: str
    supervisor: str | None
    restart: str
    """permanent, transient or temporary"""
    significant: bool
    intensity: int
    period: int
    strategy: str
    status: Literal["up", "coming", "going"] = "up"
    by_user: bool = False
    """Going, and as somebody called terminate_child."""
    restarts: list[float] = field(default_factory=list)
    group: int = 0
    """The last group that went down together with it; 0 once it is up again."""


class Otp:
    """All children that there are, in order of start. One that is down is forgotten."""

    def __init__(self) -> None:
        self.children: dict[str, Child] = {}
        self._groups = 0
        self.causes: dict[int, str] = {}
        """Who fell, for each group."""

    def start(self, child: Child) -> None:
        """start_child, or restart_child; of a supervisor that does not go down."""
        child.status = "coming"
        self.children[child.id] = child
        supervisor = self.children.get(child.supervisor or "")
        if supervisor is not None and supervisor.status == "coming" and supervisor.group:
            self._terminate([child], supervisor.group)  # D7: it may have children that run

    def came_up(self, name: str) -> None:
        """Its start function has been called."""
        self.children[name].status = "up"

    def is_complete(self, name: str) -> None:
        """Its start function has returned."""
        if self.children[name].status == "up":
            self.children[name].group = 0

    def terminate(self, name: str) -> None:
        """terminate_child: what is below it is somebody else's affair (D1)."""
        child = self.children[name]
        child.status, child.by_user, child.group = "going", True, 0

    def fall(self, name: str, *, normal: bool, recoverable: bool, now: float) -> Fate:
        """A child has exited."""
        child = self.children[name]
        if child.status == "going":
            del self.children[name]
            return "expected"
        if child.status == "coming":
            if recoverable:
                return "expected"
            self._end_for_good(child, self.falls_with(name))
            return "ended"
        if child.restart == "temporary" or (child.restart == "transient" and normal):
            self._end_for_good(child, [child])
            return "ended"
        if not recoverable:
            self._end_for_good(child, self.falls_with(name))
            return "ended"
        within = [time for time in child.restarts if now - time <= child.period]
        if len([*within, now]) > child.intensity:
            self._end_for_good(child, self.falls_with(name))
            return "gave up"
        child.restarts.append(now)
        self._terminate_to_restart(child)
        return "restarted"

    def falls_with(self, name: str) -> list[Child]:
        """Return the children that its supervisor's strategy ties to it, in order of start."""
        child = self.children[name]
        supervisor = self.children.get(child.supervisor or "")
        if supervisor is None:  # D7
            return [child]
        siblings = [c for c in self.children.values() if c.supervisor == child.supervisor]
        names = [c.id for c in siblings]
        match supervisor.strategy:
            case "one_for_all":
                return siblings
            case "rest_for_one":
                return siblings[names.index(name) :]
            case _:
                return [child]

    def below(self, child: Child) -> Iterator[Child]:
        """Yield a child and all under it, supervisors before their children, in order of start."""
        yield child
        for other in list(self.children.values()):
            if other.supervisor == child.id:
                yield from self.below(other)

    def terminated_before(self, first: str, second: str) -> bool:
        """Tell whether of two that go down together the first goes down first.

        The fallen one's own children go with it, and then its supervisor looks at the others.
        """
        cause = self.causes[self.children[first].group]
        if self.is_below(first, cause) != self.is_below(second, cause):
            return self.is_below(first, cause)
        order = [c.id for root in self.roots() for c in self.below(root)]
        return order.index(first) > order.index(second)

    def is_below(self, name: str, top: str) -> bool:
        """Tell whether one is under another, or was before that ended."""
        child = self.children.get(name)
        while child is not None:
            if child.supervisor == top:
                return True
            child = self.children.get(child.supervisor or "")
        return False

    def roots(self) -> list[Child]:
        """Return the children of no supervisor."""
        return [c for c in self.children.values() if (c.supervisor or "") not in self.children]

    def _terminate_to_restart(self, fallen: Child) -> None:
        self._groups += 1
        self.causes[self._groups] = fallen.id
        fallen.status = "coming"
        self._terminate(self.falls_with(fallen.id), self._groups)

    def _terminate(self, tops: list[Child], group: int) -> None:
        for top in tops:
            for child in self.below(top):
                if child.by_user:
                    continue  # D4
                child.group = group
                supervisor = self.children.get(child.supervisor or "")
                lost = supervisor and supervisor.group == group and supervisor.status == "going"
                if lost or (child.restart == "temporary" and child.status == "up"):
                    child.status = "going"
                elif child.status == "up":
                    child.status = "coming"

    def _end_for_good(self, ended: Child, with_it: list[Child]) -> None:
        self._groups += 1
        self.causes[self._groups] = ended.id
        gone = [child for top in [ended, *with_it] for child in self.below(top)]
        last, supervisor = ended, self.children.get(ended.supervisor or "")
        while last.significant and supervisor is not None:  # auto_shutdown: any_significant; D5
            gone += self.below(supervisor)
            last, supervisor = supervisor, self.children.get(supervisor.supervisor or "")
        for child in gone:
            if not child.by_user:
                child.status, child.group = "going", self._groups
        del self.children[ended.id]
