"""The processes that one session of a host, or one shared service, has started.

Owns their number, their marks and what can be said of the tree below them. Never decides when a
session stops: that is session.py, by the ladder.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from sidecar.contract.errors import ProviderProcessFailed
from sidecar.core.lastwords import LastWords, StderrLog
from sidecar.process import Child, Exit, Ladder, ProcessInfo, ProcessKey, new_mark, with_mark
from sidecar.process.killing import kill_all
from sidecar.process.marks import tag_of_mark
from sidecar.process.programs import resolved
from sidecar.process.stop import session_census, stop_tree, tool_census
from sidecar.providers.base import ProcessEnd, ProviderCommand

PROCESSES_PER_SESSION = 8
"""Living children that a provider session may have started itself; what those start is theirs."""

TOOLS_PER_SESSION = 32
"""Living tools, such as ACP terminals: an agent that forgets to release them is told so."""

ENDED_KEPT = 32
"""Ended processes whose output nobody has read to its end; the oldest beyond it is closed."""

Environment = Callable[[ProviderCommand], Mapping[str, str]]
LogWriter = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Note:
    """Which processes a session had at one moment (TreeNote)."""

    keys: frozenset[ProcessKey]


class HostTool:
    """A process with a mark of its own, so that it can be stopped alone (ToolProcess)."""

    def __init__(self, child: Child, mark: str, tag: int, log: LogWriter) -> None:
        self.child = child
        self._mark = mark
        self._tag = tag
        self._log = log

    @property
    def pid(self) -> int:
        """The pid that the process has or had."""
        return self.child.pid

    @property
    def stderr_tail(self) -> str:
        """The last characters of its stderr."""
        return self.child.stderr_tail

    def write(self, data: bytes) -> None:
        """Queue bytes for stdin."""
        self.child.write(data)

    async def drain(self) -> None:
        """Wait until the queue to stdin is below its bound."""
        await self.child.drain()

    async def read(self) -> bytes:
        """Return the next bytes of stdout, b"" at its end."""
        return await self.child.read()

    def close_stdin(self) -> None:
        """Let the process see EOF behind what was written."""
        self.child.close_stdin()

    async def ended(self) -> ProcessEnd:
        """Wait for the exit of the process itself."""
        exit_ = await self.child.wait()
        return ProcessEnd(exit_.code, exit_.signal)

    async def stop(self, deadline_s: float) -> None:
        """Kill it with all that it started; what it has said can still be read."""
        kill = await kill_all(self._census, deadline_s)
        if kill.survivors:
            self._log("error", "tool.survivors", pid=self.pid, survivors=len(kill.survivors))
        if kill.killed:
            await self.child.wait_at_most(deadline_s)

    def _census(self) -> list[ProcessInfo]:
        return tool_census([self.child], self._mark, self._tag)


class Processes:
    """Starts and counts. `children` is everything that a stop must end."""

    def __init__(
        self,
        mark: str,
        environment: Environment,
        log: LogWriter,
        stderr: StderrLog | None = None,
    ) -> None:
        self._mark = mark
        self._environment = environment
        self._log = log
        self._stderr = stderr
        self._main: list[Child] = []
        self._tools: list[HostTool] = []
        self._tool_numbers = count(1)

    @property
    def children(self) -> list[Child]:
        """Every process that was started and not closed, tools last."""
        return [*self._main, *(tool.child for tool in self._tools)]

    @property
    def agent(self) -> Child | None:
        """The process that speaks for the session: the last one that was started."""
        return self._main[-1] if self._main else None

    @property
    def stderr_tail(self) -> str:
        """What the agent, and what ran before it, has said last."""
        return "\n".join(child.stderr_tail for child in self._main if child.stderr_tail)

    async def spawn(self, command: ProviderCommand) -> Child:
        """Start a provider's process. Raises ProviderProcessFailed."""
        _check_room(self._main, PROCESSES_PER_SESSION, command)
        self._main = _tidy(self._main)
        environment = with_mark(self._environment(command), self._mark)
        said: dict[str, Any] = {"program": _program(command)}
        child = await self._start(command, environment, 0, _words(self._stderr, said))
        said["pid"] = child.pid
        self._main.append(child)
        self._log("info", "provider.started", pid=child.pid, program=command.argv[0])
        child.when_ended(lambda end: self._tell_end("provider.exited", child.pid, end))
        return child

    async def spawn_tool(self, command: ProviderCommand) -> HostTool:
        """Start a process that can be stopped alone. Raises ProviderProcessFailed."""
        _check_room([tool.child for tool in self._tools], TOOLS_PER_SESSION, command)
        kept = _tidy([tool.child for tool in self._tools])
        self._tools = [tool for tool in self._tools if tool.child in kept]
        mark, number = new_mark(), next(self._tool_numbers)
        environment = with_mark(with_mark(self._environment(command), self._mark), mark)
        words = None if self._stderr is None else self._stderr.quiet_reader()
        child = await self._start(command, environment, number, words)
        tool = HostTool(child, mark, tag_of_mark(self._mark, number), self._log)
        self._tools.append(tool)
        self._log("info", "tool.started", pid=child.pid, program=command.argv[0])
        return tool

    def census(self) -> list[ProcessInfo]:
        """Return everything alive that belongs here, parents first."""
        return session_census(self.children, self._mark)

    def note(self) -> Note:
        """Remember what is alive now."""
        return Note(frozenset(info.key for info in self.census()))

    async def stop_since(self, note: Note, deadline_s: float) -> int:
        """Kill what is alive and was not then, but for what `spawn` started; return how many.

        Raises ProviderProcessFailed when some still live, or come again and again, at the deadline.
        """

        def look() -> list[ProcessInfo]:
            spared = note.keys | {child.key for child in self._main}
            return [info for info in self.census() if info.key not in spared]

        kill = await kill_all(look, deadline_s)
        if kill.survivors:
            raise ProviderProcessFailed(
                f"Cannot stop what the agent has started: {len(kill.survivors)} processes still "
                f"run after {deadline_s:g} s",
                survivors=len(kill.survivors),
            )
        return len(kill.killed)

    def _tell_end(self, event: str, pid: int, end: Exit) -> None:
        self._log("info", event, pid=pid, exit=end.describe(), code=end.code, signal=end.signal)

    async def _start(
        self,
        command: ProviderCommand,
        environment: Mapping[str, str],
        number: int,
        words: LastWords | None,
    ) -> Child:
        return await _spawn(command, environment, tag_of_mark(self._mark, number), words)


