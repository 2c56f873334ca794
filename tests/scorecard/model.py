"""The words of the scorecard: a row, a system that it is run against, what came out.

    tests/scorecard/rows/<name>.py     ROW: RowSpec, one scenario each
    tests/scorecard/systems/sidecar.py SidecarSystem(arena folder, settings, command)
    tests/scorecard/systems/node.py    NodeSystem(folder), the baseline
    tests/scorecard/agent/agent.py     the agent that both are given (AGENT.md)
    tests/scorecard/render/            table(report) -> str, html(report) -> str

A row is a scenario in terms of a System, so that the same code and the same observer judge ours
and the Node baseline. What counts comes from outside of the systems: the agent's own write log
(`observe.writes`), the consumer's receipts (below) and an argv sentinel in /proc
(`observe.processes`). This module and all of `observe` import nothing of sidecar/.

How loss and doubling are told exactly. The agent names each piece of text `<thread>:<pid>:<n>`
(`n` from 1, one sequence a process) and says it as `[[<id>]] padding`. Around each write it adds
two lines to its log, each by one write(2) to a file opened with O_APPEND:

    + <id> <monotonic_ns>      before the line that carries it goes out
    = <id> <monotonic_ns>      after write(2) has returned for the whole line

An id with `=` left the process: the consumer must get it once, whatever died since. One with `+`
alone (the process was killed between the two) may come once or not at all. Each id that comes more
than once is doubled; so is a piece of history that a resume repeats as new.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

Verdict = Literal["green", "red"]

SystemName = Literal["sidecar", "node"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """One piece of the agent's text as the consumer got it."""

    thread: str
    id: str
    at_ns: int
    """CLOCK_MONOTONIC of the observer: the same clock as the agent's log."""


@dataclass(frozen=True, slots=True)
class Fact:
    """Anything else that the consumer was told about a session, in words both systems share.

    kind: `ready`, `turn-started`, `turn-ended` (text: its state), `request` (text: its id),
    `resolved` (text: its id), `restarting`, `gave-up`, `exited` (text: the reason), `warning`
    (text: the kind of detail, or the message), `stopped`, `error`, `recall` (text: the number that
    the agent said it remembers).
    """

    thread: str
    kind: str
    text: str
    at_ns: int
    detail: dict[str, Any] = field(default_factory=dict)
    """The message itself, for a row that looks closer."""


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """A session to start. A system ignores what it has no word for."""

    thread: str
    agent: Sequence[str]
    """argv of the agent, complete."""
    parent: str | None = None
    restart: dict[str, Any] | None = None
    """PROTOCOL's `restart`, in its spelling."""
    limits: dict[str, Any] | None = None
    """PROTOCOL's `limits`, in its spelling."""
    faulty: bool = False
    """Its session code has the planted defect: it raises out of an asynchronous callback when the
    agent sends its `poison` message. The same defect for both systems."""


class System(Protocol):
    """What a row drives. One object a run of a row; the consumer is part of it.

    Every method is bounded and raises TimeoutError, or SystemFailedError in words.
    """

    name: SystemName

    @property
    def receipts(self) -> list[Receipt]:
        """All that the consumer got, in order, over all of its connections."""

    @property
    def facts(self) -> list[Fact]:
        """What else it was told, in order."""

    async def start(self) -> None:
        """Start the system (again, on the same data, after its death) and connect the consumer."""

    async def stop(self) -> None:
        """End it as its launcher would, in order. Kills nothing that an orderly end should."""

    async def died(self) -> None:
        """Take note of the main process' death (a row kills it by pid); `start` may follow."""

    async def open(self, plan: SessionPlan) -> None:
        """Start a session; returns once the agent is ready."""

    async def send(self, thread: str, text: str, key: str | None = None) -> None:
        """Begin a turn; returns once it was accepted, not at its end.

        One that was sent with the same key before is the same turn: it is not begun again.
        """

    async def answer(self, thread: str, request: str) -> None:
        """Allow what a request of the agent asks for."""

    async def interrupt(self, thread: str) -> None:
        """Cancel the running turn."""

    async def close(self, thread: str) -> None:
        """Stop a session and, with it, the tree below it."""

    async def drop(self) -> None:
        """Pull the consumer's cable: no close, no goodbye. What it had is kept."""

    async def reconnect(self) -> None:
        """Connect the consumer again, from where it was."""

    async def hold(self) -> None:
        """Let the consumer be stuck: it takes in, and confirms, nothing more."""

    async def release(self) -> None:
        """Let the consumer go on."""

    def figures(self) -> dict[str, Any]:
        """What this system counts of its own: shown in the row, judged only where a row says so.

        Of ours: `unackedMostBytes`, `creditBytes`, `broken` (breaches of order that the consumer
        saw), `gaps`.
        """

    async def wait(self, ready: Callable[[], bool], what: str, timeout_s: float) -> None:
        """Wait until `ready()`; looked at whenever the consumer gets something, and each 50 ms."""

    @property
    def main_pid(self) -> int:
        """The process that all sessions hang on: supervisor, or Node."""

    def log_lines(self) -> list[str]:
        """All lines that the system has logged so far, its consumer's included, oldest first."""

    def correlation(self, thread: str) -> str:
        """The one word by which the log lines of a session are found."""


