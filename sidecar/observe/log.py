"""The structured log: one JSON object a line on stderr, and in a rotated file of the data dir.

Never on stdout (that is the ready line's), never a secret, never a prompt. Writing to stderr is
best effort: a launcher that does not read its pipe must not stop the sidecar.
"""

import contextlib
import logging
import logging.handlers
import os
import select
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

import msgspec

from sidecar.core.correlation import cid_of, taken_from
from sidecar.observe.clock import utc_now

LOG_FILE_BYTES = 5 * 1024 * 1024
LOG_FILES = 3
"""The file and two predecessors: 15 MiB of history at most."""

PIPE_ATOMIC_BYTES = 4096
"""POSIX: a pipe that polls writable takes this many bytes at once without blocking."""

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


Sink = Callable[[str], None]
"""Takes one finished line without its newline."""


class Cleaner(Protocol):
    """Takes known secrets out of what is written (core/redaction.Redactor)."""

    def text(self, text: str) -> str:
        """Return a text without them."""

    def value(self, value: Any) -> Any:
        """Return a JSON-like value without them."""

    def learn(self, secrets: Iterable[str]) -> bool:
        """Know more of them; True the first time that older ones are forgotten for it."""


class Secret:
    """A value that no log, repr or str ever shows."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value, for the one place that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__


class Log:
    """Writes records to its sinks. `fields` bound here stand in every record.

    The fields thread, generation, turn and request become one, `cid` (core/correlation). What
    `cleaner` knows as secret is in no record.
    """

    def __init__(
        self,
        sinks: tuple[Sink, ...] = (),
        level: str = "info",
        cleaner: Cleaner | None = None,
        **fields: Any,
    ) -> None:
        self._sinks = sinks
        self._level = LEVELS[level]
        self._cleaner = cleaner
        self._fields = fields

    def bind(self, **fields: Any) -> "Log":
        """Return a log whose records carry `fields` too."""
        child = Log(self._sinks, cleaner=self._cleaner, **(self._fields | fields))
        child._level = self._level
        return child

    def clean(self, text: str) -> str:
        """Return a text of somebody else's, such as a host's last words, without known secrets."""
        return text if self._cleaner is None else self._cleaner.text(text)

    def clean_value(self, value: Any) -> Any:
        """Return a JSON-like value without known secrets."""
        return value if self._cleaner is None else self._cleaner.value(value)

    def learn(self, secrets: Iterable[str]) -> None:
        """Know more values that no record may show."""
        if self._cleaner is not None and self._cleaner.learn(secrets):
            self.warning("redaction.full")

    def write(self, level: str, event: str, **fields: Any) -> None:
        """Write one record; `event` is a dotted name such as `host.exited`."""
        if LEVELS.get(level, 20) < self._level:
            return
        correlation, rest = taken_from(self._fields | fields)
        if self._cleaner is not None:
            rest = self._cleaner.value(rest)
        cid = cid_of(correlation)
        about = {} if cid is None else {"cid": cid}
        record = {"at": utc_now(), "level": level, "event": event, **about, **rest}
        line = msgspec.json.encode(record, enc_hook=str).decode()
        for sink in self._sinks:
            sink(line)

    def debug(self, event: str, **fields: Any) -> None:
        """Write a record that only a developer wants."""
        self.write("debug", event, **fields)

    def info(self, event: str, **fields: Any) -> None:
        """Write a record of the normal course."""
        self.write("info", event, **fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Write a record of something odd that was dealt with."""
        self.write("warning", event, **fields)

    def error(self, event: str, **fields: Any) -> None:
        """Write a record of something that failed."""
        self.write("error", event, **fields)

    def exception(self, event: str, error: BaseException, **fields: Any) -> None:
        """Write a record of an unexpected exception, with its traceback."""
        traceback = logging.Formatter().formatException((type(error), error, error.__traceback__))
        self.write("error", event, error=repr(error), traceback=traceback, **fields)


def stderr_sink() -> Sink:
    """Return a sink on fd 2 that drops the rest of a line rather than wait for its reader."""
    writable = _writable_check()

    def write(line: str) -> None:
        data = (line + "\n").encode("utf-8", "replace")
        with contextlib.suppress(OSError):
            for start in range(0, len(data), PIPE_ATOMIC_BYTES):
                if not writable():
                    return
                os.write(2, data[start : start + PIPE_ATOMIC_BYTES])

    return write


def _writable_check() -> Callable[[], bool]:
    """Return a test whether fd 2 takes PIPE_ATOMIC_BYTES without blocking."""
    if not hasattr(select, "poll"):
        return lambda: True
    poll = select.poll()
    poll.register(2, select.POLLOUT)
    return lambda: any(mask & select.POLLOUT for _, mask in poll.poll(0))


class _Handler(logging.handlers.RotatingFileHandler):
    """Loses a line that cannot be written: there is nowhere to say so, and nobody may wait."""

    def _open(self) -> Any:
        return open(
            self.baseFilename,
            self.mode,
            encoding=self.encoding,
            errors=self.errors,
            opener=_open_private,
        )

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Do nothing."""


def _open_private(path: str, flags: int) -> int:
    """Open for the owner alone; one that an older version left open to others is closed to them."""
    fd = os.open(path, flags | getattr(os, "O_CLOEXEC", 0), 0o600)
    if hasattr(os, "fchmod"):
        with contextlib.suppress(OSError):
            os.fchmod(fd, 0o600)
    return fd


class FileSink:
    """A sink on a rotated file: LOG_FILES files of LOG_FILE_BYTES."""

    def __init__(self, path: Path) -> None:
        self._handler = _Handler(
            path,
            maxBytes=LOG_FILE_BYTES,
            backupCount=LOG_FILES - 1,
            encoding="utf-8",
            errors="replace",
            delay=True,
        )
        self._handler.setFormatter(logging.Formatter("%(message)s"))

    def __call__(self, line: str) -> None:
        """Write a line; a full disk loses it and nothing else."""
        self._handler.emit(logging.LogRecord("sidecar", logging.INFO, "", 0, line, None, None))

    def close(self) -> None:
        """Close the file."""
        self._handler.close()


def null_log() -> Log:
    """Return a log without sinks."""
    return Log()
