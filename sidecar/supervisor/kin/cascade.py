"""Taking a tree of sessions down: children before their parent, exits told in one order.

    leaves, side by side ──► their parents, side by side ──► … ──► root     a share for each level

Siblings are stopped side by side, as one that is wedged must not use up the others' time; below a
parent of the strategy `rest_for_one`, whose children build on each other, one after the other, the
last first. Whatever goes on side by side, exits are told in reverse order of start, children
first. Owns shares of time and that order; how one session stops is its own affair.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Protocol

from sidecar.core.supervision import stop_order
from sidecar.supervisor.flag import Flag

GRACE_S = 1.0
"""What a host gets beyond a session's deadline before it is killed as wedged, however many levels
there are: others may live in it. All levels together may be late by as much at nobody's cost."""

GRACE_LEAST_S = 0.5
"""What a host still gets once the whole is late by GRACE_S: to read a frame on a busy machine, to
kill an agent, and to read its last output (0.4 s by the ladder)."""

LONGEST_S = 50.0
"""A whole stop without a deadline of the client's: within that of the method (PROTOCOL §5)."""


class ExitTurn:
    """A place in the order in which exits are told."""

    def __init__(self, before: "ExitTurn | None", longest_s: float) -> None:
        self._before = before
        self._longest_s = longest_s
        self._told = Flag()

    async def come(self) -> None:
        """Wait until whoever is before has told its exit, for a bounded time."""
        if self._before is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._longest_s):
                    await self._before._told.wait()

    def tell(self) -> None:
        """Note that the exit is told, or that there is none to tell."""
        self._told.set()


class Member(Protocol):
    """A session as a cascade sees it."""

    @property
    def thread_id(self) -> str: ...
    @property
    def parent(self) -> str | None: ...
    @property
    def idle(self) -> bool:
        """Whether there is nothing of it to stop."""

    @property
    def shutdown_s(self) -> float | None:
        """The deadline of its own that was declared for it, 0 for kill."""

    @property
    def one_by_one(self) -> bool:
        """Whether its children are stopped one after the other."""

    async def stop(
        self, deadline_s: float, reason: str, *, grace_s: float, turn: ExitTurn | None
    ) -> bool: ...


