"""Programs that run beside everything else, some at a time, with their output kept for later.

Owns a thread for each lane and the program that runs in it. Never prints before it is asked to.
"""

import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from buildtool import paths


@dataclass(frozen=True)
class Step:
    """A program to run; its output goes to build/logs/<title>.log."""

    title: str
    argv: Sequence[str | Path]
    cwd: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        """Where its output is."""
        return paths.LOGS / f"{self.title}.log"


@dataclass(frozen=True)
class Outcome:
    """How a step ended."""

    step: Step
    code: int
    lines: list[str]


class Beside:
    """`with Beside(steps) as beside: …; beside.outcomes()`. Leaving it early ends what still runs.

    Steps begin in their order, each as soon as one of the lanes is free.
    """

    def __init__(self, steps: Sequence[Step], lanes: int = 1) -> None:
        self._steps = steps
        self._waiting = deque(enumerate(steps))
        self._codes: dict[int, int] = {}
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._over = False
        self._lanes = lanes
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        paths.LOGS.mkdir(parents=True, exist_ok=True)
        for _ in range(self._lanes):
            self.add_lane()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._over = True
            for process in self._running:
                end_group(process)
        self._join()

    def add_lane(self) -> None:
        """Run one more of the steps at a time from now on."""
        thread = threading.Thread(target=self._run, name="beside", daemon=True)
        self._threads.append(thread)
        thread.start()

    def outcomes(self) -> list[Outcome]:
        """Wait for all steps; return how each ended, with the lines that it printed."""
        self._join()
        return [
            Outcome(step, self._codes[number], step.log.read_text("utf-8", "replace").splitlines())
            for number, step in enumerate(self._steps)
        ]

    def _join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while started := self._start():
            number, process = started
            code = process.wait()
            with self._lock:
                self._codes[number] = code
                self._running.discard(process)

    def _start(self) -> "tuple[int, subprocess.Popen[bytes]] | None":
        """Start the next step, unless there is none or it is over."""
        with self._lock:
            if self._over or not self._waiting:
                return None
            number, step = self._waiting.popleft()
            with step.log.open("wb") as sink:
                process = subprocess.Popen(
                    [str(part) for part in step.argv],
                    cwd=step.cwd,
                    env={**os.environ, **step.env},
                    stdin=subprocess.DEVNULL,
                    stdout=sink,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            self._running.add(process)
            return number, process


def end_group(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process that began a session, with all that is in it."""
    if process.poll() is None:
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
