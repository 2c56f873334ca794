"""What asyncio and aiohttp say, as records of our own log: stderr has JSON lines and nothing else.

Bounded: a listening socket without descriptors says the same a hundred times in a millisecond.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator

from sidecar.observe.log import Log

RECORDS = 20
PERIOD_S = 1.0
"""Records in a period; what is more is counted and told with the next one."""


class LibraryHandler(logging.Handler):
    """Writes records of the standard library's logging to a Log, as `library.said`."""

    def __init__(self, log: Log, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(logging.WARNING)
        self._log = log
        self._clock = clock
        self._began = float("-inf")
        self._count = 0
        self._unsaid = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, unless there were too many in this period (logging.Handler)."""
        now = self._clock()
        if now - self._began >= PERIOD_S:
            self._began, self._count = now, 0
        self._count += 1
        if self._count > RECORDS:
            self._unsaid += 1
            return
        unsaid, self._unsaid = self._unsaid, 0
        level = "error" if record.levelno >= logging.ERROR else "warning"
        fields = {"unsaid": unsaid} if unsaid else {}
        said = self.format(record)
        self._log.write(level, "library.said", library=record.name, said=said, **fields)


@contextlib.contextmanager
def libraries_log_to(log: Log) -> Iterator[None]:
    """Have libraries speak through `log`; before, what they say goes to stderr as it is."""
    handler = LibraryHandler(log)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