class SystemFailedError(RuntimeError):
    """Raised by a System that cannot do what a row asks of it; a finding, not a defect."""


class RowOverError(Exception):
    """Raised by a hasty row at the first demand that is not met."""


@dataclass(slots=True)
class Outcome:
    """One row of one system, measured. None: not measured by this row."""

    what_happened: str
    """One sentence for a person."""
    siblings: int = 0
    siblings_affected: int = 0
    """Sessions that the failure was none of: text lost, doubled or cut, or process gone."""
    events_lost: int = 0
    events_doubled: int = 0
    processes_left: int = 0
    recovery_ms: float | None = None
    """From the failure until the failed session said its next new word."""
    memory_before_bytes: int | None = None
    """PSS of the system's own processes; agents are the same in both systems and left out."""
    memory_after_bytes: int | None = None
    verdict: Verdict = "green"
    reasons: list[str] = field(default_factory=list)
    """What a red verdict is for, in words; empty when green."""
    has_sessions: bool = True
    """False: the row has none, so that siblings and events are not counted."""
    carried_out: bool = True
    """False: the row broke off; its counts are not to be shown as zeros."""
    extra: dict[str, Any] = field(default_factory=dict)
    """Further figures by name, with units in their names (`siblingP99Ms`)."""


@dataclass(frozen=True, slots=True)
class Arena:
    """What a row gets to work with: one system, one folder, how long it may take."""

    system: System
    folder: Path
    """Empty and the row's own: write logs, the agent's store."""
    sentinel: str
    """Stands in the argv of every agent; the observer counts by it."""
    quick: bool
    """Smaller numbers for tests: same claims."""
    hasty: bool = False
    """The row is over with the first demand that is not met: what a sabotage is run for."""


Run = Callable[[Arena], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class RowSpec:
    """A scenario. `settings` are for the sidecar's bootstrap (PROTOCOL §1), by the row's needs."""

    name: str
    title: str
    run: Run
    sabotages: tuple[str, ...]
    """Names of `tests.scorecard.sabotage` that must turn ours red in this row."""
    settings: dict[str, Any] = field(default_factory=dict)
    timeout_s: float = 120.0
    quick_timeout_s: float = 150.0
    """Bounds what hangs; a row takes 5 to 20 s, but machines that run tests are busy."""


@dataclass(slots=True)
class RowResult:
    """One line of the table."""

    name: str
    title: str
    sidecar: Outcome | None = None
    node: Outcome | None = None


@dataclass(slots=True)
class Report:
    """A run of the scorecard: what is printed, and written as JSON, SVG and HTML."""

    rows: list[RowResult] = field(default_factory=list)
    quick: bool = False
    sabotage: str | None = None
    command: list[str] = field(default_factory=list)
    """What was run as ours."""
    machine: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def green(self) -> bool:
        """Whether every row of ours that ran is green."""
        return all(row.sidecar is None or row.sidecar.verdict == "green" for row in self.rows)
