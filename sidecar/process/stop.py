"""The stop ladder: from a polite word to a kill that leaves nothing, each rung with a deadline.

    cancel ──► eof ──► term ──► kill (repeated until two censuses in a row are empty)
       └────────┴────────┴────── the census is empty ──► done

Owns the order and the deadlines; never knows a protocol: the first rung is handed in.
"""

import asyncio
import enum
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from sidecar.process.census import Kill, Look, descendants, strangers, with_descendants
from sidecar.process.child import Child, living_children
from sidecar.process.identity import Exit, ProcessInfo, ProcessKey
from sidecar.process.killing import kill_all
from sidecar.process.marks import carries, carries_tool
from sidecar.process.platform import SIGKILL, os_

POLL_FIRST_S = 0.005
POLL_LAST_S = 0.05
"""Between two censuses while a rung waits for orphans, whose end nothing tells."""

KILL_LEAST_S = 0.15
"""What the kill rung gets however short the deadline: a killed process gives its memory back before
it is gone, some 0.12 s a GB. Less than any stop's grace, beyond which the host itself is killed."""

OUTPUT_AFTER_STOP_S = 0.25
"""All writers are dead by then, so the pipes' ends are a turn of the loop away; a reader that
waits for credit does not get that far, and is not waited for any longer."""


class Rung(enum.Enum):
    """How far down the ladder a stop had to go."""

    NONE = "none"
    CANCEL = "cancel"
    EOF = "eof"
    TERM = "term"
    KILL = "kill"


@dataclass(frozen=True, slots=True)
class Ladder:
    """The longest that each rung may take. The sum is the deadline of the whole stop.

    cancel: a request and its answer. eof: Claude and Codex end within a second of EOF, others
    never do. term: Node's exit handlers. kill: the kernel needs milliseconds, a loaded machine
    more, and a fork storm several rounds.
    """

    cancel_s: float = 1.0
    eof_s: float = 1.0
    term_s: float = 1.0
    kill_s: float = 2.0

    @property
    def total_s(self) -> float:
        """The deadline of a whole stop."""
        return self.cancel_s + self.eof_s + self.term_s + self.kill_s

    @classmethod
    def within(cls, total_s: float) -> "Ladder":
        """Return the default ladder, scaled to `total_s`; its kill gets KILL_LEAST_S at least."""
        scale = max(total_s, 0.0) / cls().total_s
        full = cls()
        kill_s = max(full.kill_s * scale, KILL_LEAST_S)
        return cls(full.cancel_s * scale, full.eof_s * scale, full.term_s * scale, kill_s)


@dataclass(frozen=True, slots=True)
class StopReport:
    """What a stop did. `exit` is that of the first child; `survivors` should be empty.

    `cancel_error` says what the first rung raised, which changes nothing for the others.
    """

    rung: Rung = Rung.NONE
    killed: list[ProcessKey] = field(default_factory=list)
    survivors: list[ProcessKey] = field(default_factory=list)
    exit: Exit | None = None
    cancel_error: str | None = None


async def stop_session_tree(
    children: Sequence[Child],
    *,
    mark: str,
    cancel: Callable[[], Awaitable[None]] | None = None,
    ladder: Ladder | None = None,
) -> StopReport:
    """Stop a session in its host: its children, all below them, and its adopted orphans.

    As long as other sessions have children in this host, an orphan counts as ours only when it
    carries `mark`. Closes the children.
    """
    return await stop_tree(
        children, look=lambda: session_census(children, mark), cancel=cancel, ladder=ladder
    )


def session_census(children: Sequence[Child], mark: str) -> list[ProcessInfo]:
    """Return everything alive that belongs to a session of this host, parents first.

    A service that sessions share may run tools for them: those that carry `mark` are ours.
    """
    own = [info for child in children if (info := _info_of(child)) is not None]
    orphans = strangers()
    others = [child.pid for child in living_children() if child not in children]
    if others:
        theirs = [*orphans, *descendants(others)]
        orphans = [info for info in theirs if carries(info.key.pid, [mark])]
    return _once(with_descendants([*own, *orphans]))