class ServiceProcesses:
    """What one shared service has started: below the host's shared mark, with one of its own."""

    def __init__(
        self,
        shared_mark: str,
        number: int,
        environment: Environment,
        log: LogWriter,
        stderr: StderrLog | None = None,
    ) -> None:
        self._shared_mark = shared_mark
        self._mark = new_mark()
        self._tag = tag_of_mark(shared_mark, number)
        self._environment = environment
        self._log = log
        self._stderr = stderr
        self._children: list[Child] = []

    @property
    def running(self) -> bool:
        """Whether one of them lives, or none was ever started."""
        return not self._children or any(child.exit is None for child in self._children)

    async def spawn(self, command: ProviderCommand) -> Child:
        """Start a process of the service. Raises ProviderProcessFailed."""
        _check_room(self._children, PROCESSES_PER_SESSION, command)
        self._children = _tidy(self._children)
        environment = with_mark(self._environment(command), self._shared_mark)
        said: dict[str, Any] = {"program": _program(command)}
        words = _words(self._stderr, said)
        child = await _spawn(command, with_mark(environment, self._mark), self._tag, words)
        said["pid"] = child.pid
        self._children.append(child)
        self._log("info", "service.spawned", pid=child.pid, program=command.argv[0])
        return child

    async def stop(self, deadline_s: float) -> None:
        """Stop all of it by the ladder, sessions untouched; nothing happens when none was."""
        report = await stop_tree(
            self._children, look=self._census, ladder=Ladder.within(deadline_s)
        )
        if report.survivors:
            self._log("error", "service.survivors", survivors=len(report.survivors))

    def _census(self) -> list[ProcessInfo]:
        return tool_census(self._children, self._mark, self._tag)


def _words(stderr: StderrLog | None, said: dict[str, Any]) -> LastWords | None:
    """Return what reads an agent's stderr, so that its lines get into the log."""
    return None if stderr is None else stderr.reader(said)


def _program(command: ProviderCommand) -> str:
    return os.path.basename(command.argv[0]) if command.argv else ""  # noqa: PTH119


async def _spawn(
    command: ProviderCommand,
    environment: Mapping[str, str],
    tag: int,
    words: LastWords | None,
) -> Child:
    return await Child.spawn(
        resolved(command.argv, environment),
        cwd=command.cwd,
        env=environment,
        tag=tag,
        merge_stderr=command.merge_stderr,
        words=words,
    )


def _check_room(children: list[Child], most: int, command: ProviderCommand) -> None:
    if sum(child.exit is None for child in children) >= most:
        raise ProviderProcessFailed(
            f"Cannot start {command.argv[0]}: {most} processes of this session run already",
            limit=most,
        )


def _tidy(children: list[Child]) -> list[Child]:
    """Close those that have ended and were read to their end; return the others."""
    ended = [child for child in children if child.exit is not None]
    for child in ended[: max(0, len(ended) - ENDED_KEPT)]:
        child.close()
    for child in ended:
        if child.is_read:
            child.close()
    return [child for child in children if not child.closed]


def layered(base: dict[str, str], *layers: Mapping[str, str | None]) -> dict[str, str]:
    """Return `base` with each layer laid over it; None removes a variable."""
    for layer in layers:
        for name, value in layer.items():
            if value is None:
                base.pop(name, None)
            else:
                base[name] = value
    return base
