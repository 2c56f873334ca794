"""What session code says without credit: log records, and how to find its conversation again.

Both are few, unless its code is at fault. Then records beyond a budget are dropped and counted, and
of cursors the newest is told a little later: no sibling waits for either.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from sidecar.contract.base import Json
from sidecar.core.bucket import Bucket
from sidecar.core.lastwords import CHARS_BURST, CHARS_PER_S, LINES_BURST, LINES_PER_S
from sidecar.core.redaction import DEPTH_MAX

RECORD_CHARS: Final = 16 * 1024
"""Of a longer record the log has the name alone: a traceback has less."""

CURSORS_PER_S: Final = 5.0
CURSORS_BURST: Final = 20
"""A provider tells one when it opens a conversation, and perhaps one a turn."""

Clock = Callable[[], float]


class Records:
    """The records of one session's code. `write` gets what is within the budget."""

    def __init__(self, clock: Clock, write: Callable[..., None]) -> None:
        self._clock = clock
        self._write = write
        self._lines = Bucket(LINES_PER_S, LINES_BURST, clock())
        self._chars = Bucket(CHARS_PER_S, CHARS_BURST, clock())
        self._dropped = 0

    def take(self, level: str, event: str, fields: dict[str, Any]) -> None:
        """Write one record if the budget has room for it."""
        now_s = self._clock()
        if not self._lines.take(1, now_s):
            self._dropped += 1
            return
        chars = len(event) + _chars_of(fields, DEPTH_MAX)
        if chars > RECORD_CHARS:
            event, fields, chars = event[:RECORD_CHARS], {"tooLongChars": chars}, 0
        if not self._chars.take(chars, now_s):
            self._dropped += 1
            return
        self.tell_dropped()
        self._write(level, event, **fields)

    def tell_dropped(self) -> None:
        """Write how many were left out since the last time, if any were."""
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            self._write("warning", "session.log.dropped", records=dropped)


def _chars_of(value: Any, depth: int) -> int:
    if isinstance(value, dict) and depth:
        return sum(len(str(key)) + _chars_of(inner, depth - 1) for key, inner in value.items())
    if isinstance(value, list | tuple) and depth:
        return sum(_chars_of(inner, depth - 1) for inner in value)
    return len(value) if isinstance(value, str) else len(str(value))


class Cursors:
    """The resume cursors of one session. `tell` gets the first ones at once."""

    def __init__(self, clock: Clock, tell: Callable[[Json], None]) -> None:
        self._clock = clock
        self._tell = tell
        self._bucket = Bucket(CURSORS_PER_S, CURSORS_BURST, clock())
        self._waiting: list[Json] = []
        """The newest, if it was not told yet."""

    def publish(self, cursor: Json) -> None:
        """Tell it now, or as soon as there is room; one that comes before that replaces it."""
        if not self._waiting and self._bucket.take(1, self._clock()):
            self._tell(cursor)
            return
        if not self._waiting:
            asyncio.get_running_loop().call_later(1 / CURSORS_PER_S, self.flush)
        self._waiting = [cursor]

    def flush(self) -> None:
        """Tell what waits; the session may end then."""
        waiting, self._waiting = self._waiting, []
        for cursor in waiting:
            self._bucket.take(1, self._clock())
            self._tell(cursor)
