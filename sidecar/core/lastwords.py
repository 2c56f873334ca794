"""What a process says on stderr: its last words, and its lines for a log. Text in, text out.

Bounded twice over: LastWords keeps a tail and at most one line; StderrLog writes no more lines and
characters than its budget and counts the rest. What leaves either was redacted first, and nothing
that a cut may have halved is shown: half a secret is no longer known as one.
"""

from collections.abc import Callable
from typing import Any, Final

from sidecar.contract.limits import STDERR_TAIL_CHARS
from sidecar.core.bucket import Bucket
from sidecar.core.redaction import REDACTED, SECRET_CHARS_MAX, Redactor

LINE_CHARS: Final = 2 * SECRET_CHARS_MAX
"""Longest line that is held; what comes behind it is dropped up to the line's end."""

SHOWN_CHARS: Final = 4 * 1024
"""What of a line a log shows."""

KEY_LINES: Final = 200
"""Lines of a private key that is written line by line; RSA with 16384 bits has 200."""

LINES_PER_S: Final = 50.0
LINES_BURST: Final = 200
"""A traceback comes whole; what a debug log says all the time is thinned out."""

CHARS_PER_S: Final = 32 * 1024.0
CHARS_BURST: Final = 128 * 1024

Redact = Callable[[str], str]
OnLine = Callable[[str, bool], None]
"""Takes a raw line without its end, and whether it was cut."""

Write = Callable[..., None]
"""Writes a record: (level, event, **fields)."""


class LastWords:
    """The end of what was said. Raw text in; `tail` is redacted each time that it is asked for."""

    def __init__(self, redact: Redact | None = None, on_line: OnLine | None = None) -> None:
        self._redact = redact
        self._on_line = on_line
        self._raw = ""
        self._cut = False
        self._line = ""
        self._line_cut = False

    @property
    def tail(self) -> str:
        """The last STDERR_TAIL_CHARS characters at most."""
        if self._redact is None:
            return self._raw[-STDERR_TAIL_CHARS:]
        cleaned = self._redact(self._raw)
        if self._cut:
            cleaned = cleaned[SECRET_CHARS_MAX:]  # may begin within a secret
        return cleaned[-STDERR_TAIL_CHARS:]

    def feed(self, text: str) -> None:
        """Take what was said next."""
        kept = STDERR_TAIL_CHARS + (SECRET_CHARS_MAX if self._redact is not None else 0)
        self._raw += text
        if len(self._raw) > kept:
            self._raw, self._cut = self._raw[-kept:], True
        if self._on_line is not None:
            self._split(text, self._on_line)

    def end(self) -> None:
        """Take a last line that has no end."""
        if self._on_line is not None and (self._line or self._line_cut):
            self._on_line(self._line.rstrip("\r"), self._line_cut)
        self._line, self._line_cut = "", False

    def _split(self, text: str, on_line: OnLine) -> None:
        *whole, rest = text.split("\n")
        for line in whole:
            self._hold(line)
            on_line(self._line.rstrip("\r"), self._line_cut)
            self._line, self._line_cut = "", False
        self._hold(rest)

    def _hold(self, text: str) -> None:
        room = LINE_CHARS - len(self._line)
        self._line += text[:room]
        self._line_cut = self._line_cut or len(text) > room


class StderrLog:
    """Writes a process's lines as records `provider.stderr`, redacted and within a budget.

    What was dropped is told by one record `provider.stderr.dropped` before the next line, and at
    the end.
    """

    def __init__(self, redactor: Redactor, clock: Callable[[], float], write: Write) -> None:
        self._redactor = redactor
        self._clock = clock
        self._write = write
        now_s = clock()
        self._lines = Bucket(LINES_PER_S, LINES_BURST, now_s)
        self._chars = Bucket(CHARS_PER_S, CHARS_BURST, now_s)
        self._dropped_lines = self._dropped_chars = 0

    def quiet_reader(self) -> LastWords:
        """Return the reader of a stderr whose end alone is wanted."""
        return LastWords(self._redactor.text)

    def reader(self, fields: dict[str, Any]) -> LastWords:
        """Return the reader of one process's stderr; `fields` stand in its records."""
        lines = _Lines(self, fields)
        return LastWords(self._redactor.text, lines.take)

    def line(self, line: str, fields: dict[str, Any], *, cut: bool) -> None:
        """Write one line if the budget has room for it."""
        now_s = self._clock()
        cost = min(len(line), SHOWN_CHARS)
        if not (self._lines.take(1, now_s) and self._chars.take(cost, now_s)):
            self._dropped_lines += 1
            self._dropped_chars += len(line)
            return
        self.tell_dropped()
        cleaned = self._redactor.text(line)
        if cut:
            cleaned = cleaned[:-SECRET_CHARS_MAX]  # may end within a secret
        more = {"cut": True} if cut or len(cleaned) > SHOWN_CHARS else {}
        self._write("info", "provider.stderr", **fields, line=cleaned[:SHOWN_CHARS], **more)

    def tell_dropped(self) -> None:
        """Write how much was left out since the last time, if anything was."""
        if self._dropped_lines:
            lines, chars = self._dropped_lines, self._dropped_chars
            self._dropped_lines = self._dropped_chars = 0
            self._write("warning", "provider.stderr.dropped", lines=lines, chars=chars)


class _Lines:
    """The lines of one process: blank ones and those of a private key are left out."""

    def __init__(self, log: StderrLog, fields: dict[str, Any]) -> None:
        self._log = log
        self._fields = fields
        self._key_lines = 0
        """Lines that may still belong to a private key; 0 outside of one."""

    def take(self, line: str, cut: bool) -> None:
        if "PRIVATE KEY" in line:
            opens = line.rfind("-----BEGIN ") > line.rfind("-----END ")
            self._key_lines = KEY_LINES if opens else 0
        elif self._key_lines:
            self._key_lines -= 1
            if "-----END " not in line:
                line = REDACTED if self._key_lines == KEY_LINES - 1 else ""
        if line.strip():
            self._log.line(line, self._fields, cut=cut)
