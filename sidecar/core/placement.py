"""Which sessions live in one host: pure rules over what is asked for and what is there.

A *group* names those that may live together, its capacity how many of them. One host a session
is the default: what one does wrong no other can notice. Sessions with the same sharing key always
share, as there is something between them that only one process can hold.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Policy = Literal["one", "tree", "packed", "auto"]

SHARING_MAX = 256
"""Sessions of one sharing key, or of one tree, in a host; more of them get a second host."""

CROWDED_PER_CORE = 8
"""`auto` packs once this many sessions a core live. A host of one is awake for each of its events,
which costs all others the cores where they are short; docs/adr/0009 has the figures."""

CROWDED_PACK = 8
"""What `auto` packs into a host: where the cores are short each process gets the same share of
them, so one of fifty sessions beside many of one would come last."""

PARENTS_MAX = 64
"""Deepest tree that is followed to its root."""


class Wish(NamedTuple):
    """Where a session may live. `group` None: alone."""

    group: str | None
    capacity: int = 1


ALONE = Wish(None)


class Room(NamedTuple):
    """A host as placement sees it. `open`: it may take another session."""

    number: int
    group: str | None
    capacity: int
    taken: int
    open: bool


@dataclass(frozen=True, slots=True)
class PlacementRules:
    """The settings. `packed`: sessions a host under that policy, and the most under `auto`."""

    policy: Policy = "auto"
    packed: int = 50
    cores: int = 1

    def wish(
        self, thread_id: str, *, sharing_key: str | None, root: str, live_sessions: int
    ) -> Wish:
        """Return where a session may live; `root` is the thread at the top of its tree."""
        if sharing_key is not None:
            return Wish(f"share {sharing_key}", SHARING_MAX)
        if self.policy == "tree":
            return Wish(f"tree {root}", SHARING_MAX)
        if self.policy == "packed":
            return Wish("packed", self.packed)
        if self.policy == "auto" and self._crowded(live_sessions):
            return Wish("packed", min(self.packed, CROWDED_PACK))
        return ALONE

    def _crowded(self, live_sessions: int) -> bool:
        return live_sessions >= CROWDED_PER_CORE * self.cores


def choose(wish: Wish, rooms: Sequence[Room]) -> int | None:
    """Return the number of the host to join, None for a new one: the fullest that has room.

    Filling one before the next lets the others empty and end.
    """
    if wish.group is None:
        return None
    fitting = [
        room
        for room in rooms
        if room.open and room.group == wish.group and room.taken < min(room.capacity, wish.capacity)
    ]
    return max(fitting, key=lambda room: (room.taken, -room.number)).number if fitting else None


def root_of(thread_id: str, parent: str | None, parent_of: Callable[[str], str | None]) -> str:
    """Return the top of a thread's tree, however the parents are linked."""
    seen = {thread_id}
    root = thread_id
    while parent is not None and parent not in seen and len(seen) < PARENTS_MAX:
        root = parent
        seen.add(parent)
        parent = parent_of(parent)
    return root
