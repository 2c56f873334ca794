"""Hosts' log records on their way into the supervisor's log, with role and correlation.

Owns the budget of all sessions' stderr lines together: each host has bounded its own, but the log
and the supervisor's time are one.
"""

from collections.abc import Callable
from typing import Any, Final

from sidecar.contract.frames import LogFrame
from sidecar.core.bucket import Bucket
from sidecar.observe.log import LEVELS, Log

LINES_PER_S: Final = 500.0
LINES_BURST: Final = 2_000

CHARS_PER_S: Final = 64 * 1024.0
CHARS_BURST: Final = 1024 * 1024
"""The log's 15 MiB then hold four minutes of the worst flood, and everything else beside it."""

STDERR: Final = "provider.stderr"
_LINE_FIELDS: Final = ("program", "line", "cut", "lines", "chars")


def role_of(frame: LogFrame) -> str:
    """Return who speaks in a host's record: the host itself, or a provider through it."""
    return "provider" if frame.event.startswith(STDERR) else "host"


class HostLogs:
    """Writes hosts' records."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        now_s = clock()
        self._lines = Bucket(LINES_PER_S, LINES_BURST, now_s)
        self._chars = Bucket(CHARS_PER_S, CHARS_BURST, now_s)
        self._dropped = 0

    def write(self, log: Log, frame: LogFrame, turn: str | None, host_pid: int | None) -> None:
        """Write a record of a session's host; `turn` is the one that runs now."""
        level = frame.level if frame.level in LEVELS else "info"
        if not frame.event.startswith(STDERR):
            bound = log.bind(role="host", pid=host_pid, turn=turn)
            bound.write(level, frame.event, said=frame.fields)
            return
        line = frame.fields.get("line", "")
        if not self._admits(len(line) if isinstance(line, str) else 0):
            self._dropped += 1
            return
        if self._dropped:
            log.warning("provider.stderr.flooded", lines=self._dropped)
            self._dropped = 0
        fields: dict[str, Any] = {
            name: frame.fields[name] for name in _LINE_FIELDS if name in frame.fields
        }
        log.bind(role="provider", pid=frame.fields.get("pid"), turn=turn).write(
            level, frame.event, **fields
        )

    def _admits(self, chars: int) -> bool:
        now_s = self._clock()
        return self._lines.take(1, now_s) and self._chars.take(chars, now_s)