class Cascade:
    """One stop of one tree. `members` are all sessions there are, in order of start."""

    def __init__(
        self,
        members: Sequence[Member],
        root: str,
        *,
        default_s: float,
        deadline_s: float | None = None,
        reason: str = "stopped",
        spare_parked: bool = False,
    ) -> None:
        by_id = {member.thread_id: member for member in members}
        parents = {member.thread_id: member.parent for member in members}
        self.line: list[Member] = [by_id[id_] for id_ in stop_order(parents, root)]
        """The tree in the order of its exits."""
        self._root = root
        self._default_s = default_s
        self._given = deadline_s is not None
        self._most_s = LONGEST_S if deadline_s is None else deadline_s
        self._reason = reason
        self._spare_parked = spare_parked
        self._children: dict[str, list[Member]] = {}
        for member in self.line:
            if member.parent is not None and member.thread_id != root:
                self._children.setdefault(member.parent, []).append(member)
        self._own_want_s: dict[str, float] = {}
        self._want_s: dict[str, float] = {}
        self._levels: dict[str, int] = {}
        for member in self.line:
            self._weigh(member)
        total_s = self._most_s if self._given else min(self._want_s[root], self._most_s)
        self._total_s = total_s
        self._scale = total_s / self._want_s[root] if self._want_s[root] else 0.0
        self._last_s = 0.0
        """When the whole is late by all that it may be; by the loop's clock, once it runs."""

    async def run(self) -> list[str]:
        """Stop all of the tree; returns who ran, in the order of the exits."""
        longest_s = self._longest_s()
        now_s = asyncio.get_running_loop().time()
        self._last_s = now_s + self._total_s + GRACE_S
        due = self._due(now_s)
        held = self._held()
        tasks: dict[str, asyncio.Task[bool]] = {}
        turn: ExitTurn | None = None
        for member in self.line:
            id_ = member.thread_id
            turn = ExitTurn(turn, longest_s)
            first = [tasks[child.thread_id] for child in self._children.get(id_, ())]
            if (younger := held[id_]) is not None:
                first.append(tasks[younger])
            work = self._stop(member, first, due[id_], turn)
            tasks[id_] = asyncio.create_task(work, name=f"stop {id_}")
        try:
            await asyncio.wait(tasks.values())
        finally:
            for task in tasks.values():
                task.cancel()
        return [id_ for id_, task in tasks.items() if task.result()]

    async def _stop(
        self, member: Member, first: list[asyncio.Task[bool]], due: float, turn: ExitTurn
    ) -> bool:
        if first:
            await asyncio.wait(first)
        now_s = asyncio.get_running_loop().time()
        left_s = self._left_s(member, due, now_s)
        grace_s = GRACE_S if now_s < self._last_s else GRACE_LEAST_S
        try:
            if member.idle and self._spare_parked:
                return False
            return await member.stop(
                self._own_s(member, left_s), self._reason, grace_s=grace_s, turn=turn
            )
        finally:
            await turn.come()
            turn.tell()

    def _left_s(self, member: Member, due: float, now_s: float) -> float:
        """Return what is left for one: all until it is due, or its share of what there still is.

        `due` is by the plan, in which nobody is late.
        """
        share_s = self._scale * self._own_want_s[member.thread_id]
        whole_s = self._last_s - GRACE_S - (due - share_s)
        if whole_s > 0.0:
            share_s *= min(max((self._last_s - now_s) / whole_s, 0.0), 1.0)
        return max(due - now_s, share_s)

    def _longest_s(self) -> float:
        """Return how long the whole takes if every host is wedged."""
        return self._total_s + 2 * GRACE_S + GRACE_LEAST_S * self._levels[self._root]

    def _own_s(self, member: Member, left_s: float) -> float:
        """Return the deadline of one: what is left for it, unless it declared less."""
        if self._given and member.thread_id == self._root:
            return left_s
        own_s = member.shutdown_s
        if own_s is None:
            return left_s if self._given else min(left_s, self._default_s)
        return min(left_s, own_s)

    def _weigh(self, member: Member) -> None:
        """Sum up what a member and all below it would like to have; its children are weighed.

        No member more than there is: an hour declared for one must leave the others their shares.
        """
        children = [child.thread_id for child in self._children.get(member.thread_id, ())]
        add_up = sum if member.one_by_one else max
        own_s = self._default_s if member.shutdown_s is None else member.shutdown_s
        self._own_want_s[member.thread_id] = 0.0 if member.idle else min(own_s, self._most_s)
        below_s = add_up([self._want_s[c] for c in children] or [0.0])
        self._want_s[member.thread_id] = below_s + self._own_want_s[member.thread_id]
        below = add_up([self._levels[c] for c in children] or [0])
        self._levels[member.thread_id] = below + (not member.idle)

    def _due(self, now: float) -> dict[str, float]:
        """Return when each must be down at the latest, by its share of the whole."""
        scale = self._scale
        due = {self._root: now + self._total_s}
        for member in reversed(self.line):
            end = due[member.thread_id] - scale * self._own_want_s[member.thread_id]
            for child in reversed(self._children.get(member.thread_id, [])):
                due[child.thread_id] = end
                if member.one_by_one:
                    end -= scale * self._want_s[child.thread_id]
        return due

    def _held(self) -> dict[str, str | None]:
        """Return for each whose end it waits for before anything of its own tree is stopped."""
        held: dict[str, str | None] = {self._root: None}
        for member in reversed(self.line):
            before = held[member.thread_id]
            for child in self._children.get(member.thread_id, ()):
                held[child.thread_id] = before
                before = child.thread_id if member.one_by_one else before
        return held