def tool_census(children: Sequence[Child], mark: str, tag: int) -> list[ProcessInfo]:
    """Return everything alive of one tool or shared service, parents first.

    What left its tree is told by its own mark and tag.
    """
    own = [info for child in children if (info := _info_of(child)) is not None]
    orphans = [info for info in strangers() if carries_tool(info.key.pid, mark, tag)]
    return with_descendants([*own, *orphans])


async def stop_tree(
    children: Sequence[Child],
    *,
    look: Look,
    cancel: Callable[[], Awaitable[None]] | None = None,
    ladder: Ladder | None = None,
) -> StopReport:
    """Go down the ladder until `look` finds nothing, then close the children.

    Takes at most the ladder's total. A cancellation of the caller kills at once and is re-raised.
    """
    stop = _Stop(children, look, ladder or Ladder(), cancel)
    try:
        rung, kill = await stop.go_down()
        for child in children:
            await child.output_ended(OUTPUT_AFTER_STOP_S)
    except BaseException:
        Kill(look).step()
        raise
    finally:
        for child in children:
            child.close()
    exit_ = children[0].exit if children else None
    return StopReport(rung, sorted(kill.killed), kill.survivors, exit_, stop.cancel_error)


class _Stop:
    """One stop under way."""

    def __init__(
        self,
        children: Sequence[Child],
        look: Look,
        ladder: Ladder,
        cancel: Callable[[], Awaitable[None]] | None,
    ) -> None:
        self._children = children
        self._look = look
        self._ladder = ladder
        self._cancel = cancel
        self.cancel_error: str | None = None

    async def go_down(self) -> tuple[Rung, Kill]:
        rung = Rung.NONE
        if self._running():
            if self._cancel is not None:
                rung = Rung.CANCEL
                await self._call_cancel(self._cancel)
            rung = Rung.EOF if self._running() else rung
            for child in self._children:
                child.close_stdin()
            await self._exits(self._ladder.eof_s)
        if self._in_group():
            rung = Rung.TERM
            for child in self._children:
                child.terminate_group()
            await self._until_group_is_empty(self._ladder.term_s)
        kill = await self._kill()
        return (Rung.KILL if kill.killed else rung), kill

    async def _call_cancel(self, cancel: Callable[[], Awaitable[None]]) -> None:
        """Give the protocol's cancel its time; whatever it does, the next rung comes."""
        try:
            async with asyncio.timeout(self._ladder.cancel_s):
                await cancel()
        except TimeoutError:
            self.cancel_error = f"not done within {self._ladder.cancel_s:g} s"
        except Exception as error:  # noqa: BLE001 - provider code may raise anything
            self.cancel_error = repr(error)

    def _running(self) -> list[Child]:
        return [child for child in self._children if child.exit is None]

    async def _exits(self, deadline_s: float) -> None:
        if running := self._running():
            waits = [asyncio.ensure_future(child.wait()) for child in running]
            try:
                await asyncio.wait(waits, timeout=deadline_s)
            finally:
                for wait in waits:
                    wait.cancel()

    def _in_group(self) -> bool:
        """Tell whether SIGTERM to the groups would reach anybody."""
        groups = {child.pid for child in self._children}
        return bool(self._running()) or any(info.group in groups for info in self._look())

    async def _until_group_is_empty(self, deadline_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(deadline_s):
                await self._exits(deadline_s)
                pause_s = POLL_FIRST_S
                while self._in_group():
                    await asyncio.sleep(pause_s)
                    pause_s = min(pause_s * 2, POLL_LAST_S)

    async def _kill(self) -> Kill:
        """Kill until two censuses are empty, bounded by the rung's deadline."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._ladder.kill_s
        kill = await kill_all(self._look, self._ladder.kill_s, self._kill_groups)
        await self._exits(max(end - loop.time(), POLL_LAST_S))
        return kill

    def _kill_groups(self) -> None:
        """At one stroke: outruns a fork storm."""
        for child in self._children:
            child.signal_group(SIGKILL)


def _once(found: list[ProcessInfo]) -> list[ProcessInfo]:
    """Return each process once: a marked one may be below another."""
    return list({info.key: info for info in found}.values())


def _info_of(child: Child) -> ProcessInfo | None:
    info = os_.info_of(child.pid)
    return info if info is not None and info.key == child.key else None
