"""What a process is to us, and how it ended. Values alone: asks the operating system nothing.

A pid is a number that comes round again (32,768 of them on many machines), so nothing here or
above it names a process by its pid alone.
"""

import signal
from dataclasses import dataclass
from typing import NamedTuple


class ProcessKey(NamedTuple):
    """The identity of a process.

    `create_time` is only ever compared for equality with another of this machine's current boot:
    clock ticks since boot on Linux, seconds since 1970 elsewhere.
    """

    pid: int
    create_time: float


class ProcessInfo(NamedTuple):
    """One process as a census saw it. `group` and `session` are 0 where a platform has none."""

    key: ProcessKey
    parent: int
    group: int
    session: int
    dead: bool
    """It has ended, and only its parent's wait is missing (a zombie)."""

    name: str


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended; both None when nobody could learn it."""

    code: int | None = None
    signal: int | None = None

    def describe(self) -> str:
        """Say it as the end of a sentence: `exited with code 3`, `was killed by SIGKILL`."""
        if self.signal is not None:
            return f"was killed by {_signal_name(self.signal)}"
        if self.code is not None:
            return f"exited with code {self.code}"
        return "ended, nobody knows how"

    def returncode(self) -> int:
        """Return it as subprocess says it; 0 when nobody could learn it."""
        return -self.signal if self.signal is not None else self.code or 0


UNKNOWN_EXIT = Exit()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
