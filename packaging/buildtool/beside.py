"""Programs that run one after the other beside everything else, with their output kept for later.

Owns a thread and the program that runs now. Never prints before it is asked to.
"""

import os
import signal
import subprocess
import sys
import threading
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
    """`with Beside(steps) as lane: …; lane.outcomes()`. Leaving it early ends what still runs."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps
        self._codes: list[int] = []
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._over = False
        self._thread = threading.Thread(target=self._run, name="beside", daemon=True)

    def __enter__(self) -> Self:
        paths.LOGS.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._over = True
            if self._process is not None:
                end_group(self._process)
        self._thread.join()

    def outcomes(self) -> list[Outcome]:
        """Wait for all steps; return how each ended, with the lines that it printed."""
        self._thread.join()
        return [
            Outcome(step, code, step.log.read_text("utf-8", "replace").splitlines())
            for step, code in zip(self._steps, self._codes, strict=True)
        ]

    def _run(self) -> None:
        for step in self._steps:
            process = self._start(step)
            if process is None:
                return
            self._codes.append(process.wait())

    def _start(self, step: Step) -> "subprocess.Popen[bytes] | None":
        """Start a step, unless it is over."""
        with self._lock, step.log.open("wb") as sink:
            if self._over:
                return None
            self._process = subprocess.Popen(
                [str(part) for part in step.argv],
                cwd=step.cwd,
                env={**os.environ, **step.env},
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            return self._process


def end_group(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process that began a session, with all that is in it."""
    if process.poll() is None:
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
